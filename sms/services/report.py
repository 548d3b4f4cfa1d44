"""Apply what providers reported: match receipts to messages, move statuses, keep everything that was said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from sms import faults, retry
from sms.database import execute, rows, transact
from sms.errors import Unavailable
from sms.events import StatusChanged, announce
from sms.models import Receipt
from sms.nudge import nudge_receipts
from sms.services import moves
from sms.services.moves import RECEIPT_WINDOW, Move, Verdict
from sms.statuses import Status

log = structlog.get_logger(__name__)

BATCH = 500
FIRST_WAIT = 0.5  # seconds until an unmatched receipt is looked at again; doubles up to the longest
LONGEST_WAIT = 300.0

OUTCOME = {
    Verdict.APPLIED: Receipt.Outcome.APPLIED,
    Verdict.DUPLICATE: Receipt.Outcome.DUPLICATE,
    Verdict.NOTED: Receipt.Outcome.NOTED,
}

# Our own reference is the surer match: a receipt may overtake the answer that brings the provider's. The oldest go
# first, so that what a provider said in order is applied in order.
CLAIM = """
WITH due AS (
    SELECT * FROM sms_receipt WHERE processed_at IS NULL AND due_at <= now()
    ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED
)
SELECT r.id, r.provider, r.provider_reference, r.provider_status, r.status, r.error_code, r.provider_error, r.tries,
       r.received_at < now() - make_interval(secs => %s), a.id, a.message_id
FROM due r LEFT JOIN LATERAL (
    SELECT a.id, a.message_id FROM sms_submitattempt a WHERE a.id = r.client_reference AND a.provider = r.provider
    UNION ALL
    (SELECT a.id, a.message_id FROM sms_submitattempt a
     WHERE a.provider = r.provider AND a.provider_reference = r.provider_reference ORDER BY a.id DESC LIMIT 1)
    LIMIT 1
) a ON true
ORDER BY r.id
"""

FINISH = """
UPDATE sms_receipt r SET processed_at = now(), outcome = t.outcome, message_id = t.message_id
FROM unnest(%s::bigint[], %s::text[], %s::uuid[]) AS t (id, outcome, message_id) WHERE r.id = t.id
"""

WAIT = """
UPDATE sms_receipt r SET tries = least(r.tries + 1, 30000), due_at = now() + make_interval(secs => t.delay)
FROM unnest(%s::bigint[], %s::float8[]) AS t (id, delay) WHERE r.id = t.id
"""

FILL_IN_REFERENCES = """
UPDATE sms_submitattempt a SET provider_reference = t.provider_reference
FROM unnest(%s::uuid[], %s::text[]) AS t (id, provider_reference)
WHERE a.id = t.id AND a.provider_reference IS NULL
"""

SET_ASIDE = """
UPDATE sms_receipt SET tries = tries + 1, error = %s, due_at = now() + make_interval(secs => %s),
       processed_at = CASE WHEN %s THEN now() END, outcome = CASE WHEN %s THEN 'FAILED' END
WHERE id = %s
"""


FIRST = """
SELECT id, tries FROM sms_receipt WHERE processed_at IS NULL AND due_at <= now()
ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A receipt that is due, with the attempt that it was matched to."""

    id: int
    provider: str
    provider_reference: str
    provider_status: str
    status: str | None
    error_code: str | None
    provider_error: str | None
    tries: int
    overdue: bool  # waited for its message as long as we wait
    attempt_id: UUID | None
    message_id: UUID | None


def process_receipts(*, keep_going: Callable[[], bool]) -> None:
    """Apply what is due, a set at a time, until nothing is or `keep_going` says no. Safe to run many at once."""
    while True:
        try:
            taken = process_set(limit=BATCH)
        except Unavailable:
            raise
        except Exception:
            log.exception("receipts_failed")
            taken = _process_one_by_one()
        if taken < BATCH:
            return
        if not keep_going():
            nudge_receipts()  # leave the thread to others, and come back
            return


def process_set(*, limit: int) -> int:
    """Apply up to `limit` due receipts in one commit, and return how many were due."""
    taken, changes = transact(_process, limit)
    faults.reach("applied_receipts")
    announce(changes)
    return taken


def _process_one_by_one() -> int:
    """Work through a set in which something is wrong: one receipt must not hold up the others."""
    for taken in range(BATCH):
        try:
            if process_set(limit=1) == 0:
                return taken
        except Unavailable:
            raise
        except Exception as error:
            log.exception("receipt_failed")
            transact(_set_first_aside, error)
    return BATCH


def _set_first_aside(error: Exception) -> None:
    """Let the receipt that is first in line wait, or, after a few tries, stand aside for an operator to see."""
    for receipt_id, tries in rows(FIRST, 1):
        delay = retry.RECEIPT.delay(tries + 1)
        given_up = delay is None
        execute(SET_ASIDE, f"{type(error).__name__}: {error}"[:255], delay or 0.0, given_up, given_up, receipt_id)


def _process(limit: int) -> tuple[int, list[StatusChanged]]:
    due = [Due(*row) for row in rows(CLAIM, limit, RECEIPT_WINDOW)]
    if not due:
        return 0, []
    matched = [one for one in due if one.message_id is not None]
    changes = _apply(matched) if matched else []
    if unmatched := [one for one in due if one.message_id is None]:
        _keep_waiting(unmatched)
    return len(due), changes


def _apply(matched: Sequence[Due]) -> list[StatusChanged]:
    asked = [as_move(one) for one in matched]
    changes = moves.apply(moves.lock([move.message_id for move in asked]), asked)
    execute(
        FINISH,
        [one.id for one in matched],
        [OUTCOME[move.verdict].value if move.verdict else None for move in asked],
        [move.message_id for move in asked],
    )
    execute(FILL_IN_REFERENCES, [one.attempt_id for one in matched], [one.provider_reference for one in matched])
    return changes


def as_move(one: Due) -> Move:
    """Say what a receipt means for its message."""
    assert one.message_id is not None
    return Move(
        one.message_id,
        None if one.status is None else Status(one.status),
        provider_status=one.provider_status,
        error_code=one.error_code,
        provider_error=one.provider_error,
        provider=one.provider,
        provider_reference=one.provider_reference,
    )


def _keep_waiting(unmatched: Sequence[Due]) -> None:
    if overdue := [one for one in unmatched if one.overdue]:
        execute(
            FINISH, [one.id for one in overdue], [Receipt.Outcome.UNMATCHED.value] * len(overdue), [None] * len(overdue)
        )
    if waiting := [one for one in unmatched if not one.overdue]:
        delays = [min(FIRST_WAIT * 2.0 ** min(one.tries, 20), LONGEST_WAIT) for one in waiting]
        execute(WAIT, [one.id for one in waiting], delays)
