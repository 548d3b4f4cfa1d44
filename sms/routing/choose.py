"""Which route a message goes by: rules first, then weight, then price. Pure.

The rules leave the routes that may carry it: sender ID, country, prefix, priority. Those of the most particular place
come first (the longest prefix, then a country, then the world). Among them a draw by weight decides; a route does
not take part when another one of the same weight, in no worse health, costs less in the same currency.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sms import phone_numbers
from sms.routing.records import SIMULATOR, WORLD, RouteRecord, Snapshot

# The reason of a message that stays on its route, whatever rules say and whatever becomes of it: see `routes test`.
PINNED: Final = "an operator asked for it"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What there is to know of a message to choose its route."""

    recipient: str  # E.164
    sender_id: str
    priority: int
    is_test: bool = False

    @property
    def country(self) -> str:
        """Where the recipient is: ISO 3166, or 001 for a number of no country."""
        return phone_numbers.country_of(self.recipient)


class Choice(NamedTuple):
    """A route, and why it."""

    route: RouteRecord
    reason: str
    delay: float = 0.0  # seconds until it is worth a try


def allowed(snapshot: Snapshot, wanted: Wanted) -> Sequence[RouteRecord]:
    """Return the routes whose rules let a message by, whether they can be used now or not."""
    if wanted.is_test or not snapshot.routes:
        return (SIMULATOR,)
    return [one for one in snapshot.routes if lets_by(one, wanted)]


def may_carry(snapshot: Snapshot, route: RouteRecord, wanted: Wanted) -> bool:
    """Whether a route is one of those that `allowed` returns."""
    if wanted.is_test or not snapshot.routes:
        return route.id == SIMULATOR.id
    return route.id != SIMULATOR.id and lets_by(route, wanted)


def is_usable(snapshot: Snapshot, route: RouteRecord, wanted: Wanted, *, now: datetime) -> bool:
    """Whether a route whose rules let a message by can take it now."""
    return why_not(snapshot, route, wanted, now=now) is None


def why_not(snapshot: Snapshot, route: RouteRecord, wanted: Wanted, *, now: datetime) -> str | None:
    """Return what keeps a route from taking a message now, or None."""
    if (closed := why_closed(route, now=now)) is not None:
        return closed
    if snapshot.broken and (broken := snapshot.breaker(route.id, wanted.country)) is not None:
        return f"{route.name} does not work {for_whom(broken)} at present"
    return None


def why_closed(route: RouteRecord, *, now: datetime) -> str | None:
    """Return why a route takes nothing now, whatever it is, or None."""
    if route.is_paused:
        return f"{route.name} is paused"
    if not route.is_in_hours(now):
        return f"{route.name} is closed at this hour"
    return None


def for_whom(country: str) -> str:
    """Say for which messages a breaker is open."""
    return "at all" if country == WORLD else f"for {country}"


def choose(
    snapshot: Snapshot, wanted: Wanted, *, now: datetime, draw: float, besides: Collection[int] = ()
) -> Choice | None:
    """Choose among the routes that can be used now, without those in `besides`; None when there is none.

    `draw`: a random number from 0 up to, but not, 1.
    """
    if wanted.is_test:
        return None if SIMULATOR.id in besides else Choice(SIMULATOR, "test messages go to the simulator")
    if not snapshot.routes:
        return None if SIMULATOR.id in besides else Choice(SIMULATOR, "there is no route yet")
    fitting = [one for one in allowed(snapshot, wanted) if one.id not in besides]
    usable = [one for one in fitting if is_usable(snapshot, one, wanted, now=now)]
    if not usable:
        return None
    ahead = max(_particularity(one, wanted) for one in usable)
    nearest = [one for one in usable if _particularity(one, wanted) == ahead]
    if len(nearest) == 1:
        return Choice(nearest[0], "the only one that can take it" if len(usable) == 1 else "its place is the nearest")
    return _draw(nearest, draw)


def first_choice(
    snapshot: Snapshot, wanted: Wanted, *, now: datetime, draw: float, besides: Collection[int] = ()
) -> Choice | None:
    """Choose as `choose` does; while no route can be used, one that will be. None: no route's rules let it by."""
    if (choice := choose(snapshot, wanted, now=now, draw=draw, besides=besides)) is not None:
        return choice
    found = [one for one in allowed(snapshot, wanted) if one.id not in besides]
    return Choice(found[0], "none can be used now") if found else None


def lets_by(route: RouteRecord, wanted: Wanted) -> bool:
    """Whether a route's own rules let a message by."""
    return (
        (not route.sender_ids or wanted.sender_id in route.sender_ids)
        and (not route.priorities or wanted.priority in route.priorities)
        and (not (route.prefixes or route.countries) or _particularity(route, wanted) > 0)
    )


def _particularity(route: RouteRecord, wanted: Wanted) -> int:
    """How near a route is to a recipient: digits of its prefix plus one, one for its country, none for the world."""
    digits = wanted.recipient.lstrip("+")
    longest = max((len(one) for one in route.prefixes if digits.startswith(one)), default=0)
    if longest:
        return longest + 1
    return 1 if route.countries and wanted.country in route.countries else 0


def _draw(routes: Sequence[RouteRecord], draw: float) -> Choice:
    """Draw by weight among those to which no other is preferred for its price."""
    kept = [one for one in routes if not any(_is_cheaper(other, one) for other in routes)]
    total = sum(one.share for one in kept)
    if len(kept) == 1:
        return Choice(kept[0], "the cheapest of its weight")
    at = draw * total
    chosen = kept[-1]
    for one in kept:
        at -= one.share
        if at < 0:
            chosen = one
            break
    return Choice(chosen, f"drawn with {chosen.share / total:.0%} of the weight" if total else "all have the weight 0")


def _is_cheaper(one: RouteRecord, other: RouteRecord) -> bool:
    """Whether a route of the same weight, and in no worse health, costs less."""
    return (
        one.weight == other.weight
        and one.health >= other.health
        and one.currency == other.currency
        and one.price is not None
        and other.price is not None
        and one.price < other.price
    )
