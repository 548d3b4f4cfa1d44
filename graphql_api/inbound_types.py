"""What clients get to see of texts from handsets, and of who wants no more of theirs."""

from datetime import datetime
from typing import Self

import strawberry

from graphql_api.context import Info
from graphql_api.enums import InboundKeyword
from graphql_api.feed import Item
from graphql_api.types import Message, described
from sms.feed_cursors import InboundCursor
from sms.inbound import InboundEvent
from sms.records import InboundRecord, OptOutRecord


@strawberry.type(description="One text from a handset, all of its parts.")
class InboundMessage:
    """One text from a handset."""

    row: strawberry.Private[InboundRecord]
    id: strawberry.ID = described("Made by the service; sorts by time.")
    sender: str = described(
        "The handset's number in E.164, such as +233200000901; as the provider has it, if it is none."
    )
    recipient: str = described("What it was sent to: a number in E.164, or a short code.")
    text: str = described("The text. Empty once it is discarded: see `textDiscardedAt`.")
    text_discarded_at: datetime | None = described(
        "When the text was discarded, as the account asked for, or its sender."
    )
    complete: bool = described("Whether all parts of it came. Where one is missing there is an ellipsis.")
    keyword: InboundKeyword | None = described(
        "What it asks for, if it says nothing but that: STOP has opted its sender out, START has ended that."
    )
    test: bool = described("Whether it answers a test message.")
    provider: str = described("The provider that brought it.")
    sent_at: datetime | None = described("When it was sent, by the provider's clock, if it says so.")
    received_at: datetime = described("When it was stored.")

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="The last text that the account had sent to this handset: from the same number, if there was one."
    )
    async def answers(self, info: Info) -> Message | None:
        """Return the message, read together with those of other texts."""
        if self.row.answers_id is None:
            return None
        found = await info.context.loaders.messages.load(self.row.answers_id)
        return None if found is None else Message.of(found)

    @classmethod
    def of(cls, row: InboundRecord) -> Self:
        """Show a row."""
        return cls(
            row=row,
            id=strawberry.ID(str(row.id)),
            sender=row.sender,
            recipient=row.recipient,
            text=row.text,
            text_discarded_at=row.body_discarded_at,
            complete=row.is_complete,
            keyword=row.keyword,
            test=row.is_test,
            provider=row.provider,
            sent_at=row.sent_at,
            received_at=row.received_at,
        )


@strawberry.type(description="A number that wants no more texts from the account.")
class OptOut:
    """A number that wants no more texts from the account."""

    id: strawberry.ID = described("Made by the service; sorts by time.")
    recipient: str = described("The number in E.164.")
    sender_id: str | None = described("The sender ID that it wants no texts from. Null: from none of the account's.")
    reason: str = described("The word that its owner said, or who entered it.")
    test: bool = described("Whether it keeps back test messages, and only those.")
    inbound_message_id: strawberry.ID | None = described("The text that said so, if it was one.")
    created_at: datetime = described("Since when.")

    @classmethod
    def of(cls, row: OptOutRecord) -> Self:
        """Show a row."""
        return cls(
            id=strawberry.ID(str(row.id)),
            recipient=row.recipient,
            sender_id=row.sender_id or None,
            reason=row.reason,
            test=row.is_test,
            inbound_message_id=None if row.inbound_id is None else strawberry.ID(str(row.inbound_id)),
            created_at=row.created_at,
        )


@strawberry.type(description="The number gets no more texts: the opt-out is stored, now or before.")
class AddOptOutSuccess:
    """The number gets no more texts."""

    opt_out: OptOut = described("The opt-out.")


@strawberry.type(description="The opt-out is gone.")
class RemoveOptOutSuccess:
    """The opt-out is gone."""

    opt_out: OptOut = described("As it was.")


@strawberry.type(description="A step of an account's feed of texts: a text, or just how far the feed has come.")
class MessageReceivedItem:
    """A step of an account's feed of texts."""

    cursor: str = described("Give it as `after` to continue behind this item. Good for as long as texts are kept.")
    message: InboundMessage | None = described(
        "The text. Null in the first item of a feed that began without `after`, and now and then where nothing came: "
        "then the item only tells how far the feed has come."
    )

    @classmethod
    def of(cls, item: Item[InboundCursor, InboundEvent]) -> Self:
        """Show an item."""
        return cls(cursor=str(item.cursor), message=None if item.event is None else InboundMessage.of(item.event.text))
