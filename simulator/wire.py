"""Requests, from bytes to messages, refused in words."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request

from simulator.phone_numbers import is_number

LARGEST_BODY = 4 * 1024 * 1024  # bytes: a full batch of ten segments each, in any script
LARGEST_BATCH = 1_000
LONGEST_REFERENCE = 255
LONGEST_SENDER = 20
LONGEST_TEXT = 1_600
LONGEST_COUNT = 9  # digits


class Message(NamedTuple):
    """One message to send."""

    client_reference: str
    sender: str
    to: str
    text: str


class Inbound(NamedTuple):
    """A text that a handset is to send."""

    sender: str
    to: str
    text: str
    reference: str | None  # the same one again is the same text once more
    part: dict[str, Any] | None


class Refused(Exception):
    """A request, or one message of it, that is not taken: an HTTP status, a stable code, a sentence."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Refusal(NamedTuple):
    """One bad message of a batch; its neighbours are taken."""

    client_reference: str
    refused: Refused


async def read_body(request: Request) -> bytes:
    """Return the raw body. Raises Refused without reading on when it is too large."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > LARGEST_BODY:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_BODY:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def parse_message(body: bytes) -> Message:
    """Parse the body of `POST /v1/messages`. Raises Refused."""
    document = _parse_object(body)
    return _message(document, _client_reference(document, "'client_reference'"))


def parse_batch(body: bytes) -> list[Message | Refusal]:
    """Parse the body of `POST /v1/batches`. Raises Refused when a message in it could not be named in an answer."""
    documents = _parse_object(body).get("messages")
    if not isinstance(documents, list) or not 1 <= len(documents) <= LARGEST_BATCH:
        raise Refused("invalid_request", f"'messages' must be a list of 1 to {LARGEST_BATCH} messages.")
    return _parse_each(documents)


def parse_inbound(body: bytes) -> Inbound:
    """Parse the body of `POST /v1/inbound`. Raises Refused."""
    document = _parse_object(body)
    sender, to, text = document.get("from"), document.get("to"), document.get("text")
    if not isinstance(sender, str) or not is_number(sender):
        raise Refused("invalid_sender", "'from' must be an international number, with or without a plus.")
    if not isinstance(to, str) or not 1 <= len(to) <= LONGEST_SENDER:
        raise Refused("invalid_destination", f"'to' must be a text of 1 to {LONGEST_SENDER} characters.")
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise Refused("invalid_text", f"'text' must be a text of up to {LONGEST_TEXT} characters.")
    reference, part = document.get("reference"), document.get("part")
    if reference is not None and (not isinstance(reference, str) or not 1 <= len(reference) <= LONGEST_REFERENCE):
        raise Refused("invalid_request", f"'reference' must be a text of 1 to {LONGEST_REFERENCE} characters.")
    if part is not None and not _is_part(part):
        raise Refused("invalid_request", "'part' must be an object with a 'reference', a 'number' and a 'total'.")
    return Inbound(sender, to, text, reference, part)


def _is_part(part: object) -> bool:
    match part:
        case {"reference": str(), "number": int(), "total": int()}:
            return True
    return False


def parse_count(text: str) -> int:
    """Parse the `at_least` of a query. Raises Refused."""
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_COUNT):
        raise Refused("invalid_request", "'at_least' must be a whole number.")
    return int(text)


def _parse_each(documents: Sequence[object]) -> list[Message | Refusal]:
    parsed: list[Message | Refusal] = []
    for number, document in enumerate(documents):
        if not isinstance(document, dict):
            raise Refused("invalid_request", f"'messages[{number}]' must be an object.")
        client_reference = _client_reference(document, f"'messages[{number}].client_reference'")
        try:
            parsed.append(_message(document, client_reference))
        except Refused as refused:
            parsed.append(Refusal(client_reference, refused))
    return parsed


def _parse_object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused("invalid_request", f"The body is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise Refused("invalid_request", "The body must be a JSON object.")
    return document


def _client_reference(document: dict[str, Any], field: str) -> str:
    value = document.get("client_reference")
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_REFERENCE:
        raise Refused("invalid_request", f"{field} must be a text of 1 to {LONGEST_REFERENCE} characters.")
    return value


def _message(document: dict[str, Any], client_reference: str) -> Message:
    sender, to, text = document.get("from"), document.get("to"), document.get("text")
    if not isinstance(sender, str) or not 1 <= len(sender) <= LONGEST_SENDER:
        raise Refused("invalid_sender", f"'from' must be a text of 1 to {LONGEST_SENDER} characters.")
    if not isinstance(to, str) or not is_number(to):
        raise Refused("invalid_destination", "'to' must be an international number, with or without a plus.")
    if not isinstance(text, str) or not 1 <= len(text) <= LONGEST_TEXT:
        raise Refused("invalid_text", f"'text' must be a text of 1 to {LONGEST_TEXT} characters.")
    return Message(client_reference, sender, to, text)


def _too_large() -> Refused:
    return Refused("too_large", f"The body is larger than {LARGEST_BODY} bytes.", status=413)
