"""A request that keeps every rule, as the message that it becomes: before anything is stored."""

import hashlib
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from sms.limits import Limits
from sms.models import DeliveryPolicy, Priority
from sms.services.authenticate import Caller
from sms.services.rules import LONGEST_VALIDITY, RULES, Draft, written

_APPLY: Final = tuple(rule.apply for rule in RULES)
_NORMAL: Final = Priority.NORMAL


@dataclass(slots=True)  # not frozen: that takes a tenth of `check`
class NewMessage:
    """A checked message, ready to be stored."""

    id: UUID
    account_id: UUID
    sender_id: str
    recipient: str = field(repr=False)
    text: str = field(repr=False)
    encoding: str
    segment_count: int
    client_reference: str | None = field(repr=False)
    delivery_policy: str
    valid_for: int  # seconds
    key_digest: UUID | None
    fingerprint: bytes | None
    metadata: str | None = field(repr=False)  # as JSON
    priority: Priority
    is_test: bool
    send_at: datetime | None
    limits: Limits | None  # of the account, where it has some
    # Chosen when it is stored: see `sms.services.routes`.
    route_id: int = 0
    reason: str | None = None
    price: Decimal | None = None  # of all its segments
    currency: str | None = None
    charged_to: str | None = None  # the name of the route, where there is a price


def check(
    caller: Caller,
    *,
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
    fallback_key: str | None = None,
) -> NewMessage:
    """Apply every rule to a request. Raises InvalidMessage for the first one that it breaks.

    The fallback is for a message without an idempotency key of its own. It may be what nobody can give as a key.
    """
    if transliterate:
        text = written(text, transliterated=True)
    draft = Draft(
        sender_id,
        recipient,
        text,
        client_reference,
        delivery_policy,
        valid_for,
        send_at,
        priority,
        metadata,
        idempotency_key,
    )
    for apply in _APPLY:
        apply(draft, caller)
    key = draft.idempotency_key or fallback_key
    measured = draft.segmentation
    assert measured is not None
    own = draft.own
    return NewMessage(
        id=uuid7(),
        account_id=caller.account_id,
        sender_id=sender_id,
        recipient=draft.recipient,
        text=text,
        encoding=measured.encoding.value,
        segment_count=measured.count,
        client_reference=client_reference,
        delivery_policy=draft.delivery_policy,
        valid_for=valid_for,
        key_digest=None if key is None else _digest_key(caller, key),
        fingerprint=None if key is None else _fingerprint(draft),
        metadata=None if own is None else orjson.dumps(own).decode(),
        priority=draft.importance,
        is_test=caller.is_test,
        send_at=draft.send_at,
        limits=None if caller.is_test else caller.limits,
    )


def _digest_key(caller: Caller, key: str) -> UUID:
    """Digest an account's key. The same from a test and a live API key are two: none that somebody gives has a space.

    Half of a SHA-256. Whoever could find two keys with one digest would have found them among their own.
    """
    inner = hashlib.sha256((f"test {key}" if caller.is_test else key).encode()).digest()
    return UUID(bytes=hashlib.sha256(caller.account_id.bytes + inner).digest()[:16])


def _fingerprint(draft: Draft) -> bytes:
    """Digest what the caller asked for, after normalisation: the same request in another spelling is the same."""
    request: list[Any] = [
        draft.sender_id,
        draft.recipient,
        draft.text,
        draft.client_reference,
        draft.delivery_policy,
        draft.valid_for,
    ]
    if draft.send_at is not None or draft.importance is not _NORMAL or draft.own:
        # What did not exist once is left out where it is not used: keys of then stay good.
        request += [draft.send_at, draft.importance.name, sorted((draft.own or {}).items())]
    return hashlib.sha256(unicodedata.normalize("NFC", orjson.dumps(request).decode()).encode()).digest()
