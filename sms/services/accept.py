"""Accept one message: check it, store it durably, and return it."""

from collections.abc import Collection
from datetime import datetime

from sms import scopes
from sms.models import DeliveryPolicy, Priority
from sms.services.authenticate import Caller
from sms.services.new_message import NewMessage, check
from sms.services.rules import LONGEST_VALIDITY
from sms.services.store import Accepted, nudge_for, store
from sms.shared_commit import SharedCommit


async def accept(
    *,
    caller: Caller,
    sender_id: str,
    recipient: str,
    text: str,
    transliterate: bool = False,
    client_reference: str | None = None,
    delivery_policy: str = DeliveryPolicy.AT_MOST_ONCE,
    valid_for: int = LONGEST_VALIDITY,
    send_at: datetime | None = None,
    priority: str = Priority.NORMAL.name,
    metadata: Collection[tuple[str, str]] | None = None,
    idempotency_key: str | None = None,
) -> Accepted:
    """Store one message and return it after the commit; the same key returns the first one again.

    Raises InvalidMessage, IdempotencyConflict, LimitExceeded, PermissionDenied, Unavailable; in each case nothing was
    stored. Raises Unanswered when nobody knows: the same key tells.
    """
    caller.require(scopes.SEND)
    new = check(
        caller,
        sender_id=sender_id,
        recipient=recipient,
        text=text,
        transliterate=transliterate,
        client_reference=client_reference,
        delivery_policy=delivery_policy,
        valid_for=valid_for,
        send_at=send_at,
        priority=priority,
        metadata=metadata,
        idempotency_key=idempotency_key,
    )
    accepted = await _accepts(new)
    if not accepted.replayed:
        nudge_for([accepted.message])
    return accepted


_accepts: SharedCommit[NewMessage, Accepted] = SharedCommit(store, at_once=500, waiting=5_000)
