"""Accept one message: check it, store it durably, and return it."""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from django.conf import settings
from uuid_utils.compat import uuid7

from sms import content, phone_numbers, segments, selectors
from sms.database import in_thread, query, rows, transact
from sms.errors import ErrorCode, IdempotencyConflict, InvalidMessage, Unavailable
from sms.models import DeliveryPolicy, DispatchEntry, Message, MessageEvent
from sms.nudge import nudge_dispatch
from sms.services.authenticate import Caller
from sms.shared_commit import SharedCommit
from sms.statuses import Status

LONGEST_VALIDITY = 72 * 3600  # seconds
SHORTEST_VALIDITY = 60
NORMAL_PRIORITY = 5
MOST_SEGMENTS = 10
LONGEST_REFERENCE = 255
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored message; `replayed` when its idempotency key had been used for it before."""

    message: Message
    replayed: bool


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A checked message, ready to be stored."""

    id: UUID
    account_id: UUID
    sender_id: str
    recipient: str
    text: str
    encoding: str
    segment_count: int
    client_reference: str | None
    delivery_policy: DeliveryPolicy
    valid_for: int  # seconds
    key_sha256: bytes | None
    fingerprint: bytes | None


async def accept(
    *,
    caller: Caller,
    sender_id: str,
    recipient: str,
    text: str,
    client_reference: str | None = None,
    delivery_policy: str = DeliveryPolicy.AT_MOST_ONCE,
    valid_for: int = LONGEST_VALIDITY,
    idempotency_key: str | None = None,
) -> Accepted:
    """Store one message and return it after the commit; the same key returns the first one again.

    Raises InvalidMessage, IdempotencyConflict, PermissionDenied, Unavailable; in each case nothing was stored. Raises
    Unanswered when nobody knows: the same key tells.
    """
    caller.require("messages:send")
    new = check(
        caller,
        sender_id=sender_id,
        recipient=recipient,
        text=text,
        client_reference=client_reference,
        delivery_policy=delivery_policy,
        valid_for=valid_for,
        idempotency_key=idempotency_key,
    )
    stored = await _accepts(new)
    if isinstance(stored, Accepted):
        nudge_dispatch()
        return stored
    return Accepted(message=await in_thread(query, selectors.get_message, new.account_id, stored), replayed=True)


def check(
    caller: Caller,
    *,
    sender_id: str,
    recipient: str,
    text: str,
    client_reference: str | None = None,
    delivery_policy: str = DeliveryPolicy.AT_MOST_ONCE,
    valid_for: int = LONGEST_VALIDITY,
    idempotency_key: str | None = None,
) -> NewMessage:
    """Apply every rule to a request. Raises InvalidMessage for the first one that it breaks."""
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
    key = None if idempotency_key is None else _clean_key(idempotency_key)
    request = [sender_id, number, text, client_reference, policy, valid_for]
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
        key_sha256=None if key is None else hashlib.sha256(key.encode()).digest(),
        fingerprint=None if key is None else _fingerprint(request),
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


def _clean_key(value: str) -> str:
    """Return the key itself; the quoted form of draft-ietf-httpapi-idempotency-key-header is the same key."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if not (1 <= len(value) <= LONGEST_KEY and value.isascii() and value.isprintable() and " " not in value):
        raise InvalidMessage(
            ErrorCode.IDEMPOTENCY_KEY_INVALID,
            f"An idempotency key has 1 to {LONGEST_KEY} visible ASCII characters.",
            field="idempotency_key",
        )
    return value


def _fingerprint(request: list[str | int | None]) -> bytes:
    """Digest what the caller asked for, after normalisation: the same request in another spelling is the same."""
    return hashlib.sha256(unicodedata.normalize("NFC", orjson.dumps(request).decode()).encode()).digest()


# Rows whose key is taken already are left out, and so not returned. ON CONFLICT waits for another transaction that is
# just storing the same key; the keys are sorted, so two such waits cannot form a circle. The foreign keys are checked
# at the end of the transaction, so the order of the inserts does not matter. A message has one time, read when all
# tables are ours to write: one from before a step of the clock cannot come after `clock` has mended that.
STORE = """
WITH asked AS MATERIALIZED (
    SELECT t.*, clock_timestamp() AS at FROM unnest(
        %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[], %s::text[],
        %s::text[], %s::int[], %s::bytea[], %s::bytea[]
    ) AS t (id, account_id, sender_id, recipient, text, encoding, segment_count, client_reference,
            delivery_policy, valid_for, key_sha256, fingerprint)
), keys AS (
    INSERT INTO sms_idempotencykey (account_id, key_sha256, fingerprint, message_id)
    SELECT account_id, key_sha256, fingerprint, id FROM asked WHERE key_sha256 IS NOT NULL
    ORDER BY account_id, key_sha256
    ON CONFLICT DO NOTHING
    RETURNING message_id
), new AS (
    SELECT * FROM asked WHERE key_sha256 IS NULL OR id IN (SELECT message_id FROM keys)
), messages AS (
    INSERT INTO sms_message (id, account_id, sender_id, recipient, text, encoding, segment_count, client_reference,
                             delivery_policy, status, sequence, created_at, updated_at)
    SELECT id, account_id, sender_id, recipient, text, encoding, segment_count, client_reference,
           delivery_policy, %s, 1, at, at FROM new
), events AS (
    INSERT INTO sms_messageevent (message_id, sequence, status, late, conflict, occurred_at)
    SELECT id, 1, %s, false, false, at FROM new
)
INSERT INTO sms_dispatchentry (message_id, purpose, priority, due_at, expires_at, attempts)
SELECT id, %s, %s, at, at + make_interval(secs => valid_for), 0 FROM new
RETURNING message_id, due_at
"""

FIND_KEYS = """
SELECT k.account_id, k.key_sha256, k.fingerprint, k.message_id FROM sms_idempotencykey k
JOIN unnest(%s::uuid[], %s::bytea[]) AS t (account_id, key_sha256) USING (account_id, key_sha256)
"""


def store(new: Sequence[NewMessage]) -> Sequence[Accepted | UUID | Exception]:
    """Store a set in one commit.

    Each result is the accepted message, or the id of the one that has its key already, or IdempotencyConflict.
    """
    return transact(_store, new)


def _store(new: Sequence[NewMessage]) -> Sequence[Accepted | UUID | Exception]:
    columns = [
        [str(m.id) for m in new],
        [str(m.account_id) for m in new],
        [m.sender_id for m in new],
        [m.recipient for m in new],
        [m.text for m in new],
        [m.encoding for m in new],
        [m.segment_count for m in new],
        [m.client_reference for m in new],
        [m.delivery_policy for m in new],
        [m.valid_for for m in new],
        [m.key_sha256 for m in new],
        [m.fingerprint for m in new],
    ]
    submit = DispatchEntry.Purpose.SUBMIT.value
    stored: dict[UUID, datetime] = dict(rows(STORE, *columns, Status.QUEUED, Status.QUEUED, submit, NORMAL_PRIORITY))
    repeated = [m for m in new if m.id not in stored]
    earlier = _find_keys(repeated) if repeated else {}
    return [
        Accepted(_as_message(m, stored[m.id]), replayed=False) if m.id in stored else _replay(m, earlier) for m in new
    ]


def _find_keys(repeated: Sequence[NewMessage]) -> dict[tuple[UUID, bytes], tuple[bytes, UUID]]:
    found = rows(FIND_KEYS, [str(m.account_id) for m in repeated], [m.key_sha256 for m in repeated])
    return {(account, bytes(key)): (bytes(fingerprint), message) for account, key, fingerprint, message in found}


def _replay(m: NewMessage, earlier: dict[tuple[UUID, bytes], tuple[bytes, UUID]]) -> UUID | Exception:
    assert m.key_sha256 is not None  # only a key can stop a row from being stored
    if (found := earlier.get((m.account_id, m.key_sha256))) is None:
        return Unavailable()  # the key's time was up, and it was purged this very moment
    fingerprint, message_id = found
    return message_id if fingerprint == m.fingerprint else IdempotencyConflict()


def _as_message(m: NewMessage, now: datetime) -> Message:
    message = Message(
        id=m.id,
        account_id=m.account_id,
        sender_id=m.sender_id,
        recipient=m.recipient,
        text=m.text,
        encoding=m.encoding,
        segment_count=m.segment_count,
        client_reference=m.client_reference,
        delivery_policy=m.delivery_policy,
        status=Status.QUEUED,
        sequence=1,
        created_at=now,
        updated_at=now,
    )
    first = MessageEvent(message_id=m.id, sequence=1, status=Status.QUEUED, occurred_at=now)
    message.history = [first]
    return message


_accepts: SharedCommit[NewMessage, Accepted | UUID] = SharedCommit(store, at_once=500, waiting=5_000)
