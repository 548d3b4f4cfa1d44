"""Forget a person: all that tells who a number's messages went to, or texts came from, and what they said, is erased.

What accounts add up by stays: ids, statuses, times, segments, the provider's references. The number becomes nobody's,
of the same country. It goes last, as it is what a message is found by: whoever is cut off begins again, and finds the
rest.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from sms.database import execute, query, rows, transact
from sms.errors import NotCancelable
from sms.events import announce
from sms.models import Account
from sms.opt_outs import Keyword
from sms.phone_numbers import nobodys, split
from sms.services.cancel import PERHAPS_SENT, withdraw
from sms.services.opt_outs import BY_CALLER
from sms.statuses import CANCELABLE, FINAL, Status

BATCH = 500
LOWEST = UUID(int=0)
# None of these is ever given to a provider again, and no status but these can follow.
ERASABLE = sorted(FINAL | {Status.SENT})
SHORTEST_ALONE = 7  # digits of a national number that are looked for without the calling code before them

COUNT = f"""
SELECT CASE WHEN status = ANY(%(erasable)s) THEN 'erased'
            WHEN status = ANY(%(cancelable)s) AND NOT EXISTS ({PERHAPS_SENT.replace("%s", "m.id")}) THEN 'canceled'
            ELSE status END AS fate, count(*)
FROM sms_message m WHERE recipient = %(number)s AND account_id = coalesce(%(account)s, account_id) GROUP BY fate
"""  # noqa: S608  constants

NEXT = """
SELECT account_id, id, status FROM sms_message
WHERE recipient = %s AND (account_id, id) > (%s, %s) AND account_id = coalesce(%s, account_id)
ORDER BY account_id, id LIMIT %s
"""

HOLD = "SELECT FROM sms_message WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE"

# A receipt that comes from here on leaves no body.
ERASE_TEXTS = """
UPDATE sms_message SET text = '', metadata = NULL, client_reference = NULL,
       body_discarded_at = coalesce(body_discarded_at, statement_timestamp())
WHERE id = ANY(%s::uuid[])
"""

ERASE_RECEIPTS = """
WITH theirs AS (
    SELECT r.id FROM unnest(%(ids)s::uuid[]) AS t (id) JOIN sms_receipt r ON r.message_id = t.id
    ORDER BY r.id FOR UPDATE OF r
)
UPDATE sms_receipt r SET body = ''::bytea, {words} FROM theirs WHERE r.id = theirs.id
"""

ERASE_WORDS = """
UPDATE {table} SET {words}
WHERE message_id = ANY(%(ids)s::uuid[]) AND concat_ws(' ', {columns}) ~ %(pattern)s
"""

ERASE_NUMBERS = "UPDATE sms_message SET recipient = %s WHERE id = ANY(%s::uuid[])"

# Receipts that found no message, or none yet: by two small indexes.
UNMATCHED = """
SELECT id FROM sms_receipt WHERE processed_at IS NULL AND encode(body, 'escape') ~ %(pattern)s
UNION ALL
SELECT id FROM sms_receipt WHERE outcome IN ('FAILED', 'UNMATCHED') AND encode(body, 'escape') ~ %(pattern)s
ORDER BY id
"""
ERASE_UNMATCHED = "UPDATE sms_receipt SET body = ''::bytea, {words} WHERE id = %(id)s"


# In place: the provider may tell of them once more, and they must be known again.
ERASE_INBOUND = """
UPDATE sms_inboundmessage SET sender = %(instead)s, text = '',
       body_discarded_at = coalesce(body_discarded_at, statement_timestamp())
WHERE id IN (
    SELECT id FROM sms_inboundmessage WHERE sender = %(number)s
    AND (%(account)s IS NULL OR account_id = %(account)s::uuid) LIMIT %(limit)s
)
"""
DELETE_PARTS = "DELETE FROM sms_inboundpart WHERE sender = %s AND NOT is_joined"
ERASE_PARTS = "UPDATE sms_inboundpart SET sender = %s WHERE sender = %s"
COUNT_INBOUND = """
SELECT (SELECT count(*) FROM sms_inboundmessage WHERE sender = %(number)s
        AND (%(account)s IS NULL OR account_id = %(account)s::uuid)),
       (SELECT count(*) FROM sms_optout WHERE recipient = %(number)s
        AND account_id = coalesce(%(account)s::uuid, account_id))
"""
# An opt-out stays: who asked for no more texts must get none. What somebody wrote about it goes.
TRIM_OPT_OUTS = """
UPDATE sms_optout SET reason = %(reason)s WHERE recipient = %(number)s AND reason <> ALL(%(plain)s)
AND reason NOT LIKE 'told by the provider %%' AND account_id = coalesce(%(account)s::uuid, account_id)
"""
FORGOTTEN = "its owner has been forgotten"


def _erasing(columns: Collection[str]) -> dict[str, str]:
    """Return what hides a number in texts of others, for one of the statements above."""
    words = ", ".join(f"{one} = regexp_replace({one}, %(pattern)s, '***', 'g')" for one in columns)
    return {"words": words, "columns": ", ".join(columns)}


OF_RECEIPTS = _erasing(("provider_status", "provider_error", "error"))
WORDS = (
    ERASE_WORDS.format(table="sms_messageevent", **_erasing(("provider_status", "provider_error", "detail"))),
    ERASE_WORDS.format(table="sms_submitattempt", **_erasing(("provider_error", "detail"))),
)


@dataclass(slots=True)
class Forgotten:
    """How many messages are erased, how many of them canceled before, and which stay for now, by their statuses."""

    erased: int = 0
    canceled: int = 0
    receipts: int = 0  # those with a body, or words, of theirs
    texts: int = 0  # from the number
    opt_outs: int = 0  # of the number, which stay
    left: Counter[str] = field(default_factory=Counter)


def count(number: str, *, account: Account | None = None) -> Forgotten:
    """Return what `forget` would do now; it does nothing. Raises Unavailable."""
    fates, ((texts, opt_outs),) = transact(_count, number, account)
    found: dict[str, int] = dict(fates)
    erased, canceled = found.pop("erased", 0), found.pop("canceled", 0)
    return Forgotten(erased + canceled, canceled, texts=texts, opt_outs=opt_outs, left=Counter(found))


def _count(number: str, account: Account | None) -> tuple[list[tuple[str, int]], list[tuple[int, int]]]:
    execute("SET LOCAL statement_timeout = 0")  # a test number may have millions
    whose = {"number": number, "account": None if account is None else str(account.id)}
    fates = rows(COUNT, **whose, erasable=ERASABLE, cancelable=sorted(CANCELABLE))
    return fates, rows(COUNT_INBOUND, **whose)


def forget(number: str, *, account: Account | None = None) -> Forgotten:
    """Erase all messages to a number, given as E.164, and texts from it, a set at a time: of one account, or of all.

    What can be canceled is canceled first. What a provider may still be given (SENDING, UNCERTAIN, or QUEUED again)
    needs its text, and is left for another time. Raises Unavailable; what is erased by then is.
    """
    done = Forgotten()
    only, after, pattern = None if account is None else account.id, (LOWEST, LOWEST), pattern_of(number)
    while found := query(rows, NEXT, number, *after, only, BATCH):
        after = found[-1][:2]
        _forget_set(number, pattern, found, done)
    if account is None:
        for (receipt_id,) in transact(_unmatched, pattern):
            # One at a time: who holds one and waits for another could wait in a circle.
            done.receipts += transact(_erase_unmatched, receipt_id, pattern)
    _forget_inbound(number, account, done)
    return done


def _forget_inbound(number: str, account: Account | None, done: Forgotten) -> None:
    whose = {"number": number, "account": None if account is None else str(account.id)}
    erasing = partial(execute, ERASE_INBOUND, **whose, instead=nobodys(number), limit=BATCH)
    while erased := transact(erasing):
        done.texts += erased
    if account is None:  # parts are nobody's as yet
        transact(execute, DELETE_PARTS, number)
        transact(execute, ERASE_PARTS, nobodys(number), number)
    transact(partial(execute, TRIM_OPT_OUTS, **whose, reason=FORGOTTEN, plain=[Keyword.STOP.value, BY_CALLER]))
    done.opt_outs = query(partial(rows, COUNT_INBOUND, **whose))[0][1]


def _forget_set(number: str, pattern: str, found: Sequence[tuple[UUID, UUID, str]], done: Forgotten) -> None:
    ids = []
    for account_id, message_id, status in found:
        if status in CANCELABLE and _cancel(account_id, message_id):
            done.canceled += 1
        elif status not in ERASABLE:
            done.left[status] += 1
            continue
        ids.append(message_id)
    if ids:
        transact(_erase_texts, ids)
        done.receipts += transact(_erase_receipts, ids, pattern)
        done.erased += transact(_erase_rest, ids, pattern, nobodys(number))


def _cancel(account_id: UUID, message_id: UUID) -> bool:
    try:
        _, changes = withdraw(account_id, message_id)
    except NotCancelable:
        return False
    announce(changes)
    return True


def _erase_texts(ids: list[UUID]) -> None:
    execute(HOLD, ids)
    execute(ERASE_TEXTS, ids)


def _erase_receipts(ids: list[UUID], pattern: str) -> int:
    return execute(ERASE_RECEIPTS.format(**OF_RECEIPTS), ids=list(map(str, ids)), pattern=pattern)


def _erase_rest(ids: list[UUID], pattern: str, instead: str) -> int:
    execute(HOLD, ids)
    for statement in WORDS:
        execute(statement, ids=list(map(str, ids)), pattern=pattern)
    return execute(ERASE_NUMBERS, instead, ids)


def _unmatched(pattern: str) -> list[tuple[int]]:
    execute("SET LOCAL statement_timeout = 0")
    return rows(UNMATCHED, pattern=pattern)


def _erase_unmatched(receipt_id: int, pattern: str) -> int:
    return execute(ERASE_UNMATCHED.format(**OF_RECEIPTS), id=receipt_id, pattern=pattern)


def pattern_of(number: str) -> str:
    """Return a regular expression of PostgreSQL for a number in others' words, however it is written.

    A national number that is very short is looked for only behind its calling code.
    """
    code, national = split(number)
    between = "[ .()-]{0,3}"
    rest = between.join(national)
    international = rf"(?:\+|00)?{between.join(code)}{between}(?:\(?0\)?{between})?{rest}"
    alone = rf"|0?{between}{rest}" if len(national) >= SHORTEST_ALONE else ""
    return rf"(?<![0-9])(?:{international}{alone})(?![0-9])"
