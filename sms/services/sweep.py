"""Find what a crash left behind, and delete what is past its time. Beat runs this; every step is safe to repeat."""

from collections.abc import Callable
from datetime import datetime

from sms.database import execute, rows, transact
from sms.events import StatusChanged, announce
from sms.nudge import nudge_dispatch, nudge_sweep
from sms.providers.errors import ProviderError
from sms.providers.kinds import has_own_process
from sms.routing import snapshot
from sms.services import clock, moves
from sms.services.moves import Move
from sms.statuses import Status

BATCH = 500
KEYS_AT_ONCE = 5_000
KEYS_KEPT_HOURS = 7 * 24 + 12  # seven days at least, also when the clock steps by an hour now and then
CHANGES_KEPT_DAYS = 365
CHANGES_AT_ONCE = 1_000  # a run, and so a minute: routes do not change as often

# As in a claim: the message is locked together with its entry, and what another transaction holds is left to it.
EXPIRED_LEASES = """
SELECT d.message_id FROM sms_dispatchentry d JOIN sms_message m ON m.id = d.message_id
WHERE d.lease IS NOT NULL AND d.due_at <= %s
ORDER BY d.due_at LIMIT %s FOR UPDATE OF d, m SKIP LOCKED
"""

# By the true time, which somebody chose: a clock that stepped is no reason to wait any longer.
DUE_SCHEDULED = """
SELECT d.message_id FROM sms_dispatchentry d JOIN sms_message m ON m.id = d.message_id
WHERE d.purpose = 3 AND d.due_at <= %s
ORDER BY d.due_at LIMIT %s FOR UPDATE OF d, m SKIP LOCKED
"""

# The process that serves a route by itself may be away for longer than a message is valid.
EXPIRED_IN_QUEUE = """
SELECT d.message_id FROM sms_dispatchentry d JOIN sms_message m ON m.id = d.message_id
WHERE d.purpose = 1 AND d.lease IS NULL AND d.route_id = ANY(%s::smallint[]) AND d.due_at <= now()
      AND d.expires_at <= %s
LIMIT %s FOR UPDATE OF d, m SKIP LOCKED
"""

OLD_KEYS = """
DELETE FROM sms_idempotencykey WHERE digest IN (
    SELECT digest FROM sms_idempotencykey WHERE created_at < now() - make_interval(hours => %s) LIMIT %s
)
"""

# Ids are as old as their rows: there is no index of times, and none is needed.
OLD_CHANGES = """
DELETE FROM sms_routechange WHERE at < now() - make_interval(days => %s)
AND id IN (SELECT id FROM sms_routechange ORDER BY id LIMIT %s)
"""

OLD_SESSIONS = "DELETE FROM django_session WHERE expire_date < now()"


def release_expired_leases() -> int:
    """Make UNCERTAIN what a worker claimed and never finished: nobody knows whether the provider has it."""
    total = 0
    while True:
        changes = transact(_release_set, clock.watch())
        announce(changes)
        total += len(changes)
        if len(changes) < BATCH:
            return total


def _release_set(now: datetime) -> list[StatusChanged]:
    ids = [row[0] for row in rows(EXPIRED_LEASES, now, BATCH)]
    detail = "the worker's lease passed without an answer"
    return moves.apply(moves.lock(ids), [Move(one, Status.UNCERTAIN, detail=detail) for one in ids]) if ids else []


def expire_unserved(*, keep_going: Callable[[], bool] = lambda: True) -> int:
    """Make EXPIRED what has outlived its validity on a route that no worker looks at, a set at a time.

    Until all is, or `keep_going` says no. It reads all that is due there, so it is not for every few seconds. Raises
    Unavailable.
    """
    routes = [one.id for one in snapshot.current().routes if has_own_process(one.kind)]
    total = 0
    while routes:
        changes = transact(_expire_set, routes, clock.watch())
        announce(changes)
        total += len(changes)
        if len(changes) < BATCH or not keep_going():
            break
    return total


def _expire_set(routes: list[int], now: datetime) -> list[StatusChanged]:
    ids = [row[0] for row in rows(EXPIRED_IN_QUEUE, routes, now, BATCH)]
    asked = [Move(one, Status.EXPIRED, error_code=ProviderError.EXPIRED_LOCAL, detail="validity passed") for one in ids]
    return moves.apply(moves.lock(ids), asked) if ids else []


def queue_scheduled(*, keep_going: Callable[[], bool] = lambda: True) -> int:
    """Make QUEUED what has waited for its send time, a set at a time, until all is or `keep_going` says no.

    Returns how many messages. Raises Unavailable.
    """
    total = 0
    while True:
        changes = transact(_queue_set, clock.watch())
        announce(changes)
        total += len(changes)
        if changes:
            nudge_dispatch()
        if len(changes) < BATCH:
            return total
        if not keep_going():
            nudge_sweep()  # leave the thread to others, and come back
            return total


def _queue_set(now: datetime) -> list[StatusChanged]:
    ids = [row[0] for row in rows(DUE_SCHEDULED, now, BATCH)]
    return moves.apply(moves.lock(ids), [Move(one, Status.QUEUED) for one in ids]) if ids else []


def forget_old_keys(*, keep_going: Callable[[], bool] = lambda: True) -> int:
    """Delete idempotency keys past their time, a set at a time, until none is left or `keep_going` says no."""
    total = 0
    while True:
        deleted = transact(execute, OLD_KEYS, KEYS_KEPT_HOURS, KEYS_AT_ONCE)
        total += deleted
        if deleted < KEYS_AT_ONCE or not keep_going():
            return total


def forget_old_changes() -> int:
    """Delete what was noted of routes more than a year ago, a set at most; return how many. Raises Unavailable."""
    return transact(execute, OLD_CHANGES, CHANGES_KEPT_DAYS, CHANGES_AT_ONCE)


def forget_old_sessions() -> int:
    """Delete the admin's sessions that have ended; return how many. Raises Unavailable."""
    return transact(execute, OLD_SESSIONS)
