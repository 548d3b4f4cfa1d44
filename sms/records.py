"""What readers are given: rows without the ORM around them, which costs more than all the rest of an accept."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import orjson

from sms.models import Priority
from sms.opt_outs import Keyword
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
    price: Decimal | None
    currency: str | None
    price_is_estimate: bool | None
    body_discarded_at: datetime | None
    history: list[EventRecord] | None = None  # oldest first; None where it was not read

    def __post_init__(self) -> None:
        self.status = Status(self.status)
        self.priority = Priority(self.priority)


@dataclass(slots=True)
class AttemptRecord:
    """One try to hand a message to a provider: see `sms.models.SubmitAttempt`."""

    message_id: UUID
    number: int
    provider: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    provider_reference: str | None
    error_code: str | None
    provider_error: str | None
    detail: str | None
    reason: str | None = None  # why this route


@dataclass(slots=True)
class ReceiptRecord:
    """What a provider told of a message: see `sms.models.Receipt`."""

    message_id: UUID
    provider: str
    provider_status: str
    status: str | None
    error_code: str | None
    provider_error: str | None
    received_at: datetime
    outcome: str | None


@dataclass(slots=True)
class WaitRecord:
    """What a message waits for that is to be handed over: see `sms.models.DispatchEntry`."""

    message_id: UUID
    route: str
    reason: str | None
    due_at: datetime


@dataclass(slots=True)
class InboundRecord:
    """One text from a handset: see `sms.models.InboundMessage`."""

    id: UUID
    sender: str = field(repr=False)
    recipient: str
    text: str = field(repr=False)
    is_complete: bool
    keyword: Keyword | None
    answers_id: UUID | None
    provider: str
    is_test: bool
    sent_at: datetime | None
    received_at: datetime
    body_discarded_at: datetime | None

    def __post_init__(self) -> None:
        self.keyword = None if self.keyword is None else Keyword(self.keyword)


@dataclass(slots=True)
class OptOutRecord:
    """A number that wants no more texts from an account: see `sms.models.OptOut`."""

    id: UUID
    recipient: str = field(repr=False)
    sender_id: str  # empty: any
    is_test: bool
    reason: str
    inbound_id: UUID | None
    created_at: datetime


# In the order of the records' fields; the last one of a message comes from another table.
EVENT_COLUMNS: Final = tuple(one.name for one in fields(EventRecord))
MESSAGE_COLUMNS: Final = tuple(one.name for one in fields(MessageRecord))[:-1]
RECEIPT_COLUMNS: Final = tuple(one.name for one in fields(ReceiptRecord))
ATTEMPT_COLUMNS: Final = tuple(one.name for one in fields(AttemptRecord))
INBOUND_COLUMNS: Final = tuple(one.name for one in fields(InboundRecord))
OPT_OUT_COLUMNS: Final = tuple(one.name for one in fields(OptOutRecord))
_METADATA: Final = MESSAGE_COLUMNS.index("metadata")


def message_of(row: Sequence[Any]) -> MessageRecord:
    """Make a record of MESSAGE_COLUMNS as the database gives them, where JSON is still a text."""
    record = MessageRecord(*row)
    if record.metadata is not None:
        record.metadata = orjson.loads(row[_METADATA])
    return record
