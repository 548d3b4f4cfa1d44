"""Which processes are alive, told by each of them in Redis every few seconds."""

from functools import cache

import redis
from django.conf import settings

EVERY = 3.0  # seconds between two signs of life
LASTS = 12  # seconds that one counts
# A sign with more time left is from before a step back of Redis's clock, which would keep it for as long as the step.
LONGEST_LEFT = 2 * LASTS
PARTS = ("worker", "beat")


@cache
def _redis() -> "redis.Redis":
    return redis.Redis.from_url(settings.SMS_REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def show_alive(part: str) -> None:
    """Leave a sign of life. Raises redis.RedisError."""
    _redis().set(_key(part), b"1", ex=LASTS)


def silent_parts() -> list[str]:
    """Return which of PARTS gave no sign of life in time. Raises redis.RedisError."""
    with _redis().pipeline(transaction=False) as asked:
        for part in PARTS:
            asked.pttl(_key(part))
        left = asked.execute()
    return [part for part, milliseconds in zip(PARTS, left, strict=True) if not 0 < milliseconds <= LONGEST_LEFT * 1000]


def _key(part: str) -> str:
    return f"sms:alive:{part}"
