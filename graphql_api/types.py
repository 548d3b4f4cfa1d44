"""What clients get to see."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import strawberry

from graphql_api.context import Info
from graphql_api.enums import AttemptOutcome, ExplanationStepKind, MessageStatus, Policy
from graphql_api.errors import MessageRefusal, Refusal
from graphql_api.feed import Item
from graphql_api.idempotency import shown
from graphql_api.money import Price
from sms import explain
from sms.errors import SmsError
from sms.explain import Step
from sms.feed import FeedEvent
from sms.feed_cursors import Cursor
from sms.models import Priority
from sms.records import AttemptRecord, EventRecord, MessageRecord
from sms.services.store import Accepted
from sms.statuses import FINAL


def described(text: str) -> Any:
    """Return a field with a description."""
    return strawberry.field(description=text)


@strawberry.type(description="One line of a message's history. Lines are only ever added.")
class MessageEvent:
    """One line of a message's history."""

    sequence: int | None = described(
        "1, 2, 3 … for changes of status. Null for what moved nothing, such as a provider's intermediate word."
    )
    status: MessageStatus = described("The message's status after this event.")
    late: bool = described("Whether this corrected a final status.")
    conflict: bool = described("Whether this contradicted a final status, and so changed nothing.")
    provider_status: str | None = described("The provider's own word.")
    error_code: str | None = described("Why, as a stable word that is the same for every provider.")
    provider_error: str | None = described("The provider's own error code.")
    detail: str | None = described("More, for a person.")
    occurred_at: datetime = described("When it was recorded.")

    @classmethod
    def of(cls, row: EventRecord) -> Self:
        """Show a row."""
        return cls(
            sequence=row.sequence,
            status=row.status,
            late=row.late,
            conflict=row.conflict,
            provider_status=row.provider_status,
            error_code=row.error_code,
            provider_error=row.provider_error,
            detail=row.detail,
            occurred_at=row.occurred_at,
        )


@strawberry.type(description="One try to hand a message to a provider. It is written before the provider is called.")
class SubmitAttempt:
    """One try to hand a message to a provider."""

    number: int = described("1, 2, 3 …")
    provider: str = described("The provider that was called.")
    started_at: datetime = described("When the message was taken to be handed over.")
    finished_at: datetime | None = described("When it was known what came of it. Null while it is open.")
    outcome: AttemptOutcome | None = described("Whether the provider has the message. Null while it is open.")
    provider_reference: str | None = described("The provider's id for the message.")
    error_code: str | None = described("Why it failed, as a stable word that is the same for every provider.")
    provider_error: str | None = described("The provider's own error code.")
    detail: str | None = described("More, for a person.")
    reason: str | None = described("Why this provider, where there was a choice.")

    @classmethod
    def of(cls, row: AttemptRecord) -> Self:
        """Show a row."""
        return cls(
            number=row.number,
            provider=row.provider,
            started_at=row.started_at,
            finished_at=row.finished_at,
            outcome=None if row.outcome is None else AttemptOutcome(row.outcome),
            provider_reference=row.provider_reference,
            error_code=row.error_code,
            provider_error=row.provider_error,
            detail=row.detail,
            reason=row.reason,
        )


@strawberry.type(description="Something that happened to a message, in a sentence.")
class ExplanationStep:
    """Something that happened to a message, in a sentence."""

    at: datetime = described("When. Of what has not happened yet: when it is due.")
    kind: ExplanationStepKind = described("What sort of thing it is.")
    sentence: str = described("What happened, and why, for a person.")
    provider: str | None = described("The provider that it is about.")
    attempt: int | None = described("The attempt that it is about.")
    status: MessageStatus | None = described("The status that it led to, or that a receipt's word means.")
    provider_status: str | None = described("The provider's own word.")
    error_code: str | None = described("Why it failed, as a stable word that is the same for every provider.")

    @classmethod
    def of(cls, step: Step) -> Self:
        """Show a step."""
        return cls(
            at=step.at,
            kind=step.kind,
            sentence=step.sentence,
            provider=step.provider,
            attempt=step.attempt,
            status=step.status,
            provider_status=step.provider_status,
            error_code=step.error_code,
        )


@strawberry.type(description="How a message came to be what it is.")
class MessageExplanation:
    """How a message came to be what it is."""

    steps: list[ExplanationStep] = described(
        "What happened, in order: which provider was chosen and why, what each attempt came to, what was reported."
    )


@strawberry.type(description="A name and a text of the caller's own.")
class MetadataEntry:
    """A name and a text of the caller's own."""

    name: str = described("The name.")
    value: str = described("The text.")


@strawberry.type(description="One text to one recipient.")
class Message:
    """One text to one recipient."""

    row: strawberry.Private[MessageRecord]
    id: strawberry.ID = described("Made by the service; sorts by time.")
    sender_id: str = described("What the handset shows as from.")
    recipient: str = described("The number in E.164, such as +233200000901.")
    text: str = described(
        "The text that is sent: as it was given, or as `transliterate` made it. Empty once it is discarded: see "
        "`textDiscardedAt`."
    )
    text_discarded_at: datetime | None = described(
        "When text and metadata were discarded, as the account asked for, or the recipient."
    )
    status: MessageStatus = described("What is known of the message now.")
    final: bool = described("Whether the status is final. A late receipt may still correct some final statuses.")
    encoding: str = described("GSM7 or UCS2.")
    segments: int = described("How many SMS the text needs.")
    price: Price | None = described(
        "What it costs: planned when it is accepted and when it goes to another route, then as its provider says. Null "
        "where that is not known. Test messages cost nothing."
    )
    client_reference: str | None = described("The caller's own label, returned untouched.")
    metadata: list[MetadataEntry] = described("The caller's own names and texts, returned untouched.")
    delivery_policy: Policy = described("What to do when nobody knows whether the provider took it.")
    priority: Priority = described("Whose turn it is when several wait.")
    test: bool = described("Whether it was sent with a test key, and so reaches nobody but the simulator.")
    send_at: datetime | None = described("When it was to be sent, if not at once.")
    provider: str | None = described("The provider that the message was handed to.")
    provider_reference: str | None = described("The provider's id for the message.")
    error_code: str | None = described("Why, where the last change had a reason: a stable word.")
    sequence: int = described("The number of the last change of status; a subscription can continue after it.")
    created_at: datetime = described("When the message was accepted.")
    updated_at: datetime = described("When its status last changed.")

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="The history, oldest first.", graphql_type=list[MessageEvent]
    )
    def events(self, info: Info) -> list[MessageEvent] | Awaitable[list[MessageEvent]]:
        """Return the history, oldest first; what came without it reads it together with the others of its list."""
        if self.row.history is None:
            return _events_of(self.row.id, info)
        return [MessageEvent.of(row) for row in self.row.history]

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="The tries to hand it to a provider, the first one first."
    )
    async def attempts(self, info: Info) -> list[SubmitAttempt]:
        """Return the attempts, read together with those of other messages."""
        return [SubmitAttempt.of(row) for row in await info.context.loaders.attempts.load(self.row.id)]

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="How it came to be what it is: each step with its reason."
    )
    async def explain(self, info: Info) -> MessageExplanation:
        """Return what happened, read together with that of other messages."""
        facts = await info.context.loaders.explanations.load(self.row.id)
        return MessageExplanation(steps=[ExplanationStep.of(one) for one in explain.steps(facts)])

    @classmethod
    def of(cls, row: MessageRecord) -> Self:
        """Show a row."""
        return cls(
            row=row,
            id=strawberry.ID(str(row.id)),
            sender_id=row.sender_id,
            recipient=row.recipient,
            text=row.text,
            text_discarded_at=row.body_discarded_at,
            status=row.status,
            final=row.status in FINAL,
            encoding=row.encoding,
            segments=row.segment_count,
            price=Price.of(row),
            client_reference=row.client_reference,
            metadata=[MetadataEntry(name=name, value=value) for name, value in (row.metadata or {}).items()],
            delivery_policy=Policy(row.delivery_policy),
            priority=row.priority,
            test=row.is_test,
            send_at=row.send_at,
            provider=row.provider,
            provider_reference=row.provider_reference,
            error_code=row.error_code,
            sequence=row.sequence,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


async def _events_of(message_id: UUID, info: Info) -> list[MessageEvent]:
    return [MessageEvent.of(row) for row in await info.context.loaders.histories.load(message_id)]


@strawberry.type(description="The message is stored for good, and will be sent.")
class SendMessageSuccess:
    """The message is stored for good."""

    message: Message = described("The message.")
    replayed: bool = described("Whether the idempotency key had been used for this very message before.")
    idempotency_key: str | None = described("The key that was given, in the input or the header. Null if none was.")


@strawberry.type(description="What became of one of many messages: it has either a `message` or a `refusal`.")
class SendMessagesRow:
    """What became of one of many messages."""

    message: Message | None = described("The message, stored for good. Null if it was refused.")
    replayed: bool = described(
        "Whether it was there already: its idempotency key had been used for this very message before, or it is an "
        "equal one of this request."
    )
    idempotency_key: str | None = described(
        "The key that was given for this message. Null if it has none of its own, or was refused."
    )
    refusal: Refusal | None = described("Why there is no message: a `MessageRefusal` or a `LimitExceeded`.")

    @classmethod
    def of(cls, result: Accepted | SmsError, *, key: str | None) -> Self:
        """Show a result, and the key that its message was given."""
        if isinstance(result, SmsError):
            return cls(message=None, replayed=False, idempotency_key=None, refusal=MessageRefusal.of(result))
        return cls(
            message=Message.of(result.message), replayed=result.replayed, idempotency_key=shown(key), refusal=None
        )


@strawberry.type(description="What became of each of many messages.")
class SendMessagesPayload:
    """What became of each of many messages."""

    accepted: int = described("How many are stored, now or before; equal ones that are one message count each.")
    refused: int = described("How many are not.")
    results: list[SendMessagesRow] = described("One for each message, in their order.")
    idempotency_key: str | None = described(
        "The key that was given for the batch, in the input or the header. Null if none was."
    )


@strawberry.type(description="The message is withdrawn for good, now or before, and will never be sent.")
class CancelMessageSuccess:
    """The message is withdrawn for good."""

    message: Message = described("The message.")


@strawberry.type(description="A change of a message's status. Each comes once, in the order of `sequence`.")
class MessageStatusEvent:
    """A change of a message's status."""

    message_id: strawberry.ID = described("The message.")
    sequence: int = described("1, 2, 3 …; give it as `afterSequence` to continue after this event.")
    status: MessageStatus = described("The status since this event.")
    final: bool = described("Whether the status is final.")
    late: bool = described("Whether this corrected a final status.")
    conflict: bool = described("Whether this contradicted a final status.")
    provider_status: str | None = described("The provider's own word.")
    error_code: str | None = described("Why, as a stable word that is the same for every provider.")
    provider_error: str | None = described("The provider's own error code.")
    occurred_at: datetime = described("When it was recorded.")

    @classmethod
    def of(cls, row: EventRecord) -> Self:
        """Show the row of a change."""
        return cls(
            message_id=strawberry.ID(str(row.message_id)),
            sequence=row.sequence or 0,  # only notes have none
            status=row.status,
            final=row.status in FINAL,
            late=row.late,
            conflict=row.conflict,
            provider_status=row.provider_status,
            error_code=row.error_code,
            provider_error=row.provider_error,
            occurred_at=row.occurred_at,
        )


@strawberry.type(description="A step of an account's feed: a change, or just how far the feed has come.")
class StatusFeedItem:
    """A step of an account's feed."""

    cursor: str = described("Give it as `after` to continue behind this item. Good for as long as changes are kept.")
    event: MessageStatusEvent | None = described(
        "The change. Null in the first item of a feed that began without `after`, and now and then where nothing was "
        "to be told: then the item only tells how far the feed has come."
    )
    client_reference: str | None = described("The message's label, as its sender gave it.")

    @classmethod
    def of(cls, item: Item[Cursor, FeedEvent]) -> Self:
        """Show an item."""
        if item.event is None:
            return cls(cursor=str(item.cursor), event=None, client_reference=None)
        change = MessageStatusEvent.of(item.event.change)
        return cls(cursor=str(item.cursor), event=change, client_reference=item.event.client_reference)
