"""Health: `/healthz` says that web answers, `/readyz` that every part does."""

from http import HTTPStatus

import orjson
import redis
from starlette.requests import Request
from starlette.responses import Response

from edge.endpoint import Endpoint
from sms.database import in_thread, query, rows
from sms.errors import Unavailable
from sms.liveness import LASTS, PARTS, silent_parts


async def show_health(_: Request) -> Response:
    """Return 200: this process answers."""
    return Response(b'{"status":"ok"}', media_type="application/json")


async def show_readiness(_: Request) -> Response:
    """Return 200 when PostgreSQL, Redis, a worker and beat are all alive, else 503 naming what is not."""
    wrong = await in_thread(not_ready)
    status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
    headers = {"Cache-Control": "no-store"}
    if wrong:
        headers["Retry-After"] = "1"
    body = orjson.dumps({"status": "not ready" if wrong else "ready", "not_ready": wrong})
    return Response(body, status, headers, "application/json")


def not_ready() -> dict[str, str]:
    """Return each part that does not answer, with what is wrong with it; empty when all are well."""
    wrong: dict[str, str] = {}
    try:
        query(rows, "SELECT 1")
    except Unavailable:
        wrong["postgresql"] = "does not answer"
    try:
        wrong |= dict.fromkeys(silent_parts(), f"no sign of life for {LASTS} s")
    except redis.RedisError:
        wrong["redis"] = "does not answer"
        wrong |= dict.fromkeys(PARTS, "unknown while redis is down")
    return wrong


healthz = Endpoint(GET=show_health)
readyz = Endpoint(GET=show_readiness)
