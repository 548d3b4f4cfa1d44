"""What a route takes and answers, in the words of OpenAPI 3.1. Each edge describes its own routes beside them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from edge.openapi.schemas import About
from sms.errors import ErrorCode

JSON: Final = "application/json"

Refusals = Mapping[HTTPStatus, Collection[ErrorCode]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A header, a part of the path, or a part of the query string; its kind is Annotated with `About`."""

    name: str
    where: Literal["header", "path", "query"]
    kind: Any
    is_required: bool = False
    is_list: bool = False  # may be repeated
    example: str | None = None


def query(
    name: str, kind: Any, description: str, *, is_list: bool = False, example: str | None = None, **keywords: Any
) -> Parameter:
    """Return a parameter of a query string."""
    about = About(description, **keywords)
    return Parameter(name=name, where="query", kind=Annotated[kind, about], is_list=is_list, example=example)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request carries."""

    kind: Any
    examples: Mapping[str, object]  # by a sentence on each
    loose_name: str | None = None  # given where what only a rule of the domain forbids does not refuse the request


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that is no refusal."""

    status: HTTPStatus
    description: str
    kind: Any = None  # None: it has no body
    examples: Mapping[str, object] = field(default_factory=dict)
    headers: Sequence[str] = ()  # names in `edge.openapi.headers`; which are always there is said there
    media_type: str = JSON
    links: Mapping[str, str] = field(
        default_factory=dict
    )  # operations that take its member `id`, with a sentence on each


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of a path."""

    method: str
    path: str  # {id} for what differs
    name: str
    group: str
    summary: str
    description: str
    answers: Sequence[Answer]
    refusals: Refusals
    parameters: Sequence[Parameter] = ()
    body: Body | None = None
    needs_key: bool = True
    # Members that a problem document has beyond those of all others, by status.
    more: Mapping[HTTPStatus, Any] = field(default_factory=dict)
    headers: Mapping[HTTPStatus, Sequence[str]] = field(default_factory=dict)  # of refusals


# Any request may be sent to a host name that is not ours (400), with a method that is not possible, or meet a fault.
ANYWHERE: Final[Refusals] = {
    HTTPStatus.BAD_REQUEST: (ErrorCode.INVALID_REQUEST,),
    HTTPStatus.METHOD_NOT_ALLOWED: (ErrorCode.INVALID_REQUEST,),
    HTTPStatus.INTERNAL_SERVER_ERROR: (ErrorCode.INTERNAL_ERROR,),
    HTTPStatus.SERVICE_UNAVAILABLE: (ErrorCode.SERVICE_UNAVAILABLE, ErrorCode.OVERLOADED),
}
WITH_KEY: Final[Refusals] = {
    HTTPStatus.UNAUTHORIZED: (ErrorCode.UNAUTHENTICATED,),
    HTTPStatus.FORBIDDEN: (ErrorCode.PERMISSION_DENIED,),
}
WITH_BODY: Final[Refusals] = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (ErrorCode.BODY_TOO_LARGE,)}


def refusals(*several: Refusals) -> Refusals:
    """Return all of several refusals, by status, each code once."""
    joined: dict[HTTPStatus, dict[ErrorCode, None]] = {}
    for one in several:
        for status, codes in one.items():
            joined.setdefault(status, {}).update(dict.fromkeys(codes))
    return {status: tuple(joined[status]) for status in sorted(joined)}
