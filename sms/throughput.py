"""How many messages a second may go to a route, from all processes together: a token bucket in Redis.

The bucket fills by Redis's own clock and holds one second's worth. While Redis cannot be asked, each process goes on by
itself with its share of the rate: as many processes as Redis last knew of share it. So the provider is never given
more than the rate and one second's worth on top, whoever is away.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple, cast
from uuid import uuid4

import redis
import structlog
from django.conf import settings

from sms.routing.records import RouteRecord

log = structlog.get_logger(__name__)

PATIENCE: Final = 0.25  # seconds that Redis may take
AWAY: Final = 1.0  # seconds in which it is not asked again after it did not answer
COUNTED: Final = 30.0  # seconds for which a process counts that has asked
UNKNOWN: Final = 8  # processes that share a rate, where Redis never told how many there are
LEAST_WAIT, LONGEST_WAIT = 0.01, 1.0  # seconds

# The key of the route's bucket, and that of the processes which use it; the rate, how many tokens are wanted (fewer
# than none: given back), whether this process has helped itself meanwhile, its name, and for how long it counts.
TAKE: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local rate, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(bucket[1]), tonumber(bucket[2])
if tokens == nil then tokens, at = 1, now end
tokens = math.min(rate, tokens + math.max(0, now - at) * rate)
if ARGV[3] == '1' then tokens = 0 end
local taken = math.min(wanted, math.floor(tokens))
tokens = math.min(rate, tokens - taken)
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now))
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[5]))
redis.call('ZADD', KEYS[2], now, ARGV[4])
return {taken, string.format('%.6f', math.max(0, (1 - tokens) / rate)), redis.call('ZCARD', KEYS[2])}
"""


class Grant(NamedTuple):
    """How many messages may be taken now, and after how many seconds another one may."""

    messages: int
    wait: float


@dataclass(slots=True)
class Own:
    """A process's share of one route, for as long as Redis is away."""

    tokens: float = 0.0
    at: float = field(default_factory=time.monotonic)

    def take(self, wanted: int, share: float) -> Grant:
        """Take what has come together since the last time, one second's worth at most."""
        now = time.monotonic()
        self.tokens = min(max(1.0, share), self.tokens + (now - self.at) * share)
        self.at = now
        taken = min(wanted, int(self.tokens))
        self.tokens -= taken
        return Grant(taken, max(0.0, (1.0 - self.tokens) / share))


class Throughput:
    """The buckets of all routes, as one process sees them."""

    def __init__(self, connect: Callable[[], "redis.Redis"]) -> None:
        self._connect = connect
        self._name = f"{os.getpid()} {uuid4()}"
        self._away_until = 0.0
        self._sharers: dict[int, int] = {}  # by route
        self._own: dict[int, Own] = {}

    def take(self, route: RouteRecord, wanted: int) -> Grant:
        """Return how many of the messages that are wanted may go to a route now."""
        if route.throughput is None or wanted <= 0:
            return Grant(wanted, 0.0)
        grant = self._ask(route, route.throughput, wanted)
        if grant is None:
            share = route.throughput / max(1, self._sharers.get(route.id, UNKNOWN))
            grant = self._own.setdefault(route.id, Own()).take(wanted, share)
        return Grant(grant.messages, min(max(grant.wait, LEAST_WAIT), LONGEST_WAIT))

    def give_back(self, route: RouteRecord, unused: int) -> None:
        """Return what was granted and not used."""
        if route.throughput is None or unused <= 0:
            return
        if (own := self._own.get(route.id)) is not None:
            own.tokens += unused
        else:
            self._ask(route, route.throughput, -unused)

    def _ask(self, route: RouteRecord, rate: int, wanted: int) -> Grant | None:
        if time.monotonic() < self._away_until:
            return None
        has_own = "1" if route.id in self._own else "0"
        keys = (f"sms:throughput:{route.id}", f"sms:throughput:{route.id}:processes")
        try:
            answer = self._connect().eval(TAKE, 2, *keys, str(rate), str(wanted), has_own, self._name, str(COUNTED))
        except redis.RedisError as error:
            log.warning("throughput_alone", route=route.name, error=type(error).__name__)
            self._away_until = time.monotonic() + AWAY
            return None
        taken, wait, sharers = cast("list[bytes]", answer)
        self._sharers[route.id] = int(sharers)
        self._own.pop(route.id, None)
        return Grant(int(taken), float(wait))


@cache
def _redis() -> "redis.Redis":
    return redis.Redis.from_url(settings.SMS_REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)


_here = Throughput(_redis)
take, give_back = _here.take, _here.give_back
