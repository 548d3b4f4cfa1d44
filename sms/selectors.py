"""Reads, always scoped to an account. Synchronous: run them with `sms.database.in_thread(query, …)`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from sms.database import in_thread, query, rows
from sms.errors import MessageNotFound
from sms.models import Account, ApiKey, Message, MessageEvent, Reconciliation
from sms.records import EventRecord, MessageRecord

# In the order of the records' fields; the last one of a message comes from another table.
EVENT_COLUMNS = tuple(field.name for field in fields(EventRecord))
MESSAGE_COLUMNS = tuple(field.name for field in fields(MessageRecord))[:-1]

Owned = tuple[UUID, UUID]  # an account, and one of its messages


async def message(*, account_id: UUID, message_id: UUID) -> MessageRecord:
    """Return one message with its `history`, oldest first. Raises MessageNotFound."""
    return await in_thread(query, get_message, account_id, message_id)


def get_message(account_id: UUID, message_id: UUID) -> MessageRecord:
    """Return one message with its `history`, oldest first. Raises MessageNotFound."""
    found = _records(Message.objects.filter(account_id=account_id, id=message_id))
    if not found:
        raise MessageNotFound
    return found[message_id]


def get_messages(message_ids: Collection[UUID]) -> dict[UUID, MessageRecord]:
    """Return messages with their `history`. Not scoped: ask only for what is known to be the caller's."""
    return _records(Message.objects.filter(id__in=message_ids))


def _records(chosen: QuerySet[Message]) -> dict[UUID, MessageRecord]:
    found = {row[0]: MessageRecord(*row) for row in chosen.values_list(*MESSAGE_COLUMNS)}
    events = MessageEvent.objects.filter(message_id__in=list(found)).order_by("id")
    for row in events.values_list(*EVENT_COLUMNS):
        event = EventRecord(*row)
        found[event.message_id].history.append(event)
    return found


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


def _sender_ids(account: Account) -> list[str]:
    return list(account.sender_ids.values_list("value", flat=True))
