"""The routes as this process knows them: a second old at most, so that nobody asks the database for each message."""

import math
import time
from typing import Any, Final

import orjson

from sms.database import in_thread, query, rows
from sms.errors import Unavailable
from sms.routing.records import RouteRecord, Snapshot

FRESH: Final = 1.0  # seconds

FIND = """
SELECT id, name, kind, options::text, credentials, is_paused, sender_ids, countries, prefixes, priorities, weight,
       health, price, currency, throughput, opens_at, closes_at, time_zone
FROM sms_route ORDER BY id
"""
FIND_BROKEN = "SELECT route_id, country, probe_at FROM sms_routebreaker"

_known: tuple[float, Snapshot] | None = None


def current() -> Snapshot:
    """Return the routes, asking the database if need be: for threads that may, outside of any transaction.

    While it is away what was known last is returned. Raises Unavailable if nothing is known.
    """
    if (known := _known) is not None and time.monotonic() < known[0]:
        return known[1]
    try:
        return _keep(query(_load))
    except Unavailable:
        if (known := _known) is None:
            raise
        return known[1]


async def fresh() -> Snapshot:
    """Return the routes, for an event loop. Raises Unavailable."""
    if (known := _known) is not None and time.monotonic() < known[0]:
        return known[1]
    return await in_thread(current)


def last() -> Snapshot:
    """Return what is known, without asking anybody; no routes where nothing is."""
    return Snapshot() if (known := _known) is None else known[1]


def forget() -> None:
    """Ask the database the next time. What was known stays until it answers: no routes would be another thing."""
    global _known  # noqa: PLW0603  a process knows one set of routes
    if (known := _known) is not None:
        _known = (-math.inf, known[1])


def begin_anew() -> None:
    """Be as a process that has just started."""
    global _known  # noqa: PLW0603
    _known = None


def _keep(found: Snapshot) -> Snapshot:
    global _known  # noqa: PLW0603
    _known = (time.monotonic() + FRESH, found)
    return found


def _load() -> Snapshot:
    return Snapshot([_record(*row) for row in rows(FIND)], rows(FIND_BROKEN))


def _record(*row: Any) -> RouteRecord:
    (id_, name, kind, options, credentials, is_paused, sender_ids, countries, prefixes, priorities, *rest) = row
    weight, health, price, currency, throughput, opens_at, closes_at, time_zone = rest
    return RouteRecord(
        id=id_,
        name=name,
        kind=kind,
        options=orjson.loads(options),
        credentials=bytes(credentials),
        is_paused=is_paused,
        sender_ids=frozenset(sender_ids),
        countries=frozenset(countries),
        prefixes=tuple(prefixes),
        priorities=frozenset(priorities),
        weight=weight,
        health=health,
        price=price,
        currency=currency,
        throughput=throughput,
        opens_at=opens_at,
        closes_at=closes_at,
        time_zone=time_zone,
    )
