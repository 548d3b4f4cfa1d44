"""What a message costs, and where that is counted: the sums per account, day, route and currency in `sms_spend`.

A message has one price. It is planned by the price of the route that it goes by, planned anew when it goes to another
one, corrected by its provider's word, and taken back when no provider can have taken the message. `charged_to` says on
which route it is counted, so a correction is the difference of what was counted and what is right now, in the commit of
the correction, under the message's lock: however often, and in whatever order, things are told, the sums are those of
the messages. `sms.services.reconcile` has that as a rule.

What has no price pays nothing for all this: there is no statement for it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from uuid import UUID

import structlog

from sms.database import Statement, at_once
from sms.money import is_currency
from sms.providers.base import Price

log = structlog.get_logger(__name__)

SMALLEST: Final = Decimal("0.000001")  # that the database keeps
TOO_MUCH: Final = Decimal(10**8)


@dataclass(frozen=True, slots=True)
class Charge:
    """What a message is to cost: its provider's word, or, without one, what its route plans."""

    route: str  # by name; empty: nothing, for nobody has taken it
    price: Price | None = None
    # Whether the price came with what is the message's status now. One that came with an older word does not replace
    # one that is known: receipts come late and twice.
    is_current: bool = True


NOTHING: Final = Charge("")


def understood(price: Price | None) -> Price | None:
    """Return what can be kept of a price that a provider told; None, with a line in the log, for what can be none."""
    if price is None:
        return None
    if not price.amount.is_finite() or not 0 <= price.amount < TOO_MUCH or not is_currency(price.currency):
        log.warning("price_not_understood", amount=str(price.amount)[:40], currency=price.currency[:10])
        return None
    return Price(price.amount.quantize(SMALLEST, ROUND_HALF_UP), price.currency)


def later(earlier: Charge | None, new: Charge) -> Charge:
    """Return which of two charges of one message holds, that came in this order."""
    if earlier is None or new.is_current or earlier.price is None or earlier.route != new.route:
        return new
    return earlier


# To be run under the locks of the messages, once in a transaction: the sums are locked in the order of their keys, so
# two such statements cannot wait for each other in a circle. Each connection has sums of its own (as in `sms_usage`),
# some of which may be negative. What one costs is taken from its old sum and added to its new one.
CHARGE = """
WITH asked AS (
    SELECT m.id, m.account_id, m.segment_count AS segments,
           coalesce(m.charged_on, (m.created_at AT TIME ZONE 'UTC')::date) AS day,
           m.charged_to AS old_route, m.currency AS old_currency, m.price AS old_price,
           CASE WHEN t.price IS NULL AND r.price IS NULL THEN '' ELSE t.route END AS route,
           CASE WHEN t.route = '' THEN m.currency WHEN t.price IS NOT NULL THEN t.currency
                WHEN r.price IS NOT NULL THEN r.currency END AS currency,
           CASE WHEN t.route = '' THEN 0 ELSE coalesce(t.price, r.price * m.segment_count) END AS price,
           CASE WHEN t.route = '' OR t.price IS NOT NULL THEN false
                WHEN r.price IS NOT NULL THEN true END AS is_estimate
    FROM unnest(%s::uuid[], %s::text[], %s::numeric[], %s::text[], %s::bool[])
         AS t (message_id, route, price, currency, is_current)
    JOIN sms_message m ON m.id = t.message_id LEFT JOIN sms_route r ON r.name = t.route
    WHERE NOT m.is_test AND CASE
        WHEN t.route = '' THEN m.charged_to <> '' AND m.price_is_estimate AND NOT EXISTS (
            SELECT FROM sms_submitattempt a WHERE a.message_id = m.id AND a.outcome IS DISTINCT FROM 'NOT_SENT')
        WHEN t.price IS NULL THEN m.charged_to IS DISTINCT FROM t.route AND (m.charged_to <> '' OR r.price IS NOT NULL)
        WHEN m.charged_to = t.route AND NOT m.price_is_estimate
            THEN t.is_current AND (m.price, m.currency) <> (t.price, t.currency)
        ELSE true END
), changed AS (
    UPDATE sms_message m SET price = a.price, currency = a.currency, price_is_estimate = a.is_estimate,
           charged_to = a.route, charged_on = a.day
    FROM asked a WHERE m.id = a.id
), lines AS (
    SELECT account_id, day, old_route AS route, old_currency AS currency, -1 AS messages, -segments AS segments,
           -old_price AS amount FROM asked WHERE old_route <> ''
    UNION ALL
    SELECT account_id, day, route, currency, 1, segments, price FROM asked WHERE route <> ''
)
INSERT INTO sms_spend AS s (account_id, day, route, currency, slot, messages, segments, amount)
SELECT account_id, day, route, currency, pg_backend_pid() %% 32, sum(messages), sum(segments), sum(amount)
FROM lines GROUP BY account_id, day, route, currency HAVING (sum(messages), sum(segments), sum(amount)) <> (0, 0, 0)
ORDER BY account_id, day, route, currency
ON CONFLICT (account_id, day, route, currency, slot) DO UPDATE SET messages = s.messages + excluded.messages,
    segments = s.segments + excluded.segments, amount = s.amount + excluded.amount
"""


def to_write(charges: Mapping[UUID, Charge]) -> Iterator[Statement]:
    """Return the statement that charges messages, if there is something to charge."""
    if charges:
        prices = [one.price for one in charges.values()]
        columns = [
            list(charges),
            [one.route for one in charges.values()],
            [None if price is None else price.amount for price in prices],
            [None if price is None else price.currency for price in prices],
            [one.is_current for one in charges.values()],
        ]
        yield CHARGE, columns


# What nobody adds to any more has one row instead of one for each connection that ever did: a budget is decided by the
# rows of a month. Rows that somebody holds are left for the next time, so this waits for nobody's.
FOLD = """
WITH found AS (
    SELECT account_id, day, route, currency, slot FROM sms_spend
    WHERE slot >= 0 AND day < (now() AT TIME ZONE 'UTC')::date - 1 LIMIT %s FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM sms_spend s USING found f WHERE (s.account_id, s.day, s.route, s.currency, s.slot)
        = (f.account_id, f.day, f.route, f.currency, f.slot) RETURNING s.*
), folded AS (
    INSERT INTO sms_spend AS s (account_id, day, route, currency, slot, messages, segments, amount)
    SELECT account_id, day, route, currency, -1, sum(messages), sum(segments), sum(amount)
    FROM gone GROUP BY account_id, day, route, currency ORDER BY account_id, day, route, currency
    ON CONFLICT (account_id, day, route, currency, slot) DO UPDATE SET messages = s.messages + excluded.messages,
        segments = s.segments + excluded.segments, amount = s.amount + excluded.amount
)
SELECT count(*) FROM gone
"""
FOLDED_AT_ONCE: Final = 5_000


def fold_old_sums(*, keep_going: Callable[[], bool] = lambda: True) -> int:
    """Add up the sums of days that are over; return how many rows that took. Raises Unavailable."""
    total: int = 0
    while True:
        ((folded,),) = at_once(FOLD, FOLDED_AT_ONCE)
        total += folded
        if folded < FOLDED_AT_ONCE or not keep_going():
            return total
