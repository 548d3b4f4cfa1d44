"""What a REST client may send, checked for its shape; the rules of the domain are applied behind it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import orjson
from starlette.requests import Request

from edge import bodies
from edge.problems import BadRequest
from rest_api import parameters
from rest_api.fields import Fields, NewBatchMessage, NewMessage, NewMessages, NewOptOut, fields_of
from sms.listing import MessageFilter
from sms.services.accept_many import ErrorPolicy, check_size
from sms.services.duplicates import DuplicatePolicy

MESSAGE = fields_of(NewMessage)
BATCH_MESSAGE = fields_of(NewBatchMessage)
BATCH = fields_of(NewMessages)
POLICIES: Mapping[str, type[StrEnum]] = {"error_policy": ErrorPolicy, "duplicates": DuplicatePolicy}
OPT_OUT = fields_of(NewOptOut)
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
    for field, policy in POLICIES.items():
        if field in batch:
            batch[field] = _one_of(policy, batch[field], field)
    return batch


async def new_opt_out(request: Request) -> dict[str, Any]:
    """Return what `sms.services.opt_outs.add` takes, but for the caller. Raises BadRequest, or BodyTooLarge."""
    return _fields(_json_object(request, await bodies.read(request)), OPT_OUT)


def page(request: Request) -> dict[str, Any]:
    """Return what `sms.listing.messages` takes of a query string, but for the account. Raises BadRequest."""
    given = parameters.parse(request.query_params, PARAMETERS)
    paging = parameters.paging(given)
    wanted = MessageFilter(statuses=given.pop("status", None), is_test=given.pop("test", None), **given)
    return {"wanted": wanted, **paging}


def days(request: Request) -> dict[str, Any]:
    """Return which days are asked about, of a query string. Raises BadRequest."""
    given = parameters.parse(request.query_params, {"from": parameters.day, "to": parameters.day})
    return {"since": given.get("from"), "until": given.get("to")}


PARAMETERS: Mapping[str, parameters.Parser] = {
    "status": parameters.status,
    "recipient": parameters.text,
    "sender_id": parameters.text,
    "client_reference": parameters.text,
    "created_after": parameters.moment,
    "created_before": parameters.moment,
    "test": parameters.truth,
    "limit": parameters.number,
    "after": parameters.text,
}


def _message(document: dict[str, Any], fields: Fields, *, where: str = "") -> dict[str, Any]:
    """Return what `accept` takes. Raises BadRequest."""
    given = _fields(document, fields, where=where)
    if "send_at" in given:
        given["send_at"] = parameters.time(given["send_at"], f"{where}send_at")
    if "metadata" in given:
        for name, value in given["metadata"].items():
            _require(value, f"{where}metadata.{name[:50]}", str)
        given["metadata"] = list(given["metadata"].items())
    return given


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


def _one_of(policy: type[StrEnum], given: str, field: str) -> StrEnum:
    try:
        return policy(given)
    except ValueError:
        raise BadRequest(f"'{field}' must be {' or '.join(policy)}.", field=field) from None


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
