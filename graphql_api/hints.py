"""The words between workers and web processes, over the channel layer.

A hint says that a message has changed, and how, or that a text came. Hints may be lost; then what they tell of is read
from the database.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sms.events import StatusChanged
from sms.records import EventRecord

TYPE: Final = "sms.changed"
OF_TEXTS: Final = "sms.received"


def group_of(account_id: UUID) -> str:
    """Return the channel-layer group that hears of an account's messages."""
    return f"account.{account_id}"


def to_hint(changes: Iterable[StatusChanged]) -> dict[str, Any]:
    """Return the channel-layer message for some changes of one account."""
    return {"type": TYPE, "changes": [_to_list(one.event) for one in changes]}


def _to_list(event: EventRecord) -> list[Any]:
    return [
        str(event.message_id),
        event.sequence,
        event.status.value,
        event.occurred_at.isoformat(),
        event.late,
        event.conflict,
        event.provider_status,
        event.error_code,
        event.provider_error,
        event.detail,
    ]


def texts_hint() -> dict[str, Any]:
    """Return the channel-layer message for texts to one account: that there are some; nothing of them is in it."""
    return {"type": OF_TEXTS}


def is_of_texts(hint: dict[str, Any]) -> bool:
    """Whether a hint says that texts came."""
    return bool(hint["type"] == OF_TEXTS)


def from_hint(hint: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Return each message id, as written, with what `to_event` understands."""
    return ((one[0], one) for one in hint["changes"])


def to_event(told: list[Any]) -> EventRecord:
    """Return the event that a hint tells of."""
    message_id, sequence, status, occurred_at, *more = told
    return EventRecord(UUID(message_id), sequence, status, datetime.fromisoformat(occurred_at), *more)
