"""What a request must be to become a message: every rule, before anything is stored."""

import hashlib
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from uuid_utils.compat import uuid7

from sms import content, phone_numbers, segments
from sms.errors import ErrorCode, InvalidMessage
from sms.models import DeliveryPolicy, Priority
from sms.services.authenticate import Caller

LONGEST_VALIDITY = 72 * 3600  # seconds
SHORTEST_VALIDITY = 60
MOST_SEGMENTS = 10
LONGEST_REFERENCE = 255
LONGEST_KEY = 255
FURTHEST_AHEAD = timedelta(days=90)
LATEST_REPEAT = timedelta(hours=1)
MOST_METADATA = 20
LONGEST_NAME = 40
LONGEST_VALUE = 500


@dataclass(frozen=True, slots=True)
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
    delivery_policy: DeliveryPolicy
    valid_for: int  # seconds
    key_sha256: bytes | None
    fingerprint: bytes | None
    metadata: str | None = field(repr=False)  # as JSON
    priority: Priority
    is_test: bool
    send_at: datetime | None


def check(
    caller: Caller,
    *,
    sender_id: str,
    recipient: str,
    text: str,
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
    content.check_sender_id(sender_id)
    if sender_id not in caller.sender_ids:
        raise InvalidMessage(
            ErrorCode.SENDER_ID_NOT_ALLOWED,
            f"The sender ID '{sender_id}' is not on this account's list.",
            field="sender_id",
        )
    number = phone_numbers.normalise(recipient, default_region=settings.SMS_DEFAULT_REGION)
    content.check_text(text)
    if (keyword := caller.blocked_keywords.find(text)) is not None:
        raise InvalidMessage(
            ErrorCode.BLOCKED_KEYWORD, f"The text contains the blocked keyword '{keyword}'.", field="text"
        )
    measured = segments.measure(text)
    content.check_length(measured, maximum=MOST_SEGMENTS)
    if client_reference is not None:
        _check_reference(client_reference)
    policy = _check_policy(delivery_policy)
    _check_validity(valid_for)
    if send_at is not None:
        send_at = _check_send_at(send_at)
    importance = _check_priority(priority)
    own = _check_metadata(metadata or ())
    key = fallback_key if idempotency_key is None else clean_key(idempotency_key)
    request: list[Any] = [sender_id, number, text, client_reference, policy, valid_for]
    if send_at is not None or importance is not Priority.NORMAL or own:
        # What did not exist once is left out where it is not used: keys of then stay good.
        request += [send_at, importance.name, sorted(own.items())]
    return NewMessage(
        id=uuid7(),
        account_id=caller.account_id,
        sender_id=sender_id,
        recipient=number,
        text=text,
        encoding=measured.encoding.value,
        segment_count=measured.count,
        client_reference=client_reference,
        delivery_policy=policy,
        valid_for=valid_for,
        key_sha256=None if key is None else _digest_key(key, is_test=caller.is_test),
        fingerprint=None if key is None else _fingerprint(request),
        metadata=orjson.dumps(own).decode() if own else None,
        priority=importance,
        is_test=caller.is_test,
        send_at=send_at,
    )


def _check_reference(value: str) -> None:
    if not value or len(value) > LONGEST_REFERENCE or not value.isprintable():
        raise InvalidMessage(
            ErrorCode.CLIENT_REFERENCE_INVALID,
            f"A client reference has 1 to {LONGEST_REFERENCE} printable characters.",
            field="client_reference",
        )


def _check_policy(value: str) -> DeliveryPolicy:
    try:
        return DeliveryPolicy(value)
    except ValueError:
        raise InvalidMessage(
            ErrorCode.DELIVERY_POLICY_INVALID,
            f"A delivery policy is {' or '.join(DeliveryPolicy)}.",
            field="delivery_policy",
        ) from None


def _check_validity(seconds: int) -> None:
    if not SHORTEST_VALIDITY <= seconds <= LONGEST_VALIDITY:
        raise InvalidMessage(
            ErrorCode.VALID_FOR_INVALID,
            f"A message is valid for {SHORTEST_VALIDITY} to {LONGEST_VALIDITY} seconds.",
            field="valid_for",
        )


def _check_send_at(value: datetime) -> datetime:
    """Return the time by UTC. Raises InvalidMessage; not for one that has just passed: a request may be repeated."""
    if value.tzinfo is None:
        raise _invalid_send_at("A send time has an offset from UTC, as in 2027-01-31T09:00:00+01:00, or a Z.")
    now = datetime.now(UTC)
    if not now - LATEST_REPEAT <= value <= now + FURTHEST_AHEAD:
        raise _invalid_send_at(
            f"A send time is at most {FURTHEST_AHEAD.days} days ahead, and not past by more than an hour; "
            f"it is {now:%Y-%m-%dT%H:%M}Z now."
        )
    return value.astimezone(UTC)


def _invalid_send_at(detail: str) -> InvalidMessage:
    return InvalidMessage(ErrorCode.SEND_AT_INVALID, detail, field="send_at")


def _check_priority(value: str) -> Priority:
    try:
        return Priority[value]
    except KeyError:
        raise InvalidMessage(
            ErrorCode.PRIORITY_INVALID, f"A priority is {' or '.join(Priority.names)}.", field="priority"
        ) from None


def _check_metadata(given: Collection[tuple[str, str]]) -> dict[str, str]:
    """Return names and values that a message may carry. Raises InvalidMessage."""
    own = dict(given)
    fits = len(own) == len(given) <= MOST_METADATA and all(
        1 <= len(name) <= LONGEST_NAME and len(text) <= LONGEST_VALUE and _is_storable(name + text)
        for name, text in own.items()
    )
    if not fits:
        raise InvalidMessage(
            ErrorCode.METADATA_INVALID,
            f"Metadata has at most {MOST_METADATA} names, each once and of 1 to {LONGEST_NAME} characters, and a text "
            f"of at most {LONGEST_VALUE} for each.",
            field="metadata",
        )
    return own


def _is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep a text as JSON: neither NUL nor half a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def _digest_key(key: str, *, is_test: bool) -> bytes:
    """Digest a key. The same one from a test and from a live key are two: none that somebody gives has a space."""
    return hashlib.sha256((f"test {key}" if is_test else key).encode()).digest()


def clean_key(value: str) -> str:
    """Return the key itself; the quoted form of draft-ietf-httpapi-idempotency-key-header is the same key.

    Raises InvalidMessage.
    """
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if not (1 <= len(value) <= LONGEST_KEY and value.isascii() and value.isprintable() and " " not in value):
        raise InvalidMessage(
            ErrorCode.IDEMPOTENCY_KEY_INVALID,
            f"An idempotency key has 1 to {LONGEST_KEY} visible ASCII characters.",
            field="idempotency_key",
        )
    return value


def _fingerprint(request: list[Any]) -> bytes:
    """Digest what the caller asked for, after normalisation: the same request in another spelling is the same."""
    return hashlib.sha256(unicodedata.normalize("NFC", orjson.dumps(request).decode()).encode()).digest()
