"""Store checked messages, with all that belongs to them, in one commit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from sms import selectors
from sms.database import at_once, query, rows, transact
from sms.errors import BatchRefused, IdempotencyConflict, LimitExceeded, SmsError, Unavailable
from sms.limits import Standing
from sms.nudge import nudge_dispatch, nudge_sweep
from sms.records import EventRecord, MessageRecord
from sms.services import limits, routes
from sms.services.new_message import NewMessage
from sms.statuses import Status
from sms.windows import Window


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored message; `replayed` when its idempotency key had been used for it before."""

    message: MessageRecord
    replayed: bool
    windows: tuple[Window, ...] = ()  # what is left of the account's limits, where it has some


Earlier = Mapping[UUID, Accepted | IdempotencyConflict]


def is_replayed(result: Accepted | SmsError) -> bool:
    """Whether a result is a message that was stored before."""
    return isinstance(result, Accepted) and result.replayed


def windows_of(results: Sequence[Accepted | SmsError]) -> tuple[Window, ...]:
    """Return what is left of the account's limits after a request; nothing for an account without limits."""
    found = (one.windows for one in results if isinstance(one, Accepted | LimitExceeded))
    return next((windows for windows in found if windows), ())


def limit_behind(results: Sequence[Accepted | SmsError]) -> LimitExceeded | None:
    """Return the limit because of which nothing of a request was accepted, if it was one."""
    if any(isinstance(one, Accepted) for one in results):
        return None
    return next((one for one in results if isinstance(one, LimitExceeded)), None)


# Rows whose key is taken already are left out, and so not returned. ON CONFLICT waits for another transaction that is
# just storing the same key; the keys are sorted, so two such waits cannot form a circle. Nor can those for the counts
# of what accounts have used: they begin when all keys are there, and go by the accounts. The foreign keys are checked
# at the end of the transaction, so the order of the inserts does not matter. A message has one time, read when all
# tables are ours to write: one from before a step of the clock cannot come after `clock` has mended that.
_STORE = """
WITH asked AS MATERIALIZED (
    SELECT t.*, clock_timestamp() AS at FROM unnest(
        %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[], %s::text[],
        %s::text[], %s::int[], %s::uuid[], %s::bytea[], %s::jsonb[], %s::smallint[], %s::bool[], %s::timestamptz[],
        %s::smallint[], %s::text[]{kinds}
    ) AS t (id, account_id, sender_id, recipient, text, encoding, segment_count, client_reference,
            delivery_policy, valid_for, key_digest, fingerprint, metadata, priority, is_test, send_at,
            route_id, reason{names})
), keys AS (
    INSERT INTO sms_idempotencykey (digest, fingerprint, message_id)
    SELECT key_digest, fingerprint, id FROM asked WHERE key_digest IS NOT NULL
    ORDER BY key_digest
    ON CONFLICT DO NOTHING
    RETURNING message_id
), new AS (
    SELECT *, coalesce(send_at > at, false) AS waits FROM asked
    WHERE key_digest IS NULL OR id IN (SELECT message_id FROM keys)
), messages AS (
    INSERT INTO sms_message (id, account_id, sender_id, recipient, text, encoding, segment_count, client_reference,
                             metadata, delivery_policy, priority, is_test, send_at, status, sequence, created_at,
                             updated_at{names}{counted})
    SELECT id, account_id, sender_id, recipient, text, encoding, segment_count, client_reference,
           metadata, delivery_policy, priority, is_test, send_at,
           CASE WHEN waits THEN 'SCHEDULED' ELSE 'QUEUED' END, 1, at, at{names}{counting} FROM new
), events AS (
    INSERT INTO sms_messageevent (message_id, account_id, sequence, status, late, conflict, occurred_at)
    SELECT id, account_id, 1, CASE WHEN waits THEN 'SCHEDULED' ELSE 'QUEUED' END, false, false, at FROM new
), entries AS (
    INSERT INTO sms_dispatchentry (message_id, purpose, priority, due_at, expires_at, attempts, route_id, reason)
    SELECT id, CASE WHEN waits THEN 3 ELSE 1 END, priority, CASE WHEN waits THEN send_at ELSE at END,
           CASE WHEN waits THEN send_at ELSE at END + make_interval(secs => valid_for), 0, route_id, reason
    FROM new
), used AS (
    INSERT INTO sms_usage AS u (account_id, day, slot, accepted)
    SELECT account_id, (min(at) AT TIME ZONE 'UTC')::date, pg_backend_pid() %% 32, count(*)
    FROM new WHERE NOT is_test GROUP BY account_id ORDER BY account_id
    ON CONFLICT (account_id, day, slot) DO UPDATE SET accepted = u.accepted + excluded.accepted
){spent}
SELECT id, at, waits FROM new
"""
# What has no price pays nothing for what is counted of those that have.
STORE = _STORE.format(kinds="", names="", counted="", counting="", spent="")
STORE_WITH_PRICES = _STORE.format(
    kinds=", %s::numeric[], %s::text[], %s::text[]",
    names=", price, currency, charged_to",
    counted=", price_is_estimate, charged_on",
    counting=""",
           CASE WHEN price IS NOT NULL THEN true END,
           CASE WHEN price IS NOT NULL THEN (at AT TIME ZONE 'UTC')::date END""",
    spent=""", spent AS (
    INSERT INTO sms_spend AS s (account_id, day, route, currency, slot, messages, segments, amount)
    SELECT account_id, (at AT TIME ZONE 'UTC')::date AS day, charged_to, currency, pg_backend_pid() %% 32,
           count(*), sum(segment_count), sum(price)
    FROM new WHERE price IS NOT NULL GROUP BY account_id, 2, charged_to, currency
    ORDER BY account_id, day, charged_to, currency
    ON CONFLICT (account_id, day, route, currency, slot) DO UPDATE SET messages = s.messages + excluded.messages,
        segments = s.segments + excluded.segments, amount = s.amount + excluded.amount
)""",
)

FIND_KEYS = """
SELECT digest, fingerprint, message_id FROM sms_idempotencykey WHERE digest = ANY(%s::uuid[])
"""


def store(new: Sequence[NewMessage], *, is_batch: bool = False) -> Sequence[Accepted | SmsError]:
    """Store a set in one commit: messages that are a request each, unless they are a batch. Raises Unavailable.

    Each result is the message, or IdempotencyConflict or LimitExceeded.
    """
    unroutable = routes.assign(new)
    if unroutable:
        return _store_but(new, unroutable, is_batch=is_batch)
    if limits.concern(new):
        return transact(_store_within_limits, new, is_batch, False)
    sql, columns = _to_store(new)
    stored = at_once(sql, *columns)
    try:
        return _results(new, stored, find=find)
    except Unavailable:  # what is stored is stored: only what was there before cannot be shown now
        return _results(new, stored, find=lambda _: {})


def _store_but(
    new: Sequence[NewMessage], refused: Mapping[UUID, SmsError], *, is_batch: bool
) -> Sequence[Accepted | SmsError]:
    """Store a set without what no route takes; of that, what was stored when one did is returned as ever."""
    earlier = find([m for m in new if m.id in refused])
    kept = [m for m in new if m.id not in refused]
    stored = iter(store(kept, is_batch=is_batch) if kept else ())
    return [earlier.get(m.id, refused[m.id]) if m.id in refused else next(stored) for m in new]


class NothingStored(Exception):
    """A set was to be stored whole, and some of it could not; `results` are as `store` returns them."""

    def __init__(self, results: Sequence[Accepted | SmsError]) -> None:
        super().__init__("nothing was stored")
        self.results = results


def store_all(new: Sequence[NewMessage]) -> Sequence[Accepted]:
    """Store a batch in one commit, or nothing of it. Raises NothingStored, Unavailable."""
    if unroutable := routes.assign(new):
        earlier = find([m for m in new if m.id in unroutable])
        if refused := {one: error for one, error in unroutable.items() if one not in earlier}:
            raise NothingStored([refused.get(m.id, BatchRefused()) for m in new])
    return transact(_store_all, new)


def _store_all(new: Sequence[NewMessage]) -> Sequence[Accepted]:
    results = _store_within_limits(new, True, True) if limits.concern(new) else _store(new)
    accepted = [one for one in results if isinstance(one, Accepted)]
    if len(accepted) < len(results):
        raise NothingStored(results)
    return accepted


def _store_within_limits(
    new: Sequence[NewMessage],
    is_batch: bool,  # noqa: FBT001  for `transact`, which takes arguments by position
    whole: bool,  # noqa: FBT001
) -> Sequence[Accepted | SmsError]:
    admission = limits.admit(new, is_batch=is_batch, whole=whole)
    admitted = [m for m in new if m.id not in admission.refused]
    stored = iter(_store(admitted) if admitted else ())
    results = [admission.refused[m.id] if m.id in admission.refused else next(stored) for m in new]
    return [_with_windows(one, admission.standings.get(m.account_id)) for m, one in zip(new, results, strict=True)]


def _with_windows(result: Accepted | SmsError, standing: Standing | None) -> Accepted | SmsError:
    if standing is None or not isinstance(result, Accepted):
        return result
    return replace(result, windows=standing.windows)


def _store(new: Sequence[NewMessage]) -> Sequence[Accepted | SmsError]:
    sql, columns = _to_store(new)
    return _results(new, rows(sql, *columns), find=_find)


def _to_store(new: Sequence[NewMessage]) -> tuple[str, list[list[Any]]]:
    """Return the statement that stores messages, and its parameters."""
    if not any(m.price is not None for m in new):
        return STORE, _columns(new)
    prices: list[list[Any]] = [[m.price for m in new], [m.currency for m in new], [m.charged_to for m in new]]
    return STORE_WITH_PRICES, [*_columns(new), *prices]


def _columns(new: Sequence[NewMessage]) -> list[list[Any]]:
    return [
        [m.id for m in new],
        [m.account_id for m in new],
        [m.sender_id for m in new],
        [m.recipient for m in new],
        [m.text for m in new],
        [m.encoding for m in new],
        [m.segment_count for m in new],
        [m.client_reference for m in new],
        [m.delivery_policy for m in new],
        [m.valid_for for m in new],
        [m.key_digest for m in new],
        [m.fingerprint for m in new],
        [m.metadata for m in new],
        [m.priority for m in new],
        [m.is_test for m in new],
        [m.send_at for m in new],
        [m.route_id for m in new],
        [m.reason for m in new],
    ]


def _results(
    new: Sequence[NewMessage],
    rows_of_stored: Sequence[tuple[Any, ...]],
    *,
    find: Callable[[Sequence[NewMessage]], Earlier],
) -> Sequence[Accepted | SmsError]:
    stored: dict[UUID, tuple[datetime, bool]] = {row[0]: row[1:] for row in rows_of_stored}
    repeated = [m for m in new if m.id not in stored]
    earlier = find(repeated) if repeated else {}
    # A key that was taken and is not found was purged this very moment.
    return [
        Accepted(_as_record(m, *stored[m.id]), replayed=False) if m.id in stored else earlier.get(m.id, Unavailable())
        for m in new
    ]


def nudge_for(stored: Sequence[MessageRecord]) -> None:
    """Tell the workers of messages that were just stored."""
    if any(one.status is Status.QUEUED for one in stored):
        nudge_dispatch()
    waits = [one.send_at - one.created_at for one in stored if one.send_at and one.status is Status.SCHEDULED]
    if waits:
        nudge_sweep.after(min(waits).total_seconds())


def find(new: Sequence[NewMessage]) -> Earlier:
    """Return what the keys of new messages stand for already, by the new ones' ids. Raises Unavailable."""
    return query(_find, new)


def _find(new: Sequence[NewMessage]) -> dict[UUID, Accepted | IdempotencyConflict]:
    keyed = [m for m in new if m.key_digest is not None]
    found = rows(FIND_KEYS, [m.key_digest for m in keyed])
    earlier = {digest: (bytes(fingerprint), message_id) for digest, fingerprint, message_id in found}
    messages = selectors.get_messages({message_id for _, message_id in earlier.values()})
    results: dict[UUID, Accepted | IdempotencyConflict] = {}
    for m in keyed:
        fingerprint, message_id = earlier.get(m.key_digest, (None, None))
        if message_id is None or message_id not in messages:
            continue
        if fingerprint == m.fingerprint:
            results[m.id] = Accepted(messages[message_id], replayed=True)
        else:
            results[m.id] = IdempotencyConflict()
    return results


def _as_record(m: NewMessage, now: datetime, waits: bool) -> MessageRecord:  # noqa: FBT001  a column of STORE
    status = Status.SCHEDULED if waits else Status.QUEUED
    return MessageRecord(
        id=m.id,
        sender_id=m.sender_id,
        recipient=m.recipient,
        text=m.text,
        encoding=m.encoding,
        segment_count=m.segment_count,
        client_reference=m.client_reference,
        metadata=None if m.metadata is None else orjson.loads(m.metadata),
        delivery_policy=m.delivery_policy,
        priority=m.priority,
        is_test=m.is_test,
        send_at=m.send_at,
        status=status,
        sequence=1,
        created_at=now,
        updated_at=now,
        provider=None,
        provider_reference=None,
        error_code=None,
        price=m.price,
        currency=m.currency,
        price_is_estimate=None if m.price is None else True,
        body_discarded_at=None,
        history=[EventRecord(message_id=m.id, sequence=1, status=status, occurred_at=now)],
    )
