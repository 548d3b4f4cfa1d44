"""Decide what an account's limits let through, in the transaction that stores it.

The account's row in `sms_allowance` is locked until the commit, so whoever comes next counts what this one stored: the
limits hold for any number of processes, to the message. A message that was stored before is no new one: it costs
nothing, and is never refused. Accounts without limits never come here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sms.database import execute, rows
from sms.errors import LimitExceeded
from sms.limits import Limits, Standing
from sms.money import Money
from sms.services.new_message import NewMessage

# In the order of the accounts, and before any key or count of the same transaction is touched: no circle of waiting.
LOCK = """
INSERT INTO sms_allowance AS a (account_id, tokens, filled_at)
SELECT t.account_id, t.tokens, clock_timestamp() FROM unnest(%s::uuid[], %s::float8[]) AS t (account_id, tokens)
ORDER BY t.account_id
ON CONFLICT (account_id) DO UPDATE SET tokens = a.tokens
RETURNING a.account_id
"""

# A statement of its own: it has to see what was committed while the lock was waited for.
LOOK = """
SELECT a.account_id, a.tokens, extract(epoch FROM t.at - a.filled_at)::float8, t.at,
       (SELECT coalesce(sum(u.accepted), 0)::bigint FROM sms_usage u
        WHERE u.account_id = a.account_id AND u.day = (t.at AT TIME ZONE 'UTC')::date),
       extract(epoch FROM date_trunc('day', t.at, 'UTC') + interval '1 day' - t.at)::float8
FROM sms_allowance a, (SELECT clock_timestamp() AS at) AS t WHERE a.account_id = ANY(%s::uuid[])
"""

# What was spent of the budgets this month: the same numbers that `sms.services.costs` corrects.
SPENT = """
SELECT b.account_id, extract(epoch FROM date_trunc('month', t.at, 'UTC') + interval '1 month' - t.at)::float8,
       (SELECT coalesce(sum(s.amount), 0) FROM sms_spend s
        WHERE s.account_id = b.account_id AND s.currency = b.currency
        AND s.day >= date_trunc('month', t.at, 'UTC')::date
        AND s.day < (date_trunc('month', t.at, 'UTC') + interval '1 month')::date)
FROM unnest(%s::uuid[], %s::text[]) AS b (account_id, currency), (SELECT clock_timestamp() AS at) AS t
"""

FIND_KEYS = "SELECT digest FROM sms_idempotencykey WHERE digest = ANY(%s::uuid[])"

KEEP = """
UPDATE sms_allowance a SET tokens = t.tokens, filled_at = t.at
FROM unnest(%s::uuid[], %s::float8[], %s::timestamptz[]) AS t (account_id, tokens, at) WHERE a.account_id = t.account_id
"""


@dataclass(frozen=True, slots=True)
class Admission:
    """What is refused, by the ids of the messages, and how each account stands that has limits."""

    refused: Mapping[UUID, LimitExceeded]
    standings: Mapping[UUID, Standing]


def concern(new: Sequence[NewMessage]) -> bool:
    """Whether there is anything to decide on."""
    return any(m.limits is not None for m in new)


def admit(new: Sequence[NewMessage], *, is_batch: bool, whole: bool) -> Admission:
    """Decide on messages that are about to be stored in this transaction.

    Each is a request of its own, unless they are a batch. A batch that is to be taken `whole` is taken or refused so.
    """
    limited = [m for m in new if m.limits is not None]
    standings, times = _lock({m.account_id: m.limits for m in limited if m.limits is not None})
    asked = _not_stored_yet(limited)
    refused: dict[UUID, LimitExceeded] = {}
    for request in [asked] if is_batch and asked else [[m] for m in asked]:
        verdicts = standings[request[0].account_id].judge([_cost(m) for m in request], whole=whole)
        refused |= {m.id: why for m, why in zip(request, verdicts, strict=True) if why is not None}
    if len(refused) < len(asked):
        _keep(standings, times)
    _refuse_twins(limited, refused)
    for m in limited:
        if m.id in refused:
            refused[m.id].windows = standings[m.account_id].windows
    return Admission(refused, standings)


def _lock(limits: Mapping[UUID, Limits]) -> tuple[dict[UUID, Standing], dict[UUID, datetime]]:
    """Lock the accounts, and return how each stands, and since when."""
    rows(LOCK, list(limits), [float(one.capacity) for one in limits.values()])
    standings: dict[UUID, Standing] = {}
    times: dict[UUID, datetime] = {}
    for account_id, tokens, elapsed, at, used, day_ends_in in rows(LOOK, list(limits)):
        standing = Standing(limits[account_id], tokens, used, day_ends_in)
        standing.refill(elapsed)
        standings[account_id], times[account_id] = standing, at
    if budgets := {account_id: one.budget.currency for account_id, one in limits.items() if one.budget is not None}:
        for account_id, month_ends_in, spent in rows(SPENT, list(budgets), list(budgets.values())):
            standings[account_id].month_ends_in, standings[account_id].spent = month_ends_in, spent
    return standings, times


def _cost(m: NewMessage) -> Money | None:
    return None if m.price is None or m.currency is None else Money(m.price, m.currency)


def _keep(standings: Mapping[UUID, Standing], times: Mapping[UUID, datetime]) -> None:
    rated = [one for one, standing in standings.items() if standing.limits.rate is not None]
    if rated:
        execute(KEEP, rated, [standings[one].tokens for one in rated], [times[one] for one in rated])


def _not_stored_yet(limited: Sequence[NewMessage]) -> list[NewMessage]:
    """Return the messages that would be new: without those whose key is known, and of each key the first."""
    keys = [m.key_digest for m in limited if m.key_digest is not None]
    known: set[UUID] = {digest for (digest,) in rows(FIND_KEYS, keys)} if keys else set()
    asked = []
    for m in limited:
        if m.key_digest is not None:
            if m.key_digest in known:
                continue
            known.add(m.key_digest)
        asked.append(m)
    return asked


def _refuse_twins(limited: Sequence[NewMessage], refused: dict[UUID, LimitExceeded]) -> None:
    """Refuse what has the same key as something that is refused; else it would be stored in its place."""
    keyed = [(m.id, m.key_digest) for m in limited if m.key_digest is not None]
    why = {key: refused[message_id] for message_id, key in keyed if message_id in refused}
    refused |= {message_id: why[key] for message_id, key in keyed if key in why}
