"""Who wants no more texts from whom: added and taken away, and kept from everybody who would send.

An accept holds its accounts' locks shared, from before it looks for opt-outs until its commit; whoever adds one holds
the lock alone. So an opt-out waits for the accepts that are under way, and every later one sees it. The claim of a
worker looks once more. Locks of messages, limits and parts come before these, those of keys and counts after.
"""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from uuid_utils.compat import uuid7

from sms import content, phone_numbers, scopes
from sms.database import Statement, at_once, execute, in_thread, rows, transact
from sms.errors import ErrorCode, InvalidMessage, OptOutNotFound
from sms.opt_outs import Keyword
from sms.records import OPT_OUT_COLUMNS, OptOutRecord
from sms.services.authenticate import Caller

LONGEST_REASON: Final = 255
BY_CALLER: Final = "entered by the account"

# Whether a message may not go out, of a table or an alias that has its columns; null where there is no opt-out at all.
# The one message that confirms an opt-out is kept back by no other one either. The accept asks `sms_kept_back`, of the
# same words, which takes the locks before it looks.
SUPPRESSED: Final = """
(SELECT bool_and(o.reply_id IS DISTINCT FROM {m}.id) FROM sms_optout o
 WHERE o.account_id = {m}.account_id AND o.recipient = {m}.recipient AND o.sender_id IN ('', {m}.sender_id)
 AND o.is_test = {m}.is_test)
"""


class RecipientOptedOut(InvalidMessage):
    """The recipient wants no more texts from this account, or from this sender ID."""

    def __init__(self) -> None:
        super().__init__(
            ErrorCode.RECIPIENT_OPTED_OUT,
            "The recipient has opted out of texts from this account, or from this sender ID.",
            field="recipient",
        )


known: set[UUID] = set()  # accounts that perhaps have some: where they have, that is looked for at once
MOST_KNOWN: Final = 10_000
THERE_ARE_SOME: Final = "23U01"  # the SQLSTATE with which `sms_no_opt_outs` refuses


def is_behind(error: IntegrityError) -> bool:
    """Whether a set was refused because one of its accounts has opt-outs."""
    return getattr(error.__cause__, "pgcode", None) == THERE_ARE_SOME


WHO_HAS_SOME: Final = """
SELECT a.id FROM unnest(%s::uuid[]) AS a (id) WHERE EXISTS (SELECT FROM sms_optout o WHERE o.account_id = a.id)
"""


def remember(found: Sequence[tuple[UUID]]) -> None:
    """Remember accounts that have opt-outs."""
    if len(known) > MOST_KNOWN:
        known.clear()
    known.update(account_id for (account_id,) in found)


# Always in the same order. A statement of its own, so that the next one sees what was committed while it waited.
LOCK: Final = """
SELECT pg_advisory_xact_lock(sms_opt_out_lock(id))
FROM (SELECT DISTINCT unnest(%s::uuid[]) AS id ORDER BY 1) AS accounts
"""


# A number that has opted out already stays as it is: its reason is the first one.
ADD = f"""
INSERT INTO sms_optout (id, account_id, recipient, sender_id, is_test, reason, inbound_id, reply_id, reply_sender_id)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::bool[], %s::text[], %s::uuid[], %s::uuid[],
                     %s::text[])
ON CONFLICT (account_id, recipient, sender_id, is_test) DO NOTHING
RETURNING {", ".join(OPT_OUT_COLUMNS)}
"""  # noqa: S608  constants
FIND = f"""
SELECT {", ".join(OPT_OUT_COLUMNS)} FROM sms_optout
WHERE account_id = %s AND recipient = %s AND sender_id = %s AND is_test = %s
"""  # noqa: S608  constants

# What a provider refused because of an opt-out that it keeps: of the pair that it knows.
ADD_TOLD = """
INSERT INTO sms_optout (id, account_id, recipient, sender_id, is_test, reason)
SELECT t.id, m.account_id, m.recipient, m.sender_id, m.is_test, left('told by the provider ' || t.provider, 255)
FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS t (id, message_id, provider)
JOIN sms_message m ON m.id = t.message_id
ORDER BY m.account_id, m.recipient, m.sender_id
ON CONFLICT (account_id, recipient, sender_id, is_test) DO NOTHING
"""


def told(account_ids: Collection[UUID], refused: Sequence[tuple[UUID, str]]) -> list[Statement]:
    """Return what adds opt-outs that providers tell of, by messages that are locked and the routes that refused them.

    The locks come after those of messages, here and everywhere.
    """
    columns = [[uuid7() for _ in refused], [one for one, _ in refused], [name for _, name in refused]]
    return [(LOCK, [list(account_ids)]), (ADD_TOLD, columns)]


def lock(account_ids: Collection[UUID]) -> None:
    """Lock accounts alone, in this transaction, to change who has opted out of them."""
    rows(LOCK, list(account_ids))


ASK = f"""
SELECT coalesce({SUPPRESSED.format(m="m")}, false)
FROM (SELECT gen_random_uuid() AS id, %s::uuid AS account_id, %s::text AS recipient, %s::text AS sender_id,
             %s::bool AS is_test) m
"""  # noqa: S608  constants


def is_suppressed(*, account_id: UUID, recipient: str, sender_id: str, is_test: bool) -> bool:
    """Whether a message would be refused now because its recipient has opted out."""
    ((found,),) = rows(ASK, account_id, recipient, sender_id, is_test)
    return bool(found)


async def add(
    *, caller: Caller, recipient: str, sender_id: str | None = None, reason: str | None = None
) -> OptOutRecord:
    """Opt a number out of the account's texts, or of those from one sender ID; again, it is returned as it is.

    With a test key, of test messages. Raises InvalidMessage, PermissionDenied, Unavailable.
    """
    caller.require(scopes.SEND)
    number = _number(recipient)
    if sender_id is not None:
        content.check_sender_id(sender_id)
    if reason is not None:
        _check_reason(reason)
    return await in_thread(transact, _add, caller, number, sender_id or "", reason or BY_CALLER)


def _number(recipient: str) -> str:
    return phone_numbers.normalise(recipient, default_region=settings.SMS_DEFAULT_REGION)


def _check_reason(reason: str) -> None:
    if not (0 < len(reason) <= LONGEST_REASON and reason.isprintable()):
        raise InvalidMessage(
            ErrorCode.REASON_INVALID, f"A reason has 1 to {LONGEST_REASON} printable characters.", field="reason"
        )


def _add(caller: Caller, recipient: str, sender_id: str, reason: str) -> OptOutRecord:
    lock([caller.account_id])
    key = [caller.account_id, recipient, sender_id, caller.is_test]
    added = rows(ADD, [uuid7()], *([one] for one in key), [reason], [None], [None], [None])
    (found,) = added or rows(FIND, *key)
    return OptOutRecord(*found)


async def remove(*, caller: Caller, opt_out_id: UUID) -> OptOutRecord:
    """Let a number have texts again, and return the opt-out that is gone.

    A test key finds only those of test messages. Raises OptOutNotFound, PermissionDenied, Unavailable.
    """
    caller.require(scopes.SEND)
    found = await in_thread(at_once, REMOVE, opt_out_id, caller.account_id, caller.is_test)
    if not found:
        raise OptOutNotFound
    return OptOutRecord(*found[0])


REMOVE = f"""
DELETE FROM sms_optout WHERE id = %s AND account_id = %s AND is_test >= %s RETURNING {", ".join(OPT_OUT_COLUMNS)}
"""  # noqa: S608  constants
REMOVE_ALL = "DELETE FROM sms_optout WHERE account_id = %s AND recipient = %s AND is_test = %s"


def begin_again(*, account_id: UUID, recipient: str, is_test: bool) -> None:
    """Take away every opt-out of a number, in this transaction: the person asks for texts again."""
    execute(REMOVE_ALL, account_id, recipient, is_test)


def said_stop(*, account_id: UUID, recipient: str, is_test: bool, inbound_id: UUID, reply_from: str | None) -> bool:
    """Opt a person out of all of an account's texts, in this transaction, which holds the account's lock.

    Return whether a confirmation is due: of a new opt-out, where there is somebody to send it from.
    """
    reply_id = None if reply_from is None else uuid7()
    columns = [uuid7(), account_id, recipient, "", is_test, Keyword.STOP, inbound_id, reply_id, reply_from]
    return bool(rows(ADD, *([one] for one in columns))) and reply_from is not None
