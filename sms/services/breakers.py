"""Breakers: nothing goes to a route that does not work, but one message now and then that finds out whether it does.

A breaker is a row, for a country or for the world. It is written once, by whichever process has seen enough, and all
others know it within a second (`sms.routing.snapshot`). Whoever moves its `probe_at` first, in a claim, lets one
message through: with its success the breaker goes, and each failure doubles the time until the next.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from sms.database import at_once, rows
from sms.errors import Unavailable
from sms.providers.base import WITHHELD, Handover, Outcome
from sms.providers.errors import ProviderError
from sms.routing import snapshot
from sms.routing.choose import Wanted
from sms.routing.records import WORLD, RouteRecord
from sms.routing.tally import SEVERAL, Tally

BY: Final = "breaker"  # who makes the changes
FIRST_WAIT: Final = 5.0  # seconds until a probe; doubled after each that failed, up to the longest
LONGEST_WAIT: Final = 60.0
# Nothing but an operator mends these, and they are the same for every country.
AT_ONCE: Final = frozenset({ProviderError.PROVIDER_AUTH, ProviderError.PROVIDER_FUNDS})
FAILURES: Final = frozenset({ProviderError.PROVIDER_UNAVAILABLE, ProviderError.PROVIDER_TIMEOUT, *AT_ONCE})

OPEN = """
WITH opened AS (
    INSERT INTO sms_routebreaker (route_id, country, probe_at, tries, reason)
    SELECT r.id, t.country, now() + make_interval(secs => %s), 0, %s
    FROM sms_route r, unnest(%s::text[]) AS t (country) WHERE r.id = %s
    ON CONFLICT DO NOTHING
    RETURNING route_id, country, reason
)
INSERT INTO sms_routechange (route_id, by, what, reason)
SELECT route_id, %s, 'breaker opened for ' || CASE country WHEN '001' THEN 'the world' ELSE country END, reason
FROM opened RETURNING id
"""

CLOSE = """
WITH closed AS (DELETE FROM sms_routebreaker WHERE route_id = %s AND country = ANY(%s::text[]) RETURNING *)
INSERT INTO sms_routechange (route_id, by, what, reason)
SELECT route_id, %s, 'breaker closed for ' || CASE country WHEN '001' THEN 'the world' ELSE country END, %s
FROM closed RETURNING id
"""

BACK_OFF = """
UPDATE sms_routebreaker SET tries = least(tries + 1, 30000), reason = %s,
       probe_at = now() + make_interval(secs => least(%s * 2.0 ^ least(tries + 1, 20), %s))
WHERE route_id = %s AND country = ANY(%s::text[])
"""

# What another claim is just taking is left to it: a claim never waits.
TAKE_PROBES = """
UPDATE sms_routebreaker b SET probe_at = now() + make_interval(secs => %s)
FROM (
    SELECT route_id, country FROM sms_routebreaker
    WHERE route_id = %s AND country = ANY(%s::text[]) AND probe_at <= now() FOR UPDATE SKIP LOCKED
) due
WHERE b.route_id = due.route_id AND b.country = due.country
RETURNING b.country
"""

_tally = Tally()


def take_probes(route: RouteRecord, countries: Sequence[str], *, lasts: float) -> set[str]:
    """Return for which breakers this transaction may let one message through; nobody else may for `lasts` seconds."""
    return {row[0] for row in rows(TAKE_PROBES, lasts, route.id, list(countries))} if countries else set()


def heed(route: RouteRecord, outcomes: Sequence[tuple[Wanted, Outcome]], probes: Mapping[str, Outcome]) -> None:
    """Open and close a route's breakers by what came of messages, and of probes, by breaker.

    Nothing is lost where the database cannot be asked: what fails next says it again.
    """
    if not route.id:  # there is no other way for what goes to the built-in simulator
        return
    with suppress(Unavailable):
        _judge_probes(route, probes)
        _judge(route, outcomes)


def close_all(route_id: int, *, by: str, reason: str) -> None:
    """Close what is open, in the caller's transaction: somebody has changed what may have been the cause."""
    countries = [row[0] for row in rows("SELECT country FROM sms_routebreaker WHERE route_id = %s", route_id)]
    if countries:
        rows(CLOSE, route_id, countries, by, reason)


def _judge(route: RouteRecord, outcomes: Sequence[tuple[Wanted, Outcome]]) -> None:
    if not _tally.knows(route.id) and not any(_is_failure(outcome) for _, outcome in outcomes):
        return
    known = snapshot.last()
    hopeless = next((outcome for _, outcome in outcomes if outcome.error in AT_ONCE and _is_failure(outcome)), None)
    if hopeless is not None:
        _open(route, [WORLD], hopeless)
        return
    now, last = time.monotonic(), None
    for wanted, outcome in outcomes:
        country = wanted.country
        if outcome.detail == WITHHELD or known.breaker(route.id, country) is not None:
            continue  # it says nothing of the provider, or nothing new
        failed = _is_failure(outcome)
        last = outcome if failed else last
        _tally.note(route.id, country, failed=failed, now=now)
    if _tally.is_clean(route.id):  # most of the time there is nothing to remember, and nothing to look up for that
        _tally.forget(route.id)
    if last is None or not (failing := _tally.failing(route.id, now=now)):
        return
    open_already = {country for route_id, country in known.broken if route_id == route.id}
    _open(route, [WORLD] if len(open_already | set(failing)) >= SEVERAL else sorted(failing), last)


def _is_failure(outcome: Outcome) -> bool:
    """Whether the provider is why a message was not taken, or perhaps was not."""
    return outcome.handover is not Handover.SENT and outcome.error in FAILURES


def _open(route: RouteRecord, countries: Sequence[str], outcome: Outcome) -> None:
    if any((route.id, WORLD) == one for one in snapshot.last().broken):
        return
    at_once(OPEN, FIRST_WAIT, _reason(outcome), list(countries), route.id, BY)
    _tally.forget(route.id)
    snapshot.forget()


def _judge_probes(route: RouteRecord, probes: Mapping[str, Outcome]) -> None:
    well = [country for country, outcome in probes.items() if not _is_failure(outcome)]
    if well:
        at_once(CLOSE, route.id, well, BY, "a message that was let through was taken, or refused for its own sake")
        _tally.forget(route.id)
        snapshot.forget()
    for country, outcome in probes.items():
        if country not in well:
            at_once(BACK_OFF, _reason(outcome), FIRST_WAIT, LONGEST_WAIT, route.id, [country])
            snapshot.forget()


def _reason(outcome: Outcome) -> str:
    """Say why in words of ours: a provider's could hold anything."""
    what = str(outcome.error)
    return f"{what}, in its words {outcome.provider_error}" if outcome.provider_error else what
