"""Claim what is due, and record what came of it: what is written before and after a provider is called."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from uuid_utils.compat import uuid7

from sms import faults
from sms.database import at_once, rows, transact
from sms.events import StatusChanged, announce
from sms.nudge import nudge_dispatch, nudge_receipts, nudge_sweep
from sms.providers.base import Handover, Outcome, Provider, Submission
from sms.providers.errors import BACKOFFS, OURS, ProviderError
from sms.providers.registry import provider_for
from sms.services import clock, moves
from sms.services.moves import RECEIPT_WINDOW, Held, Move
from sms.statuses import Status


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this worker alone may submit until its lease passes."""

    message_id: UUID
    attempt_number: int
    submission: Submission
    provider: Provider


# The message is locked together with its entry, and what another transaction holds is skipped: a claim never waits, so
# it cannot be part of a circle of waiting.
CLAIM = """
SELECT m.id, m.account_id, m.status, m.sequence, m.delivery_policy,
       m.updated_at > now() - make_interval(secs => %s), d.attempts,
       m.sender_id, m.recipient, m.text, m.is_test, d.expires_at <= %s
FROM sms_dispatchentry d JOIN sms_message m ON m.id = d.message_id
WHERE d.purpose = 1 AND d.lease IS NULL AND d.due_at <= now()
ORDER BY d.priority, d.due_at LIMIT %s
FOR UPDATE OF d, m SKIP LOCKED
"""

INSERT_ATTEMPTS = """
INSERT INTO sms_submitattempt (id, message_id, number, provider)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::smallint[], %s::text[])
"""


def claim(provider: Provider, *, limit: int) -> list[Claimed]:
    """Take up to `limit` due messages: leases taken and attempts written in one commit, before anyone is called.

    They are for `provider`, but for test messages, which are for the simulator. What has outlived its validity becomes
    EXPIRED instead.
    """
    while True:
        claimed, changes = transact(_claim, provider, limit, clock.watch())
        announce(changes)
        if claimed or not changes:
            return claimed


def _claim(provider: Provider, limit: int, now: datetime) -> tuple[list[Claimed], list[StatusChanged]]:
    due = rows(CLAIM, RECEIPT_WINDOW, now, limit)
    if not due:
        return [], []
    messages = {row[0]: moves.held(row[:7]) for row in due}
    lease = uuid4()
    asked: list[Move] = []
    claimed: list[Claimed] = []
    for message_id, *_, attempts, sender_id, recipient, text, is_test, expired in due:
        if expired:
            asked.append(
                Move(message_id, Status.EXPIRED, error_code=ProviderError.EXPIRED_LOCAL, detail="validity passed")
            )
            continue
        asked.append(Move(message_id, Status.SENDING, lease=lease, delay=settings.SMS_LEASE_SECONDS))
        submission = Submission(uuid7(), sender_id, recipient, text)
        claimed.append(Claimed(message_id, attempts + 1, submission, provider_for(provider, is_test=is_test)))
    changes, statements = moves.decide(messages, asked)
    # Whatever the queue says: only what the table lets into SENDING is handed over.
    claimed = [one for one in claimed if messages[one.message_id].moved]
    if claimed:
        columns = [
            [one.submission.attempt_id for one in claimed],
            [one.message_id for one in claimed],
            [one.attempt_number for one in claimed],
            [one.provider.name for one in claimed],
        ]
        statements.append((INSERT_ATTEMPTS, columns))
    moves.write(changes, statements)
    return claimed, changes


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


def record(provider: Provider, claimed: Sequence[Claimed], outcomes: Sequence[Outcome]) -> None:
    """Write what became of each message that was claimed for a provider, in one commit; then tell the world."""
    changes, delays = transact(_record, provider, claimed, outcomes)
    faults.reach("recorded")
    announce(changes)
    _come_back(changes, delays)
    references = [one.provider_reference for one in outcomes if one.provider_reference is not None]
    # In a transaction of its own: one that held messages and waited for receipts could wait in a circle.
    if references and at_once(WAKE_RECEIPTS, provider.name, references):
        nudge_receipts()


def _come_back(changes: Sequence[StatusChanged], delays: Sequence[float]) -> None:
    """Look again when the first of the waits is over: sooner than beat would."""
    if delays:
        nudge_dispatch.after(min(delays))
    if any(change.event.status is Status.UNCERTAIN for change in changes):
        nudge_sweep.after(settings.SMS_LOOK_UP_AFTER)


def _record(
    provider: Provider, claimed: Sequence[Claimed], outcomes: Sequence[Outcome]
) -> tuple[list[StatusChanged], list[float]]:
    messages = moves.lock([one.message_id for one in claimed])
    asked = []
    for one, outcome in zip(claimed, outcomes, strict=True):
        if _still_matters(messages[one.message_id], one, outcome):
            asked.append(as_move(provider, one, outcome))
    changes, statements = moves.decide(messages, asked)
    moves.write(changes, [*statements, (CLOSE_ATTEMPTS, _columns_of_attempts(claimed, outcomes))])
    return changes, [move.delay for move in asked if move.status is Status.QUEUED]


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


def as_move(provider: Provider, one: Claimed, outcome: Outcome) -> Move:
    """Decide what an outcome means for its message: the only place where a retry is decided."""
    move = Move(
        one.message_id,
        Status.SENT,
        error_code=outcome.error,
        provider_error=outcome.provider_error,
        detail=outcome.detail,
        provider=provider.name,
        provider_reference=outcome.provider_reference,
    )
    if outcome.handover is Handover.MAYBE_SENT:
        move.status = Status.UNCERTAIN
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
