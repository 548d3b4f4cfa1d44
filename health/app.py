"""Health: `/healthz` says that web answers, `/readyz` that every part does."""

from http import HTTPStatus

import orjson
from starlette.requests import Request
from starlette.responses import Response

from edge.endpoint import Endpoint
from sms.database import in_thread
from sms.liveness import not_alive


async def show_health(_: Request) -> Response:
    """Return 200: this process answers."""
    return Response(b'{"status":"ok"}', media_type="application/json")


async def show_readiness(_: Request) -> Response:
    """Return 200 when PostgreSQL, Redis, a worker and beat are all alive, else 503 naming what is not."""
    wrong = await in_thread(not_alive)
    status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
    headers = {"Cache-Control": "no-store"}
    if wrong:
        headers["Retry-After"] = "1"
    body = orjson.dumps({"status": "not ready" if wrong else "ready", "not_ready": wrong})
    return Response(body, status, headers, "application/json")


healthz = Endpoint(GET=show_health)
readyz = Endpoint(GET=show_readiness)
