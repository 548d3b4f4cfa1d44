"""REST: `POST /api/messages/`, `POST …/batch/`, `GET …/<id>/`, `POST …/<id>/cancel/`, and `GET /api/events/`."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edge import problems
from edge.callers import caller_of
from edge.endpoint import Endpoint
from rest_api import representations, requests
from rest_api.events import list_events
from sms import scopes, selectors
from sms.errors import ErrorCode, InternalError, MessageNotFound, Unavailable
from sms.services.accept import accept
from sms.services.accept_many import accept_many
from sms.services.cancel import cancel
from sms.services.store import is_replayed

COLLECTION = "/api/messages/"
BATCH = f"{COLLECTION}batch/"
CANCEL = "/cancel"
EVENTS = "/api/events/"
REPLAYED = "Idempotency-Replayed"
OURS = (InternalError, Unavailable)  # refusals that the client need not mend anything for


async def create_message(request: Request) -> Response:
    """Accept one message: 202 once it is stored for good."""
    caller = await caller_of(request)
    fields = await requests.new_message(request)
    accepted = await accept(caller=caller, idempotency_key=request.headers.get("idempotency-key"), **fields)
    headers = {"Location": f"{COLLECTION}{accepted.message.id}/"}
    if accepted.replayed:
        headers[REPLAYED] = "true"
    return _json(representations.message(accepted.message), HTTPStatus.ACCEPTED, headers)


async def create_messages(request: Request) -> Response:
    """Accept many messages: 202 once those that are accepted are stored for good, 400 if none is."""
    caller = await caller_of(request)
    batch = await requests.new_messages(request)
    results = await accept_many(caller=caller, idempotency_key=request.headers.get("idempotency-key"), **batch)
    shown = representations.results(results)
    if not shown["accepted"]:
        if (ours := next((one for one in results if isinstance(one, OURS)), None)) is not None:
            return problems.from_error(ours)
        detail = "None of the messages was accepted; 'results' tells why."
        return problems.problem(HTTPStatus.BAD_REQUEST, ErrorCode.BATCH_REFUSED, detail, **shown)
    headers = {REPLAYED: "true"} if all(map(is_replayed, results)) else {}
    return _json(shown, HTTPStatus.ACCEPTED, headers)


async def show_message(request: Request) -> Response:
    """Return one message with its history."""
    caller = await caller_of(request)
    caller.require(scopes.READ)
    message_id = _id_in(request.scope["path"])
    found = await selectors.message(account_id=caller.account_id, message_id=message_id)
    return _json(representations.message(found), HTTPStatus.OK, {})


async def cancel_message(request: Request) -> Response:
    """Withdraw one message before it is sent."""
    caller = await caller_of(request)
    message_id = _id_in(request.scope["path"].rstrip("/").removesuffix(CANCEL))
    canceled = await cancel(caller=caller, message_id=message_id)
    return _json(representations.message(canceled), HTTPStatus.OK, {})


def _id_in(path: str) -> UUID:
    """Return the id of the message that a path names. Raises MessageNotFound for what can be no id."""
    try:
        return UUID(path.removeprefix(COLLECTION).rstrip("/"))
    except ValueError:
        raise MessageNotFound from None


def _json(document: dict[str, Any], status: HTTPStatus, headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(document, option=orjson.OPT_UTC_Z), status, headers, "application/json")


_collection = Endpoint(POST=create_message)
_batch = Endpoint(POST=create_messages)
_item = Endpoint(GET=show_message)
_cancellation = Endpoint(POST=cancel_message)
_events = Endpoint(GET=list_events)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve every path below `/api/messages` and `/api/events`."""
    path = scope["path"]
    if path in (COLLECTION, "/api/messages"):
        await _collection(scope, receive, send)
    elif path in (BATCH, BATCH.rstrip("/")):
        await _batch(scope, receive, send)
    elif path.startswith(COLLECTION) and path.rstrip("/").endswith(CANCEL):
        await _cancellation(scope, receive, send)
    elif path.startswith(COLLECTION):
        await _item(scope, receive, send)
    elif path in (EVENTS, EVENTS.rstrip("/")):
        await _events(scope, receive, send)
    else:
        await problems.not_found()(scope, receive, send)
