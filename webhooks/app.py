"""Where providers call us: a path for each route, and `POST /api/webhooks/dlr/` of the first version."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson
from django.conf import settings
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from edge import bodies, problems
from edge.endpoint import Endpoint
from sms.errors import InvalidInbound, InvalidReceipt, SignatureRefused, Unavailable
from sms.providers.base import Provider, WebhookRequest
from sms.routing.records import SIMULATOR
from sms.services import receive
from webhooks.operations import DLR, INBOUND, STATUS

LARGEST: Final = 1024 * 1024  # bytes; some send a hundred receipts at once

_of_route = re.compile(r"/api/webhooks/(?P<route>[^/]+)/(?P<what>status|inbound)(?:/(?P<token>[^/].*?))?/?").fullmatch


async def take_receipt(request: Request) -> Response:
    """Store a provider's receipts: 202 once they are stored for good, even for a message that we do not know (yet)."""
    body = await bodies.read(request)
    provider = await receive.provider_of_route(SIMULATOR.name)
    stored = await receive.receive(provider, WebhookRequest(headers=request.headers, body=body))
    return Response(orjson.dumps({"stored": stored}), HTTPStatus.ACCEPTED, media_type="application/json")


async def take_from_route(request: Request) -> Response:
    """Store what the provider of a route tells, and answer as it expects once that is stored for good; 200 to HEAD."""
    path = _of_route(request.scope["path"])
    assert path is not None
    provider = await receive.provider_of_route(path["route"])
    if request.method == "HEAD":  # somebody looks whether the address is there: nothing is told, as it is by a GET
        return Response()
    call = WebhookRequest(
        headers=request.headers,
        body=await bodies.read(request, limit=LARGEST),
        method=request.method,
        url=_public_address(request.scope),
        token=path["token"],
    )
    await _take(provider, call, is_inbound=path["what"] == "inbound")
    reply = provider.reply(call)
    return Response(reply.body, reply.status, media_type=reply.media_type if reply.body else None)


async def _take(provider: Provider, call: WebhookRequest, *, is_inbound: bool) -> None:
    """Store what was told. Raises Unavailable instead of a refusal for who would not come again after one."""
    try:
        await receive.take(provider, call, is_inbound=is_inbound)
    except (InvalidInbound, InvalidReceipt, SignatureRefused) as error:
        if provider.WHEN_REFUSED is None:
            raise
        raise Unavailable(error.detail) from error


def _public_address(scope: Scope) -> str:
    """Return the address as the provider sees it: behind a proxy only the operator knows that."""
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    base: str = settings.SMS_PUBLIC_URL
    return f"{base}{path}?{query}" if query else f"{base}{path}"


ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    DLR: Endpoint(POST=take_receipt),
    STATUS: Endpoint(POST=take_from_route, GET=take_from_route),
    INBOUND: Endpoint(POST=take_from_route, GET=take_from_route),
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve every path below `/api/webhooks`."""
    await _endpoint_at(scope["path"])(scope, receive, send)


def _endpoint_at(path: str) -> ASGIApp:
    if path in (DLR, DLR.rstrip("/")):
        return ENDPOINTS[DLR]
    found = _of_route(path)
    if found is None:
        return problems.not_found()
    return ENDPOINTS[INBOUND if found["what"] == "inbound" else STATUS]
