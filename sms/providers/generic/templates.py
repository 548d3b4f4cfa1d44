"""What is filled into a request: {text}, {recipient}, {secret:NAME} and so on; {{ is a brace."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any, Final, TypeAlias

from sms.providers.base import Submission
from sms.segments import measure

PLACEHOLDERS: Final = (
    "sender_id", "recipient", "recipient_digits", "text", "encoding", "attempt_id", "valid_for", "valid_for_minutes",
    "status_url",
)  # fmt: skip
NUMBERS: Final = frozenset({"valid_for", "valid_for_minutes"})  # in JSON, where nothing stands beside them
SECRET: Final = "secret"  # noqa: S105  the word itself

Values: TypeAlias = Mapping[str, str | None]


def values_of(submission: Submission, *, status_url: str | None) -> Values:
    """Return what the placeholders stand for; None for what there is not."""
    seconds = submission.valid_for
    return {
        "sender_id": submission.sender_id,
        "recipient": submission.recipient,
        "recipient_digits": submission.recipient.removeprefix("+"),
        "text": submission.text,
        "encoding": measure(submission.text).encoding.value,
        "attempt_id": str(submission.attempt_id),
        "valid_for": None if seconds is None else str(seconds),
        "valid_for_minutes": None if seconds is None else str(max(1, seconds // 60)),
        "status_url": status_url,
    }


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders. The secrets are in it already, so it is never shown."""

    pieces: tuple[tuple[str, str | None], ...] = field(repr=False)  # a text, and the placeholder that follows

    @classmethod
    def parse(cls, text: str, *, secrets: Mapping[str, str], allowed: Iterable[str] = PLACEHOLDERS) -> "Template":
        """Read it. Raises ValueError with the end of a sentence."""
        pieces: list[tuple[str, str | None]] = []
        try:
            parsed = list(Formatter().parse(text))
        except ValueError:
            raise ValueError("has a brace without its other half; {{ and }} are braces.") from None
        for before, name, spec, conversion in parsed:
            if name is None or (name in allowed and not spec and not conversion):
                pieces.append((before, name))
            elif name != SECRET:
                raise ValueError(
                    f"has a placeholder that is not known here; what is: {', '.join(allowed)}, secret:NAME."
                )
            elif spec in secrets:
                pieces.append((before + secrets[spec or ""], None))
            else:
                raise ValueError(f"needs the secret '{spec}', which is not in the option 'secrets'.")
        return cls(tuple(pieces))

    @property
    def number(self) -> bool:
        """Whether this is nothing but a placeholder for a number."""
        return len(self.pieces) == 1 and not self.pieces[0][0] and self.pieces[0][1] in NUMBERS

    def fill(self, values: Values) -> str | None:
        """Return the text, or None where something in it is not there."""
        filled = []
        for before, name in self.pieces:
            value = "" if name is None else values[name]
            if value is None:
                return None
            filled.append(before + value)
        return "".join(filled)


def parse_tree(content: Any, *, place: str, secrets: Mapping[str, str]) -> Any:
    """Return a document with templates in place of its texts. Raises ValueError with a sentence."""
    if isinstance(content, dict):
        return {name: parse_tree(one, place=f"{place}.{name}", secrets=secrets) for name, one in content.items()}
    if isinstance(content, list):
        return [parse_tree(one, place=f"{place}.{at}", secrets=secrets) for at, one in enumerate(content)]
    if isinstance(content, str):
        try:
            return Template.parse(content, secrets=secrets)
        except ValueError as error:
            raise ValueError(f"'{place}' {error}") from None
    if content is None or isinstance(content, bool | int | float):
        return content
    raise ValueError(f"'{place}' must be a text, a number, a list or a table.")


_GONE: Final = object()


def fill_tree(tree: Any, values: Values) -> Any:
    """Return the document; what has no value is left out of it, with its name."""
    if isinstance(tree, dict):
        filled = {name: fill_tree(one, values) for name, one in tree.items()}
        return {name: one for name, one in filled.items() if one is not _GONE}
    if isinstance(tree, list):
        return [one for one in (fill_tree(one, values) for one in tree) if one is not _GONE]
    if not isinstance(tree, Template):
        return tree
    text = tree.fill(values)
    if text is None:
        return _GONE
    return int(text) if tree.number else text
