"""Apply what providers reported: match receipts to messages, move statuses, keep everything that was said.

A set is claimed and applied in one transaction. When it cannot be applied, its halves are, and theirs, each behind a
savepoint: what cannot be applied alone is charged with its own error in that same commit, while its row is still
locked, and all others are applied as if it had not been there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction

from sms import faults, retry
from sms.database import LOST, execute, rows, transact
from sms.events import StatusChanged, announce
from sms.models import Receipt
from sms.nudge import nudge_receipts
from sms.phone_numbers import mask_all
from sms.providers.base import Price
from sms.providers.kinds import kind
from sms.redaction import words_of
from sms.routing import snapshot
from sms.services import moves
from sms.services.moves import RECEIPT_WINDOW, Held, Move, Verdict
from sms.statuses import Status

log = structlog.get_logger(__name__)

BATCH = 500
FIRST_WAIT = 0.5  # seconds until an unmatched receipt is looked at again; doubles up to the longest
LONGEST_WAIT = 300.0
LONGEST_ERROR = 255

GOOD_NEWS = frozenset({Status.SENT, Status.DELIVERED})
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
SELECT r.id, r.provider, r.provider_reference, r.provider_status, r.status, r.error_code, r.provider_error, r.price,
       r.currency, r.tries, r.error IS NOT NULL, r.received_at < now() - make_interval(secs => %s), a.id,
       a.message_id, a.is_unnamed
FROM due r LEFT JOIN LATERAL (
    SELECT a.id, a.message_id, a.provider_reference IS NULL AS is_unnamed FROM sms_submitattempt a
    WHERE a.id = r.client_reference AND a.provider = r.provider
    UNION ALL
    (SELECT a.id, a.message_id, false FROM sms_submitattempt a
     WHERE a.provider = r.provider AND a.provider_reference = r.provider_reference ORDER BY a.id DESC LIMIT 1)
    LIMIT 1
) a ON true
ORDER BY r.id
"""

# What comes for a message whose body is discarded leaves none of its own.
FINISH = """
UPDATE sms_receipt r SET processed_at = now(), outcome = t.outcome, message_id = t.message_id, error = NULL,
       body = CASE WHEN t.without_body THEN ''::bytea ELSE r.body END
FROM unnest(%s::bigint[], %s::text[], %s::uuid[], %s::bool[]) AS t (id, outcome, message_id, without_body)
WHERE r.id = t.id
"""

WAIT = """
UPDATE sms_receipt r SET tries = least(r.tries + 1, 30000), due_at = clock_timestamp() + make_interval(secs => t.delay)
FROM unnest(%s::bigint[], %s::float8[]) AS t (id, delay) WHERE r.id = t.id
"""

FILL_IN_REFERENCES = """
UPDATE sms_submitattempt a SET provider_reference = t.provider_reference
FROM unnest(%s::uuid[], %s::text[]) AS t (id, provider_reference)
WHERE a.id = t.id AND a.provider_reference IS NULL
"""

# No delay: the last try is over.
CHARGE = """
UPDATE sms_receipt r SET tries = t.tries, error = t.error,
       due_at = clock_timestamp() + make_interval(secs => coalesce(t.delay, 0)),
       processed_at = CASE WHEN t.delay IS NULL THEN now() END, outcome = CASE WHEN t.delay IS NULL THEN 'FAILED' END
FROM unnest(%s::bigint[], %s::smallint[], %s::text[], %s::float8[]) AS t (id, tries, error, delay) WHERE r.id = t.id
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
    price: Decimal | None
    currency: str | None
    tries: int  # how often its message was not there, or, once it has failed, how often it failed
    has_failed: bool
    overdue: bool  # waited for its message as long as we wait
    attempt_id: UUID | None
    message_id: UUID | None
    is_first_word: bool | None  # the attempt's provider has not been heard of: its reference is in no answer yet


Failure = tuple[Due, Exception]


def process_receipts(*, keep_going: Callable[[], bool]) -> None:
    """Apply what is due, a set at a time, until nothing is or `keep_going` says no. Safe to run many at once."""
    while process_set(limit=BATCH) == BATCH:
        if not keep_going():
            nudge_receipts()  # leave the thread to others, and come back
            return


def process_set(*, limit: int) -> int:
    """Apply up to `limit` due receipts in one commit, and return how many were due."""
    snapshot.current()  # the routes, as they are now, for whoever asks for them below
    taken, changes = transact(_process, limit)
    faults.reach("applied_receipts")
    announce(changes)
    return taken


def _process(limit: int) -> tuple[int, list[StatusChanged]]:
    due = [Due(*row) for row in rows(CLAIM, limit, RECEIPT_WINDOW)]
    changes: list[StatusChanged] = []
    failures: list[Failure] = []
    if matched := [one for one in due if one.message_id is not None]:
        changes, failures = _apply_or_halve(matched)
    if unmatched := [one for one in due if one.message_id is None]:
        _keep_waiting(unmatched)
    if failures:
        _charge(failures)
    return len(due), changes


def _apply_or_halve(matched: Sequence[Due]) -> tuple[list[StatusChanged], list[Failure]]:
    # Locked before the savepoint: when it is rolled back, the locks of the whole set stay, and the halves, which only
    # read their messages anew, cannot wait for anybody.
    messages = moves.lock([one.message_id for one in matched if one.message_id is not None])
    try:
        with transaction.atomic():
            return _apply(messages, matched), []
    except LOST:
        raise
    except Exception as error:
        if len(matched) == 1:
            log.exception("receipt_failed", receipt=matched[0].id)
            return [], [(matched[0], error)]
    half = len(matched) // 2
    halves = [_apply_or_halve(matched[:half]), _apply_or_halve(matched[half:])]
    return [one for changes, _ in halves for one in changes], [one for _, failures in halves for one in failures]


def _apply(messages: Mapping[UUID, Held], matched: Sequence[Due]) -> list[StatusChanged]:
    parts = _parts(matched)
    asked = [as_move(one, is_part=one.id in parts) for one in matched]
    changes, statements = moves.decide(messages, asked)
    judged = [(one, move, move.verdict) for one, move in zip(matched, asked, strict=True) if move.verdict is not None]
    finished = [
        [one.id for one, _, _ in judged],
        [OUTCOME[verdict].value for _, _, verdict in judged],
        [move.message_id for _, move, _ in judged],
        [messages[move.message_id].body_discarded for _, move, _ in judged],
    ]
    statements.append((FINISH, finished))
    if early := [one for one, _, _ in judged if one.is_first_word]:
        references = [[one.attempt_id for one in early], [one.provider_reference for one in early]]
        statements.append((FILL_IN_REFERENCES, references))
    moves.write(changes, statements)
    if gone := [one for one in matched if one.message_id not in messages]:
        _keep_waiting(gone)  # its message was deleted a moment ago
    return changes


# Of long texts only: what has been delivered of each. Whoever else has a receipt for one waits for its lock.
DELIVERED_PARTS = """
SELECT m.id, m.segment_count, coalesce(array_agg(DISTINCT r.provider_reference) FILTER (WHERE r.id IS NOT NULL), '{}')
FROM sms_message m LEFT JOIN sms_receipt r
     ON r.message_id = m.id AND r.status = 'DELIVERED' AND r.processed_at IS NOT NULL
WHERE m.id = ANY(%s::uuid[]) AND m.segment_count > 1 GROUP BY m.id
"""


def _parts(matched: Sequence[Due]) -> set[int]:
    """Return the receipts that say "delivered" of a part, where other parts of the text are not known to be."""
    told = [one for one in matched if one.status == Status.DELIVERED and _tells_of_parts(one.provider)]
    if not told:
        return set()
    found = rows(DELIVERED_PARTS, list({one.message_id for one in told}))
    wanted = {message_id: (count, set(references)) for message_id, count, references in found}
    parts = set()
    for one in told:
        count, references = wanted.get(one.message_id, (1, set()))
        references.add(one.provider_reference)
        if len(references) < count:
            parts.add(one.id)
    return parts


def _tells_of_parts(route: str) -> bool:
    try:
        return kind(snapshot.last().by_name(route).kind).RECEIPT_PER_PART
    except KeyError:
        return False


def _charge(failures: Sequence[Failure]) -> None:
    """Let what cannot be applied wait, or, after a few tries, stand aside for an operator to see."""
    tries = [one.tries + 1 if one.has_failed else 1 for one, _ in failures]
    execute(
        CHARGE,
        [one.id for one, _ in failures],
        tries,
        [sentence(error) for _, error in failures],
        [retry.RECEIPT.delay(tried) for tried in tries],
    )


def sentence(error: Exception) -> str:
    """Return what the database can keep of an error; of PostgreSQL's less than it says, as it quotes whole rows."""
    if isinstance(error, DatabaseError) and error.__cause__ is not None:
        first = words_of(error.__cause__)
    else:
        first = f"{type(error).__name__}: {error}".partition("\n")[0]
    first = mask_all(first, default_region=settings.SMS_DEFAULT_REGION)
    return first.encode("ascii", "backslashreplace").decode().replace("\0", "")[:LONGEST_ERROR]


def as_move(one: Due, *, is_part: bool = False) -> Move:
    """Say what a receipt means for its message: "delivered", of a part, that the provider has it."""
    assert one.message_id is not None
    status = Status.SENT if is_part else one.status
    # A later part's reference does not take the place of the first one's.
    is_its_own = one.is_first_word or not _tells_of_parts(one.provider)
    return Move(
        one.message_id,
        None if status is None else Status(status),
        provider_status=one.provider_status,
        # Some say a code with good news, too. What they said stays beside it.
        error_code=None if status in GOOD_NEWS else one.error_code,
        provider_error=one.provider_error,
        provider=one.provider,
        provider_reference=one.provider_reference if is_its_own else None,
        price=None if one.price is None or one.currency is None else Price(one.price, one.currency),
    )


def _keep_waiting(unmatched: Sequence[Due]) -> None:
    if overdue := [one for one in unmatched if one.overdue]:
        count = len(overdue)
        outcomes = [Receipt.Outcome.UNMATCHED.value] * count
        execute(FINISH, [one.id for one in overdue], outcomes, [None] * count, [False] * count)
    if waiting := [one for one in unmatched if not one.overdue]:
        delays = [min(FIRST_WAIT * 2.0 ** min(one.tries, 20), LONGEST_WAIT) for one in waiting]
        execute(WAIT, [one.id for one in waiting], delays)
