"""The database's clock, watched: when it steps, what waits is moved by as much, so that every wait keeps its length.

What is due is decided by PostgreSQL's clock, which somebody may set. What a worker's own steady clock says of the time
between two looks tells a step from time that has passed. See docs/adr/0004-clocks.md.
"""

import math
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings

from sms.database import execute, query, rows, transact
from sms.models import DispatchEntry
from sms.statuses import Status

log = structlog.get_logger(__name__)

TOLERANCE = 1.0  # seconds
LOOKS_EVERY = 3.0  # seconds: between two looks a step ahead shorter than that may pass unnoticed
UNWATCHED = 60.0  # seconds: what a process that has just started takes for a long time without a look
# Counts on while the machine is suspended, where the system has such a clock: suspended time has passed, too.
STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Look:
    """What the database's clock and our own said at the same moment."""

    now: datetime
    steady: float


_last: Look | None = None


def watch() -> datetime:
    """Return the time by the database's clock, having mended what its steps did. Raises Unavailable.

    Whoever decides by time that something is over (a lease, a validity) asks here, not `now()`.
    """
    now = query(_read)
    steady = _steady()
    last = _last
    if last is None or steady - last.steady > LOOKS_EVERY or _drift(last, now, steady) > TOLERANCE:
        return look()
    return now


def look() -> datetime:
    """Compare the database's clock with how far it had come, and move what waits by as much as it has stepped.

    Each step is mended once, however many look at the same time. Raises Unavailable.
    """
    global _last  # noqa: PLW0603  a process has one memory of the one clock
    _last = seen = transact(_look)
    return seen.now


def forget() -> None:
    """Be as a process that has just started."""
    global _last  # noqa: PLW0603
    _last = None


def _steady() -> float:
    return time.clock_gettime(STEADY)


def _drift(last: Look, now: datetime, steady: float) -> float:
    return abs((now - last.now).total_seconds() - (steady - last.steady))


def _read() -> datetime:
    ((now,),) = rows("SELECT clock_timestamp()")
    assert isinstance(now, datetime)
    return now


# Locks the row, which is there from then on.
LOCK = """
INSERT INTO sms_clock (id, seen_at) VALUES (1, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET seen_at = sms_clock.seen_at RETURNING seen_at
"""


def _look() -> Look:
    ((seen_at,),) = rows(LOCK)
    before = _steady()
    now = _read()
    # Somebody else may have looked since: between no time and all the time since our own look has passed. Our clock is
    # read on the far side of the database's each time, so a process that is frozen between the two sees no step.
    longest = math.inf if _last is None else _steady() - _last.steady
    ago = (now - seen_at).total_seconds()
    step = ago - min(max(ago, 0.0), longest)
    if abs(step) > TOLERANCE:
        log.warning("clock_stepped", seconds=round(step, 1))
        _mend(step, since=now - timedelta(seconds=TOLERANCE + (longest if math.isfinite(longest) else UNWATCHED)))
    elif longest == math.inf and ago > UNWATCHED:
        # Nobody can tell time without work from a step ahead. What must never pass too early begins anew.
        _mend(0.0, since=now)
    execute("UPDATE sms_clock SET seen_at = %s", now)
    return Look(now, before)


# Whoever holds an entry's row may wait for another one: only with the whole tables to ourselves we are in no circle of
# waiting. Receipts come first, as in every transaction that needs both. Afterwards everyone reads the new clock.
LOCK_TABLES = "LOCK TABLE sms_receipt, sms_dispatchentry IN EXCLUSIVE MODE"

# Moving a few million rows takes longer than any other statement may.
PATIENCE = "SET LOCAL statement_timeout = '300s'"

# What was written between `since` and now has the new time already. What is later than the clock has ever been but for
# a moment that nobody saw, between two steps, begins anew; and nothing waits longer than it was to when it was written,
# which is told by the message's times, so those move along. How much is left of a lease only its worker's
# steady clock knows, and how long a request has been on its way nobody does: both waits begin anew. One that is over
# late costs time, one that is over early could send a text twice. What waits for its receipt may be millions of rows,
# and stays. Where no step is known, a look-up that is far away is left, too: those are not read to find the uncertain.
MOVED = """
FROM sms_dispatchentry d JOIN sms_message m ON m.id = d.message_id WHERE (
    d.lease IS NOT NULL
    OR (d.purpose = %(settle)s AND (%(step)s <> interval '0' OR d.due_at < statement_timestamp() + %(look_up_after)s))
    OR (d.purpose = %(submit)s AND %(step)s <> interval '0')
) AND (d.purpose <> %(settle)s OR m.status = %(uncertain)s)
"""

MOVE_ENTRIES = f"""
UPDATE sms_dispatchentry d SET
    due_at = CASE WHEN d.lease IS NOT NULL THEN statement_timestamp() + %(lease)s
                  WHEN d.purpose = %(settle)s THEN statement_timestamp() + %(look_up_after)s
                  WHEN m.updated_at > %(future)s THEN statement_timestamp() + (d.due_at - m.updated_at)
                  WHEN m.updated_at BETWEEN %(since)s AND statement_timestamp() THEN d.due_at
                  ELSE least(d.due_at + %(step)s, statement_timestamp() + (d.due_at - m.updated_at)) END,
    expires_at = CASE WHEN m.created_at > %(future)s THEN statement_timestamp() + (d.expires_at - m.created_at)
                      WHEN m.created_at BETWEEN %(since)s AND statement_timestamp() THEN d.expires_at
                      ELSE least(d.expires_at + %(step)s, statement_timestamp() + (d.expires_at - m.created_at)) END
FROM sms_message m WHERE m.id = d.message_id AND d.message_id IN (SELECT d.message_id {MOVED})
"""  # noqa: S608  a constant

# To look at one once too often does no harm.
MOVE_RECEIPTS = """
UPDATE sms_receipt SET
    due_at = least(due_at, statement_timestamp()),
    received_at = CASE WHEN received_at BETWEEN %(since)s AND statement_timestamp() THEN received_at
                       ELSE received_at + %(step)s END
WHERE processed_at IS NULL
"""

# How long a message has been uncertain also decides how soon it is looked up again. To wait for one that somebody holds
# could be a circle; nobody should, while the entries are locked.
MOVE_MESSAGES = f"""
UPDATE sms_message m SET
    updated_at = CASE WHEN m.updated_at > %(future)s THEN statement_timestamp()
                      WHEN m.updated_at BETWEEN %(since)s AND statement_timestamp() THEN m.updated_at
                      ELSE least(m.updated_at + %(step)s, statement_timestamp()) END,
    created_at = CASE WHEN m.created_at > %(future)s THEN statement_timestamp()
                      WHEN m.created_at BETWEEN %(since)s AND statement_timestamp() THEN m.created_at
                      ELSE least(m.created_at + %(step)s, statement_timestamp()) END
WHERE %(step)s <> interval '0' AND m.id IN (SELECT m.id {MOVED} FOR UPDATE OF m SKIP LOCKED)
"""  # noqa: S608  a constant


# Two steps that cancel each other leave no step to find; only what was written between them, by a clock that was ahead.
# Every change has an event of the same time, and of those only the latest are read (by the index `event_age`).
BRING_BACK_ENTRIES = """
WITH ahead AS (
    SELECT d.message_id FROM sms_dispatchentry d JOIN sms_message m ON m.id = d.message_id
    WHERE m.updated_at > statement_timestamp() + %(tolerance)s AND m.id IN (
        SELECT message_id FROM sms_messageevent WHERE occurred_at > statement_timestamp() + %(tolerance)s
    )
    FOR UPDATE OF d, m SKIP LOCKED
), entries AS (
    UPDATE sms_dispatchentry d SET
        due_at = CASE WHEN d.purpose = %(schedule)s THEN d.due_at
                      WHEN d.lease IS NOT NULL THEN statement_timestamp() + %(lease)s
                      WHEN m.status = %(uncertain)s THEN statement_timestamp() + %(look_up_after)s
                      ELSE statement_timestamp() + (d.due_at - m.updated_at) END,
        expires_at = CASE WHEN m.created_at > statement_timestamp() + %(tolerance)s AND d.purpose <> %(schedule)s
                          THEN statement_timestamp() + (d.expires_at - m.created_at) ELSE d.expires_at END
    FROM ahead JOIN sms_message m ON m.id = ahead.message_id WHERE d.message_id = ahead.message_id
)
UPDATE sms_message m SET updated_at = statement_timestamp(), created_at = least(m.created_at, statement_timestamp())
FROM ahead WHERE m.id = ahead.message_id
"""

BRING_BACK_RECEIPTS = """
UPDATE sms_receipt SET received_at = statement_timestamp(), due_at = statement_timestamp()
WHERE processed_at IS NULL AND received_at > statement_timestamp() + %(tolerance)s
"""


def bring_back() -> int:
    """Let what was written by a clock that was ahead for a moment wait as long as it was to; return how many messages.

    Looks at what was written since about a minute, so it is for once a minute. Whoever holds a row is waited for by the
    next time. Raises Unavailable.
    """
    watch()  # a step that somebody can still find is mended as one
    brought = transact(_bring_back)
    if brought:
        log.warning("written_ahead_of_the_clock", messages=brought)
    return brought


def _bring_back() -> int:
    execute(PATIENCE)
    execute(BRING_BACK_RECEIPTS, tolerance=timedelta(seconds=TOLERANCE))
    return execute(
        BRING_BACK_ENTRIES,
        tolerance=timedelta(seconds=TOLERANCE),
        lease=timedelta(seconds=settings.SMS_LEASE_SECONDS),
        look_up_after=timedelta(seconds=settings.SMS_LOOK_UP_AFTER),
        uncertain=Status.UNCERTAIN,
        schedule=DispatchEntry.Purpose.SCHEDULE.value,
    )


def _mend(step: float, *, since: datetime) -> None:
    """Move what waits by a step of the clock, ahead or back, that happened after `since`.

    What is a matter of days stays: how long a message waits for its receipt, how long a soft final may be corrected,
    and how long a key is kept. So does a send time, which somebody chose by the true time.
    """
    execute(PATIENCE)
    execute(LOCK_TABLES)
    ahead = max(0.0, -step) + TOLERANCE  # before a step back the clock was ahead of now by as much
    for statement in (MOVE_ENTRIES, MOVE_RECEIPTS, MOVE_MESSAGES):
        execute(
            statement,
            step=timedelta(seconds=step),
            since=since,
            future=_read() + timedelta(seconds=ahead),
            lease=timedelta(seconds=settings.SMS_LEASE_SECONDS),
            look_up_after=timedelta(seconds=settings.SMS_LOOK_UP_AFTER),
            submit=DispatchEntry.Purpose.SUBMIT.value,
            settle=DispatchEntry.Purpose.SETTLE.value,
            uncertain=Status.UNCERTAIN,
        )
