"""Where providers call us: `POST /api/webhooks/dlr/`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edge import bodies, problems
from edge.endpoint import Endpoint
from sms.providers.base import WebhookRequest
from sms.services.receive import receive as receive_receipts
from webhooks.operations import DLR

PROVIDER_BY_PATH: Final = {DLR: "simulator", DLR.rstrip("/"): "simulator"}


async def take_receipt(request: Request) -> Response:
    """Store a provider's receipts: 202 once they are stored for good, even for a message that we do not know (yet)."""
    body = await bodies.read(request)
    provider = PROVIDER_BY_PATH[request.scope["path"]]
    stored = await receive_receipts(provider, WebhookRequest(headers=request.headers, body=body))
    return Response(orjson.dumps({"stored": stored}), HTTPStatus.ACCEPTED, media_type="application/json")


ENDPOINTS: Final[Mapping[str, Endpoint]] = {DLR: Endpoint(POST=take_receipt)}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve every path below `/api/webhooks`."""
    if scope["path"] in PROVIDER_BY_PATH:
        await ENDPOINTS[DLR](scope, receive, send)
    else:
        await problems.not_found()(scope, receive, send)
