"""Put receipts back into the inbox that could not be applied or found no message, once the cause is mended.

A receipt keeps the time when it came, so a replay opens no window anew. One without a message is looked at once, and is
unmatched again where it came more than 72 hours ago. Whether a soft final may still be corrected is asked of the
message: 72 hours after its last change it may not, by a replayed receipt as little as by a new one.
"""

from collections.abc import Collection

from sms.database import query, rows, transact
from sms.models import Receipt
from sms.nudge import nudge_receipts

BATCH = 500
REPLAYABLE = (Receipt.Outcome.FAILED.value, Receipt.Outcome.UNMATCHED.value)


class NotReplayable(Exception):
    """Nothing was put back; the sentence says which receipt stands against it, and why."""


OUTCOMES = "SELECT id, outcome FROM sms_receipt WHERE id = ANY(%s)"

PUT_BACK = """
WITH chosen AS (
    SELECT id FROM sms_receipt WHERE {which} ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE sms_receipt r SET processed_at = NULL, outcome = NULL, error = NULL, tries = 0, due_at = now()
FROM chosen WHERE r.id = chosen.id RETURNING r.id
"""
PUT_BACK_IDS = PUT_BACK.format(which="id = ANY(%s) AND outcome = ANY(%s)")
PUT_BACK_NEXT = PUT_BACK.format(which="outcome = %s AND id > %s AND provider = coalesce(%s, provider)")


def replay(receipt_ids: Collection[int]) -> int:
    """Put these receipts back, and return how many: all of them, or none. Raises NotReplayable, Unavailable."""
    ids = sorted(set(receipt_ids))
    outcomes = dict(query(rows, OUTCOMES, ids))
    for one in ids:
        _check(one, outcomes)
    sets = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
    count = sum(len(transact(rows, PUT_BACK_IDS, some, list(REPLAYABLE), BATCH)) for some in sets)
    nudge_receipts.before_the_end()
    return count


def replay_all(outcome: Receipt.Outcome, *, provider: str | None = None, limit: int | None = None) -> int:
    """Put back what ended with this outcome, the oldest first, and return how many. Raises Unavailable.

    Each set is a commit of its own, so what is put back by then stays so when this is interrupted.
    """
    count, last = 0, 0
    while limit is None or count < limit:
        asked = BATCH if limit is None else min(BATCH, limit - count)
        # Only ever onwards: what fails once more meanwhile is not put back a second time.
        put_back = transact(rows, PUT_BACK_NEXT, outcome.value, last, provider, asked)
        count += len(put_back)
        if len(put_back) < asked:
            break
        last = max(receipt_id for (receipt_id,) in put_back)
    nudge_receipts.before_the_end()
    return count


def _check(receipt_id: int, outcomes: dict[int, str | None]) -> None:
    if receipt_id not in outcomes:
        raise NotReplayable(f"There is no receipt {receipt_id}; nothing was put back.")
    outcome = outcomes[receipt_id]
    if outcome is None:
        raise NotReplayable(f"Receipt {receipt_id} is in the inbox already; nothing was put back.")
    if outcome not in REPLAYABLE:
        raise NotReplayable(
            f"Receipt {receipt_id} was processed and is {outcome}: there is nothing to apply once more; "
            "nothing was put back."
        )
