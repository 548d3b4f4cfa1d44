"""Which of the messages that are due on a route go by it now, which go by another one, and which wait."""

import random
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings

from sms.routing.choose import PINNED, Choice, Wanted, choose, lets_by, may_carry, why_closed, why_not
from sms.routing.records import WORLD, RouteRecord, Snapshot
from sms.services import breakers

ASIDE: Final = 5.0  # seconds that a message waits which nobody can take at present, before it is looked at again

REROUTE = """
UPDATE sms_dispatchentry d SET route_id = t.route_id, reason = t.reason,
       due_at = CASE WHEN t.delay = 0 THEN d.due_at ELSE clock_timestamp() + make_interval(secs => t.delay) END
FROM unnest(%s::uuid[], %s::smallint[], %s::text[], %s::float8[]) AS t (message_id, route_id, reason, delay)
WHERE d.message_id = t.message_id
"""


class Detour(NamedTuple):
    """Where a message goes instead, and after how many seconds; in the order of REROUTE."""

    message_id: UUID
    route_id: int
    reason: str
    delay: float


class Ways(NamedTuple):
    """The detours, by their messages, and which messages go by the route as probes of which of its breakers."""

    detours: Mapping[UUID, Detour]
    probes: Mapping[UUID, str]


def find(routes: Snapshot, route: RouteRecord, due: Mapping[UUID, tuple[Wanted, str | None]]) -> Ways:
    """Decide about messages that are due on a route, each with the reason for which it is there.

    In the transaction of a claim: it may take the route's probes.
    """
    if not routes.routes and not route.id:
        return Ways({}, {})
    now = datetime.now(UTC)
    free = {message_id: wanted for message_id, (wanted, reason) in due.items() if reason != PINNED}
    obstacles = {
        message_id: obstacle
        for message_id, wanted in free.items()
        if (obstacle := _obstacle(routes, route, wanted, now)) is not None
    }
    probes = _probes(routes, route, {one: free[one] for one in obstacles}, now) if routes.broken and obstacles else {}
    around = {
        message_id: _around(routes, route, free[message_id], message_id, obstacle)
        for message_id, obstacle in obstacles.items()
        if message_id not in probes
    }
    clear = {message_id: wanted for message_id, wanted in free.items() if message_id not in obstacles}
    return Ways({**around, **_offers(routes, route, clear, now)}, probes)


def choose_now(routes: Snapshot, wanted: Wanted, *, besides: Collection[int]) -> Choice | None:
    """Choose a route that can be used now, by chance where there are several."""
    return choose(routes, wanted, now=datetime.now(UTC), draw=random.random(), besides=besides)  # noqa: S311


def _obstacle(routes: Snapshot, route: RouteRecord, wanted: Wanted, now: datetime) -> str | None:
    """Return what keeps a message from going by a route now, or None."""
    if not may_carry(routes, route, wanted):
        return f"{route.name} does not take such messages any more"
    return why_not(routes, route, wanted, now=now)


def _around(routes: Snapshot, route: RouteRecord, wanted: Wanted, message_id: UUID, obstacle: str) -> Detour:
    choice = choose_now(routes, wanted, besides={route.id})
    if choice is None:
        return Detour(message_id, route.id, obstacle, ASIDE)
    return Detour(message_id, choice.route.id, f"{choice.reason}; {obstacle}", 0.0)


def _probes(routes: Snapshot, route: RouteRecord, stopped: Mapping[UUID, Wanted], now: datetime) -> Mapping[UUID, str]:
    """Let one message through each breaker that may be probed, the least urgent of those that only that one stops."""
    if why_closed(route, now=now) is not None:
        return {}
    through: dict[str, UUID] = {}
    for message_id, wanted in stopped.items():
        breaker = routes.breaker(route.id, wanted.country) if may_carry(routes, route, wanted) else None
        if breaker is not None and routes.broken[route.id, breaker] <= now:
            through[breaker] = message_id
    taken = breakers.take_probes(route, list(through), lasts=settings.SMS_LEASE_SECONDS)
    return {message_id: breaker for breaker, message_id in through.items() if breaker in taken}


def _offers(routes: Snapshot, route: RouteRecord, clear: Mapping[UUID, Wanted], now: datetime) -> Mapping[UUID, Detour]:
    """Offer a message to each breaker of another route that may be probed: while it is open, nothing else goes there.

    A breaker takes one of what it is offered, and the rest comes back at once.
    """
    offers: dict[UUID, Detour] = {}
    for (route_id, country), probe_at in routes.broken.items():
        if probe_at > now or route_id == route.id or (route_id, country) in routes.offered:
            continue
        other = routes.by_id(route_id)
        for message_id, wanted in reversed(list(clear.items())):
            fits = country in (WORLD, wanted.country) and not wanted.is_test and lets_by(other, wanted)
            if fits and message_id not in offers and why_closed(other, now=now) is None:
                offers[message_id] = Detour(message_id, other.id, f"to see whether {other.name} works again", 0.0)
                routes.offered.add((route_id, country))
                break
    return offers
