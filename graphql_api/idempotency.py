"""The HTTP headers `Idempotency-Key` and `Idempotency-Replayed`, for operations with a single field to send."""

from collections.abc import Callable, Iterator, Sequence

from graphql import FieldNode, FragmentSpreadNode, SelectionNode

from graphql_api.context import Context, Info
from sms.errors import ErrorCode, InvalidMessage, SmsError
from sms.services.rules import clean_key
from sms.services.store import Accepted, is_replayed

REPLAYED = "Idempotency-Replayed"


def key_of(context: Context, given: str | None, is_alone: Callable[[], bool]) -> str | None:
    """Return the idempotency key of a field, from its input or from the header.

    Raises InvalidMessage where nobody could say which message the header's key stands for.
    """
    header = context.idempotency_key
    if header is None:
        return given
    if given is not None and header not in {given, f'"{given}"'}:
        raise _invalid("The header 'Idempotency-Key' and the input field differ; give one of them.")
    if not is_alone():
        raise _invalid("The header 'Idempotency-Key' is for one field; give each its own key in the input.")
    return header


def tell_replayed(context: Context, results: Sequence[Accepted | SmsError], is_alone: Callable[[], bool]) -> None:
    """Say in a header of the answer, as REST does, when everything was accepted before."""
    if context.response is not None and all(is_replayed(one) for one in results) and is_alone():
        context.response.headers[REPLAYED] = "true"


def shown(key: str | None) -> str | None:
    """Return the key of what was accepted as it is told: itself, without the quotes of its quoted form."""
    return None if key is None else clean_key(key)


def is_alone(info: Info) -> bool:
    """Whether the operation has no other field at its root."""
    return len({_name(node) for node in _fields(info, info.operation.selection_set.selections)}) == 1


def _invalid(detail: str) -> InvalidMessage:
    return InvalidMessage(ErrorCode.IDEMPOTENCY_KEY_INVALID, detail, field="idempotency_key")


def _name(node: FieldNode) -> str:
    return (node.alias or node.name).value


def _fields(info: Info, selections: tuple[SelectionNode, ...]) -> Iterator[FieldNode]:
    for selection in selections:
        if isinstance(selection, FieldNode):
            if selection.name.value != "__typename":
                yield selection
        elif isinstance(selection, FragmentSpreadNode):
            fragment = info._raw_info.fragments[selection.name.value]  # noqa: SLF001  nothing public has them
            yield from _fields(info, fragment.selection_set.selections)
        else:
            yield from _fields(info, selection.selection_set.selections)  # type: ignore[attr-defined]
