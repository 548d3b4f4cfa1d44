"""How well each route does: what its last messages show moves its health, and that is a percentage of its weight.

Down by ten where too many attempts end in an error of the provider's or in a perhaps, or where deliveries take far
longer than usual; up by five where all is well, and where nothing is known. Never to nothing: who gets no messages
cannot show that it is well again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from sms.database import at_once
from sms.ids import first_id_of
from sms.providers.errors import ProviderError

log = structlog.get_logger(__name__)

BY: Final = "health"  # who makes the changes
EVERY: Final = 15.0  # seconds
DOWN, UP, LEAST = 10, 5, 10  # per cent
WINDOW: Final = 600.0  # seconds that are looked at
RECENT: Final = 120.0  # seconds in which failures count
SLICES, A_SLICE = 60, 100  # the window is cut into slices, and of each so many attempts are looked at
FEWEST: Final = 10  # attempts that say something
MOST_FAILURES: Final = 0.2  # of the recent attempts
MOST_LATE: Final = 0.5  # of those that had time enough
PATIENCE, TIMES_USUAL = 30.0, 3.0  # seconds, and how many times the usual, in which a message should be delivered
WEIGHT_OF_NEW: Final = 0.1  # of what is seen now, in what is usual
# The provider's own doing; the rest is the messages'.
ERRORS: Final = (
    ProviderError.PROVIDER_UNAVAILABLE,
    ProviderError.PROVIDER_THROTTLED,
    ProviderError.PROVIDER_AUTH,
    ProviderError.PROVIDER_FUNDS,
)

# Attempts' ids grow with their time, so each slice is a short walk along the primary key, however many there are.
LOOK = """
WITH seen AS (
    SELECT r.id, a.outcome, a.error_code, a.finished_at, d.updated_at AS delivered_at,
           greatest(%s, %s * coalesce(r.usual_delivery, 0)) AS patience
    FROM unnest(%s::uuid[], %s::uuid[]) AS s (first, last)
    CROSS JOIN LATERAL (
        SELECT * FROM sms_submitattempt WHERE id >= s.first AND id < s.last ORDER BY id LIMIT %s
    ) a
    JOIN sms_route r ON r.name = a.provider
    LEFT JOIN sms_message d ON d.id = a.message_id AND d.status = 'DELIVERED' AND a.outcome = 'SENT'
    WHERE a.finished_at IS NOT NULL
)
SELECT r.id, r.name, r.health, r.usual_delivery,
       count(s.id) FILTER (WHERE finished_at > now() - make_interval(secs => %s)),
       count(s.id) FILTER (WHERE finished_at > now() - make_interval(secs => %s)
                           AND (outcome = 'MAYBE_SENT' OR (outcome = 'NOT_SENT' AND error_code = ANY(%s::text[])))),
       count(s.id) FILTER (WHERE outcome = 'SENT' AND finished_at < now() - make_interval(secs => patience)),
       count(s.id) FILTER (WHERE outcome = 'SENT' AND finished_at < now() - make_interval(secs => patience)
                           AND coalesce(delivered_at, now()) - finished_at > make_interval(secs => patience)),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM delivered_at - finished_at)::float8)
FROM sms_route r LEFT JOIN seen s ON s.id = r.id
GROUP BY r.id
"""

# Only where nobody did so a moment ago: two beats are as good as one.
MOVE = """
WITH moved AS (
    UPDATE sms_route r SET health = t.health, usual_delivery = t.usual, health_at = now()
    FROM unnest(%s::smallint[], %s::smallint[], %s::float8[], %s::text[]) AS t (id, health, usual, reason),
         sms_route old
    WHERE r.id = t.id AND old.id = r.id AND r.health_at < now() - make_interval(secs => %s)
    RETURNING r.id, old.health AS before, r.health, t.reason
)
INSERT INTO sms_routechange (route_id, by, what, reason)
SELECT id, %s, 'health ' || before || ' → ' || health, reason FROM moved WHERE before <> health RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a route's last messages show."""

    route_id: int
    name: str
    health: int
    usual: float | None  # seconds in which half of the messages are delivered
    recent: int  # attempts that ended
    failed: int  # of those, by the provider's doing
    ripe: int  # handed over long enough ago to be delivered
    late: int  # of those, not delivered in time
    delivery: float | None  # seconds in which half of those were delivered that were

    @property
    def trouble(self) -> str | None:
        """Say what is wrong, or nothing."""
        if self.recent >= FEWEST and self.failed >= MOST_FAILURES * self.recent:
            return f"{self.failed} of {self.recent} attempts failed in two minutes"
        if self.usual is not None and self.ripe >= FEWEST and self.late >= MOST_LATE * self.ripe:
            return (
                f"{self.late} of {self.ripe} were not delivered in {self.patience:.0f} s; {self.usual:.1f} s is usual"
            )
        return None

    @property
    def patience(self) -> float:
        """How many seconds a delivery may take."""
        return max(PATIENCE, TIMES_USUAL * (self.usual or 0.0))

    @property
    def next_health(self) -> int:
        """What its health should be now."""
        if self.trouble is not None:
            return max(LEAST, self.health - DOWN)
        return min(100, self.health + UP)

    @property
    def next_usual(self) -> float | None:
        """What is usual, with what is seen now: slowly, and not where something is wrong."""
        if self.trouble is not None or self.delivery is None or self.ripe < FEWEST:
            return self.usual
        new = max(0.0, self.delivery)
        return new if self.usual is None else (1 - WEIGHT_OF_NEW) * self.usual + WEIGHT_OF_NEW * new


def look_after() -> int:
    """Look at every route, and move the health of those that need it; return how many moved. Raises Unavailable."""
    seen = look()
    if not seen:
        return 0
    moved = at_once(
        MOVE,
        [one.route_id for one in seen],
        [one.next_health for one in seen],
        [one.next_usual for one in seen],
        [one.trouble or "all is well" for one in seen],
        EVERY / 2,
        BY,
    )
    return len(moved)


def look() -> list[Seen]:
    """Return what each route's last messages show. Raises Unavailable."""
    edges = _edges(datetime.now(UTC))
    errors = [one.value for one in ERRORS]
    return [
        Seen(*row)
        for row in at_once(LOOK, PATIENCE, TIMES_USUAL, edges[:-1], edges[1:], A_SLICE, RECENT, RECENT, errors)
    ]


def _edges(now: datetime) -> list[UUID]:
    """Return where the slices begin and end: the first id of each time."""
    return [first_id_of(now, offset=timedelta(seconds=WINDOW * (n / SLICES - 1))) for n in range(SLICES + 1)]
