"""Which parts of the service are alive, told by each of them in Redis every few seconds."""

from functools import cache

import redis
from django.conf import settings

from sms.database import query, rows
from sms.errors import Unavailable

EVERY = 3.0  # seconds between two signs of life
LASTS = 10  # seconds that one counts
PARTS = ("worker", "beat")


@cache
def _redis() -> "redis.Redis[bytes]":
    return redis.Redis.from_url(settings.SMS_REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def show_alive(part: str) -> None:
    """Leave a sign of life. Raises redis.RedisError."""
    _redis().set(_key(part), b"1", ex=LASTS)


def not_alive() -> dict[str, str]:
    """Return each part that does not answer, with what is wrong with it; empty when all are well."""
    wrong: dict[str, str] = {}
    try:
        query(rows, "SELECT 1")
    except Unavailable:
        wrong["postgresql"] = "does not answer"
    try:
        signs = _redis().mget([_key(part) for part in PARTS])
    except redis.RedisError:
        wrong["redis"] = "does not answer"
        signs = [None] * len(PARTS)
    for part, sign in zip(PARTS, signs, strict=True):
        if sign is None:
            wrong[part] = "unknown while redis is down" if "redis" in wrong else f"no sign of life for {LASTS} s"
    return wrong


def _key(part: str) -> str:
    return f"sms:alive:{part}"
