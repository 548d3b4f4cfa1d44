"""Discard bodies past their account's time: texts of either direction, metadata, receipts as they came. Beat runs this.

No index tells which messages have been final for so long; an account's feed does. It has the changes of status in the
order of their time, so a mark in it moves past each change once, when that is old enough: the message is due if the
change made it final and was its last one. A later correction is a change of its own, and is met at its own time. What
was there before the mark, and may have no feed, is walked through once by (account, id).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from uuid import UUID

from sms.database import execute, query, rows, transact
from sms.ids import first_id_of
from sms.statuses import FINAL

AT_ONCE = 2_000  # changes, or messages, that are looked at
LOWEST = UUID(int=0)

LONGEST = 100 * 366 * 24  # hours: what is longer would be before all time

# In no order of their own, so that what is left at the end of a run is not always the same accounts'.
ACCOUNTS = """
SELECT id, least(discard_body_after, %s) FROM sms_account WHERE discard_body_after IS NOT NULL ORDER BY random()
"""

BEGIN = "INSERT INTO sms_retention (account_id) VALUES (%s) ON CONFLICT DO NOTHING"
MARK = """
SELECT position, event_id, message_id, NOT is_through AND began_at + make_interval(hours => %s) <= now(), began_at
FROM sms_retention WHERE account_id = %s
"""

# Only up to the horizon: behind it, nothing that is still to be committed can appear.
CHANGES = """
SELECT occurred_at <= now() - make_interval(hours => %s), status = ANY(%s), message_id, sequence, position, id
FROM sms_messageevent
WHERE account_id = %s AND sequence IS NOT NULL AND (position, id) > (%s, %s)
AND position < sms_position(pg_snapshot_xmin(pg_current_snapshot()))
ORDER BY position, id LIMIT %s
"""

# What was changed later than that is in the feed.
OLDER = """
SELECT status = ANY(%s) AND updated_at <= now() - make_interval(hours => %s), id, sequence FROM sms_message
WHERE account_id = %s AND id > %s AND id < %s ORDER BY id LIMIT %s
"""

# Locked in the order of their ids, as everywhere; one that was changed a moment ago is left to that change.
DISCARD = """
WITH due AS (
    SELECT m.id FROM sms_message m
    JOIN unnest(%s::uuid[], %s::int[]) AS t (id, sequence) ON t.id = m.id AND t.sequence = m.sequence
    WHERE m.body_discarded_at IS NULL ORDER BY m.id FOR UPDATE OF m
)
UPDATE sms_message m SET text = '', metadata = NULL, body_discarded_at = statement_timestamp()
FROM due WHERE m.id = due.id
"""

DISCARD_RECEIPTS = """
WITH theirs AS (
    SELECT r.id FROM unnest(%s::uuid[]) AS t (id)
    JOIN sms_message m ON m.id = t.id AND m.body_discarded_at IS NOT NULL
    JOIN sms_receipt r ON r.message_id = t.id AND r.body <> ''::bytea
    ORDER BY r.id FOR UPDATE OF r
)
UPDATE sms_receipt r SET body = ''::bytea FROM theirs WHERE r.id = theirs.id
"""

MOVE_MARK = """
UPDATE sms_retention SET position = %s, event_id = %s WHERE account_id = %s AND (position, event_id) < (%s, %s)
"""
MOVE_OLDER = """
UPDATE sms_retention SET message_id = greatest(message_id, %s), is_through = is_through OR %s WHERE account_id = %s
"""

# Nobody knows whose they are, so the shortest of all times counts.
DISCARD_NOBODYS = """
WITH due AS (
    SELECT id FROM sms_receipt WHERE outcome IN ('FAILED', 'UNMATCHED') AND NOT body = ''::bytea
    AND processed_at <= now() - make_interval(hours => (SELECT least(min(discard_body_after), %s) FROM sms_account))
    AND EXISTS (SELECT FROM sms_account WHERE discard_body_after IS NOT NULL)
    ORDER BY processed_at LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE sms_receipt r SET body = ''::bytea FROM due WHERE r.id = due.id
"""

# Texts from handsets are as old as their ids, and an index has those that have not been discarded.
DISCARD_INBOUND = """
WITH due AS (
    SELECT id FROM sms_inboundmessage WHERE {whose} AND body_discarded_at IS NULL AND id < %s
    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE sms_inboundmessage i SET text = '', body_discarded_at = statement_timestamp() FROM due WHERE i.id = due.id
"""
OF_AN_ACCOUNT = DISCARD_INBOUND.format(whose="account_id = %s")
NOBODYS = DISCARD_INBOUND.format(whose="account_id IS NULL")


@dataclass(frozen=True, slots=True)
class Mark:
    """How far an account has been looked through."""

    account_id: UUID
    hours: int
    position: int
    event_id: int
    message_id: UUID | None
    may_walk: bool  # through what was there before the mark
    began_at: datetime


def discard_bodies(*, keep_going: Callable[[], bool] = lambda: True) -> int:
    """Discard what is due, a set at a time, until nothing is or `keep_going` says no; return how many messages.

    Safe to run many at once, and to be cut off anywhere: a mark moves after all that it stands for. Raises Unavailable.
    """
    total = 0
    accounts = query(rows, ACCOUNTS, LONGEST)
    for account_id, hours in accounts:
        _discard_inbound(OF_AN_ACCOUNT, account_id, hours=hours, keep_going=keep_going)
        while (count := _discard_set(_mark(account_id, hours))) is not None:
            total += count
            if not keep_going():
                return total
    while transact(execute, DISCARD_NOBODYS, LONGEST, AT_ONCE) == AT_ONCE and keep_going():
        pass
    if accounts:  # as with receipts: the shortest of all times counts
        _discard_inbound(NOBODYS, hours=min(hours for _, hours in accounts), keep_going=keep_going)
    return total


def _discard_inbound(statement: str, *whose: UUID, hours: int, keep_going: Callable[[], bool]) -> None:
    before = first_id_of(datetime.now(UTC), offset=-timedelta(hours=hours))
    while transact(execute, statement, *whose, before, AT_ONCE) == AT_ONCE and keep_going():
        pass


def _mark(account_id: UUID, hours: int) -> Mark:
    if not (found := query(rows, MARK, hours, account_id)):
        transact(execute, BEGIN, account_id)
        found = query(rows, MARK, hours, account_id)
    return Mark(account_id, hours, *found[0])


def _discard_set(mark: Mark) -> int | None:
    """Discard what is due of a set, and return how many messages; None if there was nothing left to look at."""
    seen = query(rows, CHANGES, mark.hours, sorted(FINAL), mark.account_id, mark.position, mark.event_id, AT_ONCE)
    if old_enough := list(takewhile(lambda row: row[0], seen)):
        due = [(message_id, sequence) for _, is_final, message_id, sequence, _, _ in old_enough if is_final]
        *_, position, event_id = old_enough[-1]
        return _discard(due, MOVE_MARK, position, event_id, mark.account_id, position, event_id)
    return _discard_older(mark) if mark.may_walk else None


def _discard_older(mark: Mark) -> int:
    after, before = mark.message_id or LOWEST, first_id_of(mark.began_at)
    seen = query(rows, OLDER, sorted(FINAL), mark.hours, mark.account_id, after, before, AT_ONCE)
    due = [(message_id, sequence) for is_due, message_id, sequence in seen if is_due]
    last = seen[-1][1] if seen else after
    return _discard(due, MOVE_OLDER, last, len(seen) < AT_ONCE, mark.account_id)


def _discard(due: Sequence[tuple[UUID, int]], move: str, *mark: object) -> int:
    """Discard the messages' bodies, then what their receipts came as, and only then move the mark."""
    ids = [message_id for message_id, _ in due]
    count = transact(execute, DISCARD, ids, [sequence for _, sequence in due]) if due else 0
    # In a transaction of its own: one that held messages and waited for receipts could wait in a circle.
    transact(_finish, ids, move, mark)
    return count


def _finish(ids: Sequence[UUID], move: str, mark: Sequence[object]) -> None:
    if ids:
        execute(DISCARD_RECEIPTS, ids)
    execute(move, *mark)
