"""What readers are given: rows without the ORM around them, which costs more than all the rest of an accept."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sms.models import Priority
from sms.statuses import Status


@dataclass(slots=True)
class EventRecord:
    """One line of a message's history: see `sms.models.MessageEvent`."""

    message_id: UUID
    sequence: int | None
    status: Status
    occurred_at: datetime
    late: bool = False
    conflict: bool = False
    provider_status: str | None = None
    error_code: str | None = None
    provider_error: str | None = None
    detail: str | None = None

    def __post_init__(self) -> None:
        self.status = Status(self.status)


@dataclass(slots=True)
class MessageRecord:
    """One message: see `sms.models.Message`."""

    id: UUID
    sender_id: str
    recipient: str = field(repr=False)
    text: str = field(repr=False)
    encoding: str
    segment_count: int
    client_reference: str | None = field(repr=False)
    metadata: dict[str, str] | None = field(repr=False)
    delivery_policy: str
    priority: Priority
    is_test: bool
    send_at: datetime | None
    status: Status
    sequence: int
    created_at: datetime
    updated_at: datetime
    provider: str | None
    provider_reference: str | None
    error_code: str | None
    body_discarded_at: datetime | None
    history: list[EventRecord] = field(default_factory=list)  # oldest first

    def __post_init__(self) -> None:
        self.status = Status(self.status)
        self.priority = Priority(self.priority)
