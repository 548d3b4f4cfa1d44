"""What a REST client may send, checked for its shape; the rules of the domain are applied behind it."""

from typing import Any

import orjson
from starlette.requests import Request

from edge import bodies
from edge.problems import BadRequest

REQUIRED = ("sender_id", "recipient", "text")
OPTIONAL = {"client_reference": str, "delivery_policy": str, "valid_for": int}
NAMES = {str: "a text", int: "a whole number"}


async def new_message(request: Request) -> dict[str, Any]:
    """Return the fields of a message to send. Raises BadRequest, or BodyTooLarge."""
    document = _json_object(request, await bodies.read(request))
    if unknown := sorted(set(document) - {*REQUIRED, *OPTIONAL}):
        raise BadRequest(f"'{unknown[0][:50]}' is not a field of a message.", field=unknown[0][:50])
    for field in REQUIRED:
        if field not in document:
            raise BadRequest(f"'{field}' is missing.", field=field)
        _require(document, field, str)
    given = {field for field in OPTIONAL if document.get(field) is not None}
    for field in sorted(given):
        _require(document, field, OPTIONAL[field])
    return {field: document[field] for field in (*REQUIRED, *given)}


def _json_object(request: Request, body: bytes) -> dict[str, Any]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise BadRequest("Send the message as JSON, with the header 'Content-Type: application/json'.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {error}.") from None
    if not isinstance(document, dict):
        raise BadRequest("The body is not a JSON object.")
    return document


def _require(document: dict[str, Any], field: str, kind: type) -> None:
    if type(document[field]) is not kind:  # a bool is no number here
        raise BadRequest(f"'{field}' must be {NAMES[kind]}.", field=field)
