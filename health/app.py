"""Health: `/healthz` says that web answers, `/readyz` that every part does."""

import asyncio
from http import HTTPStatus

import orjson
import redis
from starlette.requests import Request
from starlette.responses import Response

from edge.endpoint import Endpoint
from sms.database import in_thread, query, rows
from sms.errors import Unavailable
from sms.liveness import LASTS, PARTS, silent_parts
from sms.threads import Threads

ANSWERS_WITHIN = 2.0  # seconds; who asks has no patience, and slower is as good as dead

_redis_thread = Threads("health", count=1, waiting=1_000)  # a Redis that hangs must not hold up the database's threads


async def show_health(_: Request) -> Response:
    """Return 200: this process answers."""
    return Response(b'{"status":"ok"}', media_type="application/json")


async def show_readiness(_: Request) -> Response:
    """Return 200 when PostgreSQL, Redis, a worker and beat are all alive, else 503 naming what is not."""
    database, parts = await asyncio.gather(_ask_database(), _ask_parts())
    wrong = database | parts
    status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
    headers = {"Cache-Control": "no-store"}
    if wrong:
        headers["Retry-After"] = "1"
    body = orjson.dumps({"status": "not ready" if wrong else "ready", "not_ready": wrong})
    return Response(body, status, headers, "application/json")


async def _ask_database() -> dict[str, str]:
    """Return what is wrong with PostgreSQL, as requests feel it: a thread has to come free for them, too."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN):
            await in_thread(query, rows, "SELECT 1")
    except (Unavailable, TimeoutError):
        return {"postgresql": "does not answer"}
    return {}


async def _ask_parts() -> dict[str, str]:
    """Return each part that gave no sign of life in Redis, and Redis itself if it does not answer."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN):
            silent = await _redis_thread.run(silent_parts)
    except (redis.RedisError, Unavailable, TimeoutError):
        return {"redis": "does not answer"} | dict.fromkeys(PARTS, "unknown while redis is down")
    return dict.fromkeys(silent, f"no sign of life for {LASTS} s")


healthz = Endpoint(GET=show_health)
readyz = Endpoint(GET=show_readiness)
