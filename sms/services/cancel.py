"""Withdraw a message before it is sent."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from sms import scopes, selectors
from sms.database import in_thread, rows, transact
from sms.errors import MessageNotFound, NotCancelable, NotForTestKeys
from sms.events import StatusChanged, announce
from sms.records import MessageRecord
from sms.services import moves
from sms.services.authenticate import Caller
from sms.services.moves import Move, Verdict
from sms.statuses import Status


async def cancel(*, caller: Caller, message_id: UUID) -> MessageRecord:
    """Withdraw a message, and return it with its `history` after the commit; again, it is returned as it is.

    Raises NotCancelable, MessageNotFound, PermissionDenied, Unavailable; in each case nothing changed.
    """
    caller.require(scopes.SEND)
    if caller.is_test and not (await selectors.message(account_id=caller.account_id, message_id=message_id)).is_test:
        raise NotForTestKeys
    message: MessageRecord
    message, changes = await in_thread(withdraw, caller.account_id, message_id)
    # Not on a database thread: a Redis that hangs must not keep one from the others.
    await asyncio.to_thread(announce, changes)
    return message


def withdraw(account_id: UUID, message_id: UUID) -> tuple[MessageRecord, Sequence[StatusChanged]]:
    """Withdraw a message in one commit; return it with its `history`, and what is to be announced."""
    return transact(_withdraw, account_id, message_id)


OWNED = "SELECT FROM sms_message WHERE id = %s AND account_id = %s"

# What an attempt is known to have come to; one that is still open counts, for its worker may have been cut off.
PERHAPS_SENT = "SELECT FROM sms_submitattempt WHERE message_id = %s AND outcome IS DISTINCT FROM 'NOT_SENT' LIMIT 1"


def _withdraw(account_id: UUID, message_id: UUID) -> tuple[MessageRecord, Sequence[StatusChanged]]:
    if not rows(OWNED, message_id, account_id):  # before the lock: who is made to wait learns that there is something
        raise MessageNotFound
    held = moves.lock([message_id])
    # A claim that is under way has locked the message: what is read now is what it left.
    if message_id not in held:
        raise MessageNotFound
    status = held[message_id].status
    if status is Status.CANCELED:
        return selectors.get_message(account_id, message_id), []
    # CANCELED says "never sent", for good. So a message that is queued again only because its policy takes the text
    # twice (AT_LEAST_ONCE) is past that.
    if rows(PERHAPS_SENT, message_id):
        raise NotCancelable(status)
    move = Move(message_id, Status.CANCELED)
    changes = moves.apply(held, [move])
    if move.verdict is not Verdict.APPLIED:
        raise NotCancelable(status)
    return selectors.get_message(account_id, message_id), changes
