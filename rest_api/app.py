"""REST: `POST /api/messages/`, `GET /api/messages/<id>/` and `POST /api/messages/<id>/cancel/`."""

from http import HTTPStatus
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edge import problems
from edge.callers import caller_of
from edge.endpoint import Endpoint
from rest_api import representations, requests
from sms import scopes, selectors
from sms.errors import MessageNotFound
from sms.models import Message
from sms.services.accept import accept
from sms.services.cancel import cancel

COLLECTION = "/api/messages/"
CANCEL = "/cancel"


async def create_message(request: Request) -> Response:
    """Accept one message: 202 once it is stored for good."""
    caller = await caller_of(request)
    fields = await requests.new_message(request)
    accepted = await accept(caller=caller, idempotency_key=request.headers.get("idempotency-key"), **fields)
    headers = {"Location": f"{COLLECTION}{accepted.message.id}/"}
    if accepted.replayed:
        headers["Idempotency-Replayed"] = "true"
    return _json(accepted.message, HTTPStatus.ACCEPTED, headers)


async def show_message(request: Request) -> Response:
    """Return one message with its history."""
    caller = await caller_of(request)
    caller.require(scopes.READ)
    message_id = _id_in(request.scope["path"])
    return _json(await selectors.message(account_id=caller.account_id, message_id=message_id), HTTPStatus.OK, {})


async def cancel_message(request: Request) -> Response:
    """Withdraw one message before it is sent."""
    caller = await caller_of(request)
    message_id = _id_in(request.scope["path"].rstrip("/").removesuffix(CANCEL))
    return _json(await cancel(caller=caller, message_id=message_id), HTTPStatus.OK, {})


def _id_in(path: str) -> UUID:
    """Return the id of the message that a path names. Raises MessageNotFound for what can be no id."""
    try:
        return UUID(path.removeprefix(COLLECTION).rstrip("/"))
    except ValueError:
        raise MessageNotFound from None


def _json(message: Message, status: HTTPStatus, headers: dict[str, str]) -> Response:
    body = orjson.dumps(representations.message(message), option=orjson.OPT_UTC_Z)
    return Response(body, status, headers, "application/json")


_collection = Endpoint(POST=create_message)
_item = Endpoint(GET=show_message)
_cancellation = Endpoint(POST=cancel_message)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve every path below `/api/messages`."""
    path = scope["path"]
    if path in (COLLECTION, "/api/messages"):
        await _collection(scope, receive, send)
    elif path.startswith(COLLECTION) and path.rstrip("/").endswith(CANCEL):
        await _cancellation(scope, receive, send)
    elif path.startswith(COLLECTION):
        await _item(scope, receive, send)
    else:
        await problems.not_found()(scope, receive, send)
