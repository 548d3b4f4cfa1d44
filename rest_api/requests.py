"""What a REST client may send, checked for its shape; the rules of the domain are applied behind it."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request

from edge import bodies
from edge.problems import BadRequest
from rest_api.fields import Fields, NewBatchMessage, NewMessage, NewMessages, fields_of
from sms.listing import MessageFilter
from sms.services.accept_many import ErrorPolicy, check_size
from sms.statuses import Status

MESSAGE = fields_of(NewMessage)
BATCH_MESSAGE = fields_of(NewBatchMessage)
BATCH = fields_of(NewMessages)
NAMES = {str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}


async def new_message(request: Request) -> dict[str, Any]:
    """Return the fields of a message to send. Raises BadRequest, or BodyTooLarge."""
    return _message(_json_object(request, await bodies.read(request)), MESSAGE)


async def new_messages(request: Request) -> dict[str, Any]:
    """Return what `accept_many` takes, but for the key of the batch. Raises BadRequest, InvalidBatch, BodyTooLarge."""
    document = _json_object(request, await bodies.read(request, limit=bodies.LARGEST_BATCH))
    batch = _fields(document, BATCH)
    check_size(len(batch["messages"]))
    for place, message in enumerate(batch["messages"]):
        where = f"messages[{place}]"
        _require(message, where, dict)
        batch["messages"][place] = _message(message, BATCH_MESSAGE, where=f"{where}.")
    if "error_policy" in batch:
        try:
            batch["error_policy"] = ErrorPolicy(batch["error_policy"])
        except ValueError:
            detail = f"'error_policy' must be {' or '.join(ErrorPolicy)}."
            raise BadRequest(detail, field="error_policy") from None
    return batch


def page(request: Request) -> dict[str, Any]:
    """Return what `sms.listing.messages` takes of a query string, but for the account. Raises BadRequest."""
    given: dict[str, Any] = {}
    statuses: list[Status] = []
    for name, written in request.query_params.multi_items():
        if name not in PARAMETERS:
            raise BadRequest(f"'{name[:50]}' is not a parameter of this request.", field=name[:50])
        if name in given:
            raise BadRequest(f"'{name}' is given twice; only 'status' may be.", field=name)
        value = PARAMETERS[name](written, name)
        if name == "status":
            statuses.append(value)
        else:
            given[name] = value
    paging: dict[str, Any] = {name: given.pop(name) for name in ("limit", "after") if name in given}
    return {"wanted": MessageFilter(statuses=statuses or None, is_test=given.pop("test", None), **given), **paging}


def _text(written: str, _: str) -> str:
    return written


def _status(written: str, name: str) -> Status:
    try:
        return Status(written)
    except ValueError:
        raise BadRequest(f"'{name}' must be one of {', '.join(Status)}.", field=name) from None


def _moment(written: str, name: str) -> datetime:
    return _time(written.replace(" ", "+"), name)  # a + that was not written as %2B comes as a space


def _truth(written: str, name: str) -> bool:
    if written not in TRUTHS:
        raise BadRequest(f"'{name}' must be {' or '.join(TRUTHS)}.", field=name)
    return TRUTHS[written]


def _number(written: str, name: str) -> int:
    if not _is_number(written):
        raise BadRequest(f"'{name}' must be a whole number.", field=name)
    return int(written)


TRUTHS = {"true": True, "false": False}
_is_number = re.compile("-?[0-9]{1,9}").fullmatch
PARAMETERS: Mapping[str, Callable[[str, str], Any]] = {
    "status": _status,
    "recipient": _text,
    "sender_id": _text,
    "client_reference": _text,
    "created_after": _moment,
    "created_before": _moment,
    "test": _truth,
    "limit": _number,
    "after": _text,
}


def _message(document: dict[str, Any], fields: Fields, *, where: str = "") -> dict[str, Any]:
    """Return what `accept` takes. Raises BadRequest."""
    given = _fields(document, fields, where=where)
    if "send_at" in given:
        given["send_at"] = _time(given["send_at"], f"{where}send_at")
    if "metadata" in given:
        for name, value in given["metadata"].items():
            _require(value, f"{where}metadata.{name[:50]}", str)
        given["metadata"] = list(given["metadata"].items())
    return given


def _time(written: str, name: str) -> datetime:
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        raise BadRequest(
            f"'{name}' must be a time as RFC 3339 has it, such as 2027-01-31T09:00:00Z.", field=name
        ) from None


def _fields(document: dict[str, Any], fields: Fields, *, where: str = "") -> dict[str, Any]:
    """Return what was given of the fields that there are; null is as if it were not given. Raises BadRequest."""
    required, optional = fields
    if unknown := document.keys() - required.keys() - optional.keys():
        name = f"{where}{min(unknown)[:50]}"
        raise BadRequest(f"'{name}' is not a field of this request.", field=name)
    for field, kind in required.items():
        if field not in document:
            raise BadRequest(f"'{where}{field}' is missing.", field=f"{where}{field}")
        _require(document[field], f"{where}{field}", kind)
    given = {field: document[field] for field in required}
    for field, kind in optional.items():
        if (value := document.get(field)) is not None:
            _require(value, f"{where}{field}", kind)
            given[field] = value
    return given


def _json_object(request: Request, body: bytes) -> dict[str, Any]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise BadRequest("Send it as JSON, with the header 'Content-Type: application/json'.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {error}.") from None
    if not isinstance(document, dict):
        raise BadRequest("The body is not a JSON object.")
    return document


def _require(value: object, name: str, kind: type) -> None:
    if type(value) is not kind:  # a bool is no number here
        raise BadRequest(f"'{name}' must be {NAMES[kind]}.", field=name)
