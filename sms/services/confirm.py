"""Tell people that their STOP was understood: one text for each opt-out, from the sender ID that they answered.

It is accepted as any other message, under a key of its own, so it is one message however often this runs.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from sms.database import execute, query, rows, transact
from sms.errors import LimitExceeded, SmsError, Unavailable
from sms.services.authenticate import on_behalf_of
from sms.services.new_message import check
from sms.services.store import Accepted, nudge_for, store

log = structlog.get_logger(__name__)

AT_ONCE: Final = 100
WAITS_HOURS: Final = 1  # for the account's limits; later it would puzzle more than it tells

# By chance: those that wait for the limits of their account must not be in the way of all others.
DUE: Final = """
SELECT o.id, o.account_id, o.recipient, o.reply_sender_id, o.is_test, o.reply_id, a.opt_out_reply,
       o.created_at < now() - make_interval(hours => %s)
FROM sms_optout o JOIN sms_account a ON a.id = o.account_id
WHERE o.reply_sender_id IS NOT NULL ORDER BY random() LIMIT %s
"""
DONE: Final = "UPDATE sms_optout SET reply_sender_id = NULL WHERE id = ANY(%s::uuid[])"


@dataclass(frozen=True, slots=True)
class Due:
    """An opt-out whose person is to be told."""

    id: UUID
    account_id: UUID
    recipient: str
    sender_id: str
    is_test: bool
    reply_id: UUID  # of the message that the opt-out lets by
    text: str
    is_late: bool


def confirm_opt_outs() -> int:
    """Accept the confirmations that are due; return how many opt-outs are settled. Raises Unavailable."""
    due = [Due(*row) for row in query(rows, DUE, WAITS_HOURS, AT_ONCE)]
    settled = [one.id for one in due if _confirm(one)]
    return transact(execute, DONE, settled) if settled else 0


def _confirm(one: Due) -> bool:
    """Accept one, and return whether there is nothing more to do."""
    result = _accept(one)
    if isinstance(result, Accepted):
        if not result.replayed:
            nudge_for([result.message])
        return True
    if isinstance(result, Unavailable):
        raise result
    if isinstance(result, LimitExceeded) and not one.is_late:
        return False
    log.warning("opt_out_not_confirmed", account=str(one.account_id), code=result.code)
    return True


def _accept(one: Due) -> Accepted | SmsError:
    try:
        new = check(
            on_behalf_of(one.account_id, is_test=one.is_test),
            sender_id=one.sender_id,
            recipient=one.recipient,
            text=one.text,
            fallback_key=f"opt-out {one.reply_id}",  # nobody can give a key with a space
        )
        new.id = one.reply_id
        (result,) = store([new])
    except SmsError as error:
        return error
    return result
