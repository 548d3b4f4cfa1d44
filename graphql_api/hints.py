"""The words between workers and web processes, over the channel layer.

A hint says that a message has changed, no more: the change itself is read from the database.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import UUID

from sms.events import StatusChanged

TYPE: Final = "sms.changed"


def group_of(account_id: UUID) -> str:
    """Return the channel-layer group that hears of an account's messages."""
    return f"account.{account_id}"


def to_hint(changes: Iterable[StatusChanged]) -> dict[str, Any]:
    """Return the channel-layer message for some changes of one account."""
    return {"type": TYPE, "changes": [[str(one.message_id), one.sequence, one.status.value] for one in changes]}


def from_hint(hint: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Return each message id, as written, with the sequence that it has reached."""
    return ((message_id, sequence) for message_id, sequence, _ in hint["changes"])
