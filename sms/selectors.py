"""Reads, always scoped to an account. Synchronous: run them with `sms.database.in_thread(query, …)`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from sms.database import in_thread, query, rows
from sms.errors import MessageNotFound
from sms.models import Account, ApiKey, Message, Reconciliation
from sms.records import (
    ATTEMPT_COLUMNS,
    EVENT_COLUMNS,
    MESSAGE_COLUMNS,
    AttemptRecord,
    EventRecord,
    MessageRecord,
    message_of,
)

Owned = tuple[UUID, UUID]  # an account, and one of its messages


async def message(*, account_id: UUID, message_id: UUID) -> MessageRecord:
    """Return one message with its `history`, oldest first. Raises MessageNotFound."""
    return await in_thread(query, get_message, account_id, message_id)


# Not by the ORM: that takes several times as long to write one of these as the database to answer it.
MESSAGE = """
SELECT {columns} FROM sms_message WHERE id = %s AND account_id = %s
""".format(columns=", ".join(MESSAGE_COLUMNS))
MESSAGES = """
SELECT {columns} FROM sms_message WHERE id = ANY(%s::uuid[])
""".format(columns=", ".join(MESSAGE_COLUMNS))
EVENTS = """
SELECT {columns} FROM sms_messageevent WHERE message_id = ANY(%s::uuid[]) ORDER BY id
""".format(columns=", ".join(EVENT_COLUMNS))
ATTEMPTS = """
SELECT {columns} FROM sms_submitattempt WHERE message_id = ANY(%s::uuid[]) ORDER BY number, id
""".format(columns=", ".join(ATTEMPT_COLUMNS))


def get_message(account_id: UUID, message_id: UUID) -> MessageRecord:
    """Return one message with its `history`, oldest first. Raises MessageNotFound."""
    found = _with_histories(rows(MESSAGE, message_id, account_id))
    if not found:
        raise MessageNotFound
    return found[message_id]


def get_messages(message_ids: Collection[UUID]) -> dict[UUID, MessageRecord]:
    """Return messages with their `history`. Not scoped: ask only for what is known to be the caller's."""
    return _with_histories(rows(MESSAGES, list(message_ids)))


async def messages(message_ids: Collection[UUID]) -> dict[UUID, MessageRecord | None]:
    """Return messages without their history, None for what is none. Not scoped: ask only for the caller's."""
    return await in_thread(query, _messages, message_ids)


def _messages(message_ids: Collection[UUID]) -> dict[UUID, MessageRecord | None]:
    found = {row[0]: message_of(row) for row in rows(MESSAGES, list(message_ids))}
    return {message_id: found.get(message_id) for message_id in message_ids}


def _with_histories(found: Sequence[Sequence[Any]]) -> dict[UUID, MessageRecord]:
    records = {row[0]: message_of(row) for row in found}
    events = get_histories(records)
    for message_id, record in records.items():
        record.history = events[message_id]
    return records


async def histories(message_ids: Collection[UUID]) -> dict[UUID, list[EventRecord]]:
    """Return each message's history, oldest first. Not scoped: ask only for what is known to be the caller's."""
    return await in_thread(query, get_histories, message_ids)


def get_histories(message_ids: Collection[UUID]) -> dict[UUID, list[EventRecord]]:
    """Return what `histories` does, on the caller's thread."""
    found: dict[UUID, list[EventRecord]] = {message_id: [] for message_id in message_ids}
    if found:
        for row in rows(EVENTS, list(found)):
            event = EventRecord(*row)
            found[event.message_id].append(event)
    return found


async def attempts(message_ids: Collection[UUID]) -> dict[UUID, list[AttemptRecord]]:
    """Return each message's submit attempts, in order. Not scoped: ask only for what is known to be the caller's."""
    return await in_thread(query, get_attempts, message_ids)


def get_attempts(message_ids: Collection[UUID]) -> dict[UUID, list[AttemptRecord]]:
    """Return what `attempts` does, on the caller's thread."""
    found: dict[UUID, list[AttemptRecord]] = {message_id: [] for message_id in message_ids}
    for row in rows(ATTEMPTS, list(found)):
        attempt = AttemptRecord(*row)
        found[attempt.message_id].append(attempt)
    return found


async def message_and_attempts(*, account_id: UUID, message_id: UUID) -> tuple[MessageRecord, list[AttemptRecord]]:
    """Return one message with its `history`, and its submit attempts, in order. Raises MessageNotFound."""
    return await in_thread(query, _message_and_attempts, account_id, message_id)


def _message_and_attempts(account_id: UUID, message_id: UUID) -> tuple[MessageRecord, list[AttemptRecord]]:
    return get_message(account_id, message_id), get_attempts([message_id])[message_id]


async def changes(after: Mapping[Owned, int]) -> dict[Owned, list[EventRecord]]:
    """Return the changes of status of messages, each after its own sequence, in order.

    A message is named together with its account: there are no changes of a message that is another account's.
    """
    return await in_thread(query, _changes, after)


CHANGES = """
SELECT m.account_id, {columns} FROM unnest(%s::uuid[], %s::uuid[], %s::int[]) AS t (account_id, id, after)
JOIN sms_message m ON m.id = t.id AND m.account_id = t.account_id
JOIN sms_messageevent e ON e.message_id = m.id AND e.sequence > t.after
ORDER BY e.message_id, e.sequence
""".format(columns=", ".join(f"e.{column}" for column in EVENT_COLUMNS))


def _changes(after: Mapping[Owned, int]) -> dict[Owned, list[EventRecord]]:
    found: dict[Owned, list[EventRecord]] = {}
    accounts, messages = [account_id for account_id, _ in after], [message_id for _, message_id in after]
    for account_id, *columns in rows(CHANGES, accounts, messages, list(after.values())):
        change = EventRecord(*columns)
        found.setdefault((account_id, change.message_id), []).append(change)
    return found


async def sequences(message_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return the last sequence of each message; for mending what the channel layer lost, never shown to a caller."""
    return await in_thread(query, _sequences, message_ids)


def _sequences(message_ids: Collection[UUID]) -> dict[UUID, int]:
    found: Any = Message.objects.filter(id__in=message_ids).values_list("id", "sequence")
    return dict(found)


def last_reconciliations() -> list[Reconciliation]:
    """Return the newest account of each scope that there is one of."""
    return list(Reconciliation.objects.order_by("scope", "-id").distinct("scope"))


QUEUE = """
SELECT (SELECT count(*) FROM sms_dispatchentry WHERE purpose = 1 AND lease IS NULL AND due_at <= now()),
       (SELECT count(*) FROM sms_dispatchentry WHERE purpose = 1 AND lease IS NULL AND due_at > now()),
       (SELECT count(*) FROM sms_dispatchentry WHERE purpose = 3),
       (SELECT count(*) FROM sms_dispatchentry WHERE lease IS NOT NULL),
       (SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0)::float8 FROM sms_dispatchentry
        WHERE purpose = 1 AND lease IS NULL AND due_at <= now()),
       (SELECT count(*) FROM sms_receipt WHERE processed_at IS NULL AND due_at <= now()),
       (SELECT count(*) FROM sms_receipt WHERE processed_at IS NULL AND due_at > now()),
       (SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0)::float8 FROM sms_receipt
        WHERE processed_at IS NULL AND due_at <= now())
"""


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for workers, and for how long the first of it has been due (in seconds)."""

    due: int
    retrying: int
    scheduled: int
    leased: int
    oldest_due: float
    receipts_due: int
    receipts_waiting: int
    oldest_receipt_due: float


def queue() -> Queue:
    """Return how the work queue and the inbox of receipts stand."""
    return Queue(*rows(QUEUE)[0])


@dataclass(frozen=True, slots=True)
class Access:
    """A way into an account, and what its requests are checked against; the anonymous account has no key."""

    account: Account
    sender_ids: Sequence[str]
    key: ApiKey | None


def access_by_key(digest: bytes) -> Access | None:
    """Return the access behind a key's digest, or None if there is no such valid key."""
    key = ApiKey.objects.filter(VALID, secret_sha256=digest).select_related("account").first()
    return None if key is None else Access(key.account, _sender_ids(key.account), key)


# A key counts from the moment when the database knows it until it is revoked, or its time is over.
VALID = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=Now()))


def anonymous_access(name: str) -> Access | None:
    """Return what a request without a key has, as the account of that name."""
    account = Account.objects.filter(name=name).first()
    return None if account is None else Access(account, _sender_ids(account), None)


def access_of(account_id: UUID) -> Access:
    """Return what the service itself has that sends for an account."""
    account = Account.objects.get(id=account_id)
    return Access(account, _sender_ids(account), None)


def _sender_ids(account: Account) -> list[str]:
    return list(account.sender_ids.values_list("value", flat=True))
