"""Claim what is due, and record what came of it: what is written before and after a provider is called."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from uuid_utils.compat import uuid7

from sms import faults, retry
from sms.database import at_once, rows, transact
from sms.events import StatusChanged, announce
from sms.models import Priority
from sms.nudge import nudge_dispatch, nudge_receipts, nudge_sweep
from sms.providers import registry
from sms.providers.base import Handover, Outcome, Submission
from sms.providers.errors import BACKOFFS, ELSEWHERE, OURS, ProviderError
from sms.routing import snapshot
from sms.routing.choose import PINNED, Choice, Wanted, first_choice
from sms.routing.records import SIMULATOR, RouteRecord, Snapshot
from sms.services import breakers, clock, costs, detours, moves, opt_outs
from sms.services.detours import REROUTE, Detour, choose_now
from sms.services.moves import RECEIPT_WINDOW, Held, Move
from sms.statuses import Status


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this worker alone may submit until its lease passes."""

    message_id: UUID
    attempt_number: int
    submission: Submission
    route: RouteRecord
    wanted: Wanted
    is_pinned: bool = False  # it goes by this route or not at all
    probes: str | None = None  # for which breaker of the route it was let through


# The message is locked together with its entry, and what another transaction holds is skipped: a claim never waits, so
# it cannot be part of a circle of waiting.
CLAIM = f"""
SELECT m.id, m.account_id, m.status, m.sequence, m.delivery_policy,
       m.updated_at > now() - make_interval(secs => %s), d.attempts,
       m.charged_to, m.sender_id, m.recipient, m.text, m.priority, m.is_test, d.reason,
       {opt_outs.SUPPRESSED.format(m="m")},
       extract(epoch FROM d.expires_at - %s)::float8
FROM sms_dispatchentry d JOIN sms_message m ON m.id = d.message_id
WHERE d.purpose = 1 AND d.lease IS NULL AND d.route_id = %s AND d.due_at <= now()
ORDER BY d.priority, d.due_at LIMIT %s
FOR UPDATE OF d, m SKIP LOCKED
"""  # noqa: S608  constants

INSERT_ATTEMPTS = """
INSERT INTO sms_submitattempt (id, message_id, number, provider, reason)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::smallint[], %s::text[], %s::text[])
"""


def claim(
    route: RouteRecord = SIMULATOR, *, limit: int, when_stuck: Callable[[], None] = lambda: None
) -> list[Claimed]:
    """Take up to `limit` messages that are due on a route.

    Leases are taken and attempts written in one commit, before anyone is called. What has outlived its validity becomes
    EXPIRED instead, and what the route cannot take now goes to another one. `when_stuck` is called when a whole set
    has to wait, as no route can take it: there may be many more like it, and nothing is gained by looking at once.
    """
    while True:
        claimed, changes, around = transact(_claim, route, limit, clock.watch(), snapshot.current())
        announce(changes)
        if len(around) == limit and all(one.delay for one in around):
            when_stuck()
            return claimed
        # A full set of which not all was claimed: there may be more that is due, and the pump cannot tell.
        is_short = len(claimed) < limit == len(changes) + len(around)
        if is_short or any(not one.delay for one in around):
            nudge_dispatch()
        if claimed or not (changes or around):
            return claimed


def _claim(
    route: RouteRecord, limit: int, now: datetime, routes: Snapshot
) -> tuple[list[Claimed], list[StatusChanged], list[Detour]]:
    due = rows(CLAIM, RECEIPT_WINDOW, now, route.id, limit)
    if not due:
        return [], [], []
    messages = {row[0]: moves.held(row[:8]) for row in due}
    free = {
        message_id: (Wanted(recipient, sender_id, priority, is_test), reason)
        for message_id, *_, sender_id, recipient, _, priority, is_test, reason, kept_back, left in due
        if left > 0 and not kept_back
    }
    ways = detours.find(routes, route, free)
    lease = uuid4()
    asked: list[Move] = []
    claimed: list[Claimed] = []
    for message_id, *_, attempts, _, sender_id, recipient, text, _, _, reason, kept_back, left in due:
        if left <= 0:
            asked.append(
                Move(message_id, Status.EXPIRED, error_code=ProviderError.EXPIRED_LOCAL, detail="validity passed")
            )
        elif kept_back:
            asked.append(Move(message_id, Status.REJECTED, error_code=ProviderError.RECIPIENT_OPTED_OUT))
        elif (detour := ways.detours.get(message_id)) is not None:
            if detour.route_id != route.id:
                messages[message_id].goes_by(routes.by_id(detour.route_id))
        else:
            asked.append(Move(message_id, Status.SENDING, lease=lease, delay=settings.SMS_LEASE_SECONDS))
            submission = Submission(uuid7(), sender_id, recipient, text, math.ceil(left))
            wanted, probes = free[message_id][0], ways.probes.get(message_id)
            claimed.append(
                Claimed(message_id, attempts + 1, submission, route, wanted, reason == PINNED, probes=probes)
            )
    changes, statements = moves.decide(messages, asked)
    # Whatever the queue says: only what the table lets into SENDING is handed over.
    claimed = [one for one in claimed if messages[one.message_id].moved]
    if claimed:
        columns = [
            [one.submission.attempt_id for one in claimed],
            [one.message_id for one in claimed],
            [one.attempt_number for one in claimed],
            [route.name for _ in claimed],
            [free[one.message_id][1] for one in claimed],
        ]
        statements.append((INSERT_ATTEMPTS, columns))
    if around := list(ways.detours.values()):
        statements.append((REROUTE, [list(column) for column in zip(*around, strict=True)]))
    moves.write(changes, statements)
    return claimed, changes, around


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
    route = claimed[0].route
    changes, delays = transact(_record, claimed, outcomes, snapshot.current())
    faults.reach("recorded")
    announce(changes)
    breakers.heed(
        route,
        [(one.wanted, outcome) for one, outcome in zip(claimed, outcomes, strict=True) if one.probes is None],
        {one.probes: outcome for one, outcome in zip(claimed, outcomes, strict=True) if one.probes is not None},
    )
    _come_back(changes, delays)
    references = [one.provider_reference for one in outcomes if one.provider_reference is not None]
    # In a transaction of its own: one that held messages and waited for receipts could wait in a circle.
    if references and at_once(WAKE_RECEIPTS, route.name, references):
        nudge_receipts()


def _come_back(changes: Sequence[StatusChanged], delays: Sequence[float]) -> None:
    """Look again when the first of the waits is over: sooner than beat would."""
    if delays and min(delays) == 0:
        nudge_dispatch()
    elif delays:
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


TRIED = """
SELECT DISTINCT ON (message_id, provider) message_id, provider, error_code FROM sms_submitattempt
WHERE message_id = ANY(%s::uuid[]) ORDER BY message_id, provider, number DESC
"""


def _other_routes(routes: Snapshot, told: Sequence[tuple[Claimed, Outcome]]) -> Mapping[UUID, Choice]:
    """Choose another route for each message that its own certainly did not take, and that another one may take."""
    stranded = [pair for pair in told if _may_go_elsewhere(*pair)] if len(routes.routes) > 1 else []
    if not stranded:
        return {}
    ids = {one.name: one.id for one in routes.all}
    answers: dict[UUID, dict[int, str | None]] = {one.message_id: {} for one, _ in stranded}
    for message_id, name, error in rows(TRIED, list(answers)):
        answers[message_id][ids.get(name, SIMULATOR.id)] = error
    for one, outcome in stranded:
        answers[one.message_id][one.route.id] = outcome.error
    choices = ((one.message_id, _other_route(routes, one, answers[one.message_id])) for one, _ in stranded)
    return {message_id: choice for message_id, choice in choices if choice is not None}


def _other_route(routes: Snapshot, one: Claimed, answers: Mapping[int, str | None]) -> Choice | None:
    """Choose a route that was not tried; before a refusal is final, also one that was only away, or is at present.

    `answers`: the last error of each route that was tried, by its id.
    """
    choice = choose_now(routes, one.wanted, besides=answers)
    if choice is not None or answers[one.route.id] in BACKOFFS:
        return choice
    refused = [route_id for route_id, error in answers.items() if error not in BACKOFFS]
    now, delay = datetime.now(UTC), retry.SUBMIT.delay(one.attempt_number)
    choice = first_choice(routes, one.wanted, now=now, draw=random.random(), besides=refused)  # noqa: S311
    return None if choice is None or delay is None else choice._replace(delay=delay)


def _may_go_elsewhere(one: Claimed, outcome: Outcome) -> bool:
    if outcome.handover is not Handover.NOT_SENT or one.is_pinned:
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
        is_polled=outcome.handover is Handover.SENT and registry.is_polled(one.route),
    )
    if outcome.handover is Handover.MAYBE_SENT:
        move.status = Status.UNCERTAIN
    elif outcome.handover is Handover.NOT_SENT and elsewhere is not None:
        move.status, move.known_not_sent = Status.QUEUED, True
        move.route, move.delay = elsewhere.route, elsewhere.delay
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
