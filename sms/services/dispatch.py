"""Claim what is due, and record what came of it: what is written before and after a provider is called."""

import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from uuid_utils.compat import uuid7

from sms import faults
from sms.database import at_once, rows, transact
from sms.events import StatusChanged, announce
from sms.models import Priority
from sms.nudge import nudge_dispatch, nudge_receipts, nudge_sweep
from sms.providers.base import Handover, Outcome, Submission
from sms.providers.errors import BACKOFFS, ELSEWHERE, OURS, ProviderError
from sms.routing import snapshot
from sms.routing.choose import Choice, Wanted, allowed, choose, why_not
from sms.routing.records import SIMULATOR, RouteRecord, Snapshot
from sms.services import clock, costs, moves
from sms.services.moves import RECEIPT_WINDOW, Held, Move
from sms.statuses import Status

ASIDE = 5.0  # seconds that a message waits which nobody can take at present, before it is looked at again


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this worker alone may submit until its lease passes."""

    message_id: UUID
    attempt_number: int
    submission: Submission
    route: RouteRecord
    wanted: Wanted


# The message is locked together with its entry, and what another transaction holds is skipped: a claim never waits, so
# it cannot be part of a circle of waiting.
CLAIM = """
SELECT m.id, m.account_id, m.status, m.sequence, m.delivery_policy,
       m.updated_at > now() - make_interval(secs => %s), d.attempts,
       m.charged_to, m.sender_id, m.recipient, m.text, m.priority, m.is_test, d.reason,
       extract(epoch FROM d.expires_at - %s)::float8
FROM sms_dispatchentry d JOIN sms_message m ON m.id = d.message_id
WHERE d.purpose = 1 AND d.lease IS NULL AND d.route_id = %s AND d.due_at <= now()
ORDER BY d.priority, d.due_at LIMIT %s
FOR UPDATE OF d, m SKIP LOCKED
"""

INSERT_ATTEMPTS = """
INSERT INTO sms_submitattempt (id, message_id, number, provider, reason)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::smallint[], %s::text[], %s::text[])
"""

REROUTE = """
UPDATE sms_dispatchentry d SET route_id = t.route_id, reason = t.reason,
       due_at = CASE WHEN t.delay = 0 THEN d.due_at ELSE clock_timestamp() + make_interval(secs => t.delay) END
FROM unnest(%s::uuid[], %s::smallint[], %s::text[], %s::float8[]) AS t (message_id, route_id, reason, delay)
WHERE d.message_id = t.message_id
"""
Detour = tuple[UUID, int, str, float]  # message, route, why, and how long to wait


def claim(route: RouteRecord = SIMULATOR, *, limit: int) -> list[Claimed]:
    """Take up to `limit` messages that are due on a route.

    Leases are taken and attempts written in one commit, before anyone is called. What has outlived its validity becomes
    EXPIRED instead, and what the route cannot take now goes to another one.
    """
    while True:
        routes = snapshot.current()
        claimed, changes, detours = transact(_claim, route, limit, clock.watch(), routes)
        announce(changes)
        if any(delay == 0 for _, _, _, delay in detours):
            nudge_dispatch()
        if claimed or not (changes or detours):
            return claimed


def _claim(
    route: RouteRecord, limit: int, now: datetime, routes: Snapshot
) -> tuple[list[Claimed], list[StatusChanged], list[Detour]]:
    due = rows(CLAIM, RECEIPT_WINDOW, now, route.id, limit)
    if not due:
        return [], [], []
    messages = {row[0]: moves.held(row[:8]) for row in due}
    lease = uuid4()
    asked: list[Move] = []
    claimed: list[Claimed] = []
    reasons: dict[UUID, str | None] = {}
    detours: list[Detour] = []
    for message_id, *_, attempts, _, sender_id, recipient, text, priority, is_test, reason, left in due:
        wanted = Wanted(recipient, sender_id, priority, is_test)
        if left <= 0:
            asked.append(
                Move(message_id, Status.EXPIRED, error_code=ProviderError.EXPIRED_LOCAL, detail="validity passed")
            )
        elif (obstacle := _obstacle(routes, route, wanted)) is not None:
            detours.append(_detour(routes, route, wanted, message_id, obstacle))
            if (goes_by := detours[-1][1]) != route.id:
                messages[message_id].goes_by(routes.by_id(goes_by))
        else:
            asked.append(Move(message_id, Status.SENDING, lease=lease, delay=settings.SMS_LEASE_SECONDS))
            submission = Submission(uuid7(), sender_id, recipient, text, math.ceil(left))
            claimed.append(Claimed(message_id, attempts + 1, submission, route, wanted))
            reasons[message_id] = reason
    changes, statements = moves.decide(messages, asked)
    # Whatever the queue says: only what the table lets into SENDING is handed over.
    claimed = [one for one in claimed if messages[one.message_id].moved]
    if claimed:
        columns = [
            [one.submission.attempt_id for one in claimed],
            [one.message_id for one in claimed],
            [one.attempt_number for one in claimed],
            [route.name for _ in claimed],
            [reasons[one.message_id] for one in claimed],
        ]
        statements.append((INSERT_ATTEMPTS, columns))
    if detours:
        statements.append((REROUTE, [list(column) for column in zip(*detours, strict=True)]))
    moves.write(changes, statements)
    return claimed, changes, detours


def _obstacle(routes: Snapshot, route: RouteRecord, wanted: Wanted) -> str | None:
    """Return what keeps a message from going by a route now, or None."""
    if not routes.routes:
        return None if route.id == SIMULATOR.id else f"{route.name} is gone"
    if route not in allowed(routes, wanted):
        return f"{route.name} does not take such messages any more"
    return why_not(routes, route, wanted, now=datetime.now(UTC))


def _detour(routes: Snapshot, route: RouteRecord, wanted: Wanted, message_id: UUID, obstacle: str) -> Detour:
    choice = _choose(routes, wanted, besides={route.id})
    if choice is None:
        return message_id, route.id, obstacle, ASIDE
    return message_id, choice.route.id, f"{choice.reason}; {obstacle}", 0.0


def _choose(routes: Snapshot, wanted: Wanted, *, besides: Collection[int]) -> Choice | None:
    return choose(routes, wanted, now=datetime.now(UTC), draw=random.random(), besides=besides)  # noqa: S311


# A worker that was frozen may come after a look-up: its "perhaps" tells nothing new then, and a yes is not taken back.
CLOSE_ATTEMPTS = """
UPDATE sms_submitattempt a SET finished_at = now(), outcome = t.outcome, error_code = t.error_code,
       provider_error = t.provider_error, detail = t.detail,
       provider_reference = coalesce(t.provider_reference, a.provider_reference)
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
     AS t (id, outcome, provider_reference, error_code, provider_error, detail)
WHERE a.id = t.id AND (a.outcome IS NULL OR (a.outcome <> 'SENT' AND t.outcome <> 'MAYBE_SENT'))
"""

# Receipts that came before we knew the reference they name.
WAKE_RECEIPTS = """
UPDATE sms_receipt SET due_at = clock_timestamp()
WHERE processed_at IS NULL AND provider = %s AND provider_reference = ANY(%s::text[]) AND due_at > now()
RETURNING id
"""


def record(claimed: Sequence[Claimed], outcomes: Sequence[Outcome]) -> None:
    """Write what became of messages that were claimed on one route, in one commit; then tell the world."""
    routes = snapshot.current()
    changes, delays = transact(_record, claimed, outcomes, routes)
    faults.reach("recorded")
    announce(changes)
    _come_back(changes, delays)
    references = [one.provider_reference for one in outcomes if one.provider_reference is not None]
    # In a transaction of its own: one that held messages and waited for receipts could wait in a circle.
    if references and at_once(WAKE_RECEIPTS, claimed[0].route.name, references):
        nudge_receipts()


def _come_back(changes: Sequence[StatusChanged], delays: Sequence[float]) -> None:
    """Look again when the first of the waits is over: sooner than beat would."""
    if delays:
        nudge_dispatch.after(min(delays))
    if any(change.event.status is Status.UNCERTAIN for change in changes):
        nudge_sweep.after(settings.SMS_LOOK_UP_AFTER)


def _record(
    claimed: Sequence[Claimed], outcomes: Sequence[Outcome], routes: Snapshot
) -> tuple[list[StatusChanged], list[float]]:
    messages = moves.lock([one.message_id for one in claimed])
    told = [
        (one, outcome)
        for one, outcome in zip(claimed, outcomes, strict=True)
        if _still_matters(messages[one.message_id], one, outcome)
    ]
    elsewhere = _other_routes(routes, told)
    asked = [as_move(one, outcome, elsewhere=elsewhere.get(one.message_id)) for one, outcome in told]
    changes, statements = moves.decide(messages, asked)
    # The attempts first: whether one of them may have been taken decides whether a message costs anything.
    moves.write(changes, [(CLOSE_ATTEMPTS, _columns_of_attempts(claimed, outcomes)), *statements])
    return changes, [move.delay for move in asked if move.status is Status.QUEUED]


TRIED = "SELECT DISTINCT message_id, provider FROM sms_submitattempt WHERE message_id = ANY(%s::uuid[])"


def _other_routes(routes: Snapshot, told: Sequence[tuple[Claimed, Outcome]]) -> Mapping[UUID, Choice]:
    """Choose another route for each message that its own certainly did not take, and that another one may take."""
    stranded = [one for one, outcome in told if _may_go_elsewhere(one, outcome)] if len(routes.routes) > 1 else []
    if not stranded:
        return {}
    ids = {one.name: one.id for one in routes.all}
    tried: dict[UUID, set[int]] = {one.message_id: {one.route.id} for one in stranded}
    for message_id, name in rows(TRIED, list(tried)):
        tried[message_id].add(ids.get(name, SIMULATOR.id))
    choices = ((one.message_id, _choose(routes, one.wanted, besides=tried[one.message_id])) for one in stranded)
    return {message_id: choice for message_id, choice in choices if choice is not None}


def _may_go_elsewhere(one: Claimed, outcome: Outcome) -> bool:
    if outcome.handover is not Handover.NOT_SENT:
        return False
    is_urgent = one.wanted.priority == Priority.OTP
    return outcome.error in ELSEWHERE or (is_urgent and outcome.error is ProviderError.PROVIDER_THROTTLED)


def _columns_of_attempts(claimed: Sequence[Claimed], outcomes: Sequence[Outcome]) -> list[list[Any]]:
    return [
        [one.submission.attempt_id for one in claimed],
        [outcome.handover for outcome in outcomes],
        [outcome.provider_reference for outcome in outcomes],
        [outcome.error for outcome in outcomes],
        [outcome.provider_error for outcome in outcomes],
        [outcome.detail for outcome in outcomes],
    ]


def _still_matters(message: Held, one: Claimed, outcome: Outcome) -> bool:
    """Whether an answer still says something about its message, and not only about its own attempt.

    A yes always does. A no, or none, does not while the message is in another attempt's hands (or final), nor once the
    provider is known to have it: from an earlier attempt, or from a receipt.
    """
    if outcome.handover is Handover.SENT:
        return True
    return message.attempt == one.attempt_number and message.status is not Status.SENT


def as_move(one: Claimed, outcome: Outcome, *, elsewhere: Choice | None = None) -> Move:
    """Decide what an outcome means for its message: the only place where a retry is decided."""
    move = Move(
        one.message_id,
        Status.SENT,
        error_code=outcome.error,
        provider_error=outcome.provider_error,
        detail=outcome.detail,
        provider=one.route.name,
        provider_reference=outcome.provider_reference,
        price=costs.understood(outcome.price),
    )
    if outcome.handover is Handover.MAYBE_SENT:
        move.status = Status.UNCERTAIN
    elif outcome.handover is Handover.NOT_SENT and elsewhere is not None:
        move.status, move.known_not_sent = Status.QUEUED, True
        move.route = elsewhere.route
        move.reason = f"{elsewhere.reason}; {one.route.name} said {outcome.error}"
    elif outcome.handover is Handover.NOT_SENT:
        _decide_retry(move, one.attempt_number, outcome)
    return move


def _decide_retry(move: Move, attempt_number: int, outcome: Outcome) -> None:
    assert outcome.error is not None
    backoff = BACKOFFS.get(outcome.error)
    delay = None if backoff is None else backoff.delay(attempt_number, wish=outcome.retry_after)
    if delay is None:
        move.status = Status.FAILED if outcome.error in OURS else Status.REJECTED
    else:
        move.status, move.delay, move.known_not_sent = Status.QUEUED, delay, True
