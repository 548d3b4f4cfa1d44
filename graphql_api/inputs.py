"""What clients may send, checked for its shape by GraphQL; the rules of the domain are applied behind it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import strawberry
from strawberry.types.arguments import InputContext

from graphql_api.enums import InboundKeyword, MessageStatus, Policy
from sms import listing, opted_out
from sms.feed import Wanted
from sms.inbound import InboundFilter
from sms.models import Priority
from sms.services.accept_many import ErrorPolicy
from sms.services.duplicates import DuplicatePolicy


def optional(text: str) -> Any:
    """Return a field that need not be given."""
    return strawberry.field(description=text, default=strawberry.UNSET)


@strawberry.input(description="A name and a text of the caller's own.")
class MetadataEntryInput:
    """A name and a text of the caller's own."""

    name: str = strawberry.field(description="1 to 40 characters; once in a message.")
    value: str = strawberry.field(description="At most 500 characters.")


@strawberry.input(description="A message to send.")
class SendMessageInput:
    """A message to send."""

    sender_id: str = strawberry.field(description="One of the account's sender IDs.")
    recipient: str = strawberry.field(
        description="A mobile number: E.164, or as it is dialled in the service's own region."
    )
    text: str = strawberry.field(description="What the handset shows; up to 10 segments.")
    transliterate: bool | None = optional(
        "Whether to replace what is not in the GSM-7 alphabet by what looks like it, such as curly quotes by straight "
        "ones, so that the text needs fewer segments. With a character in it that has no look-alike, such as an emoji, "
        "the text stays as it is. No."
    )
    idempotency_key: str | None = optional(
        "1 to 255 visible ASCII characters: the same request with the same key makes one message, however often it is "
        "sent. Over HTTP the header `Idempotency-Key` does the same for a document with one `sendMessage`."
    )
    client_reference: str | None = optional("Your own label for the message, returned untouched.")
    delivery_policy: Policy | None = optional("What to do when nobody knows whether it was sent; AT_MOST_ONCE.")
    valid_for: int | None = optional(
        "Seconds, from its send time on, in which it must be delivered, up to 72 hours; 72 hours."
    )
    send_at: datetime | None = optional(
        "When to send it, with an offset from UTC or a Z; up to 90 days ahead. Until then it is SCHEDULED. At once."
    )
    priority: Priority | None = optional("Whose turn it is when several wait; NORMAL.")
    metadata: list[MetadataEntryInput] | None = optional(
        "Up to 20 names and texts of your own, returned untouched. Nobody else gets to see them."
    )

    def as_kwargs(self) -> dict[str, Any]:
        """Return what `sms.services.accept` takes: only what was given."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if self.priority is not None:
            given["priority"] = self.priority.name
        if self.metadata is not None:
            given["metadata"] = [(one.name, one.value) for one in self.metadata]
        return given


@strawberry.input(
    description="A message to look at before it is sent. Whether its idempotency key was used before is not looked at."
)
class PlanMessageInput(SendMessageInput):
    """A message to look at before it is sent: the same fields."""


@strawberry.input(description="Messages to send in one request, which is stored in one commit.")
class SendMessagesInput:
    """Messages to send."""

    messages: list[SendMessageInput] = strawberry.field(description="1 to 1,000 messages.")
    idempotency_key: str | None = optional(
        "Needed unless every message has its own: with it a request can be repeated, however far it came. What was "
        "stored is returned, what was refused is tried anew. The header `Idempotency-Key` does the same."
    )
    error_policy: ErrorPolicy | None = optional("What a refused message means for the others; EACH_ROW.")
    duplicates: DuplicatePolicy | None = optional(
        "What becomes of messages that ask for just the same, and have no key of their own; COLLAPSE."
    )


@strawberry.input(description="Which messages to list: those that have all of what is given.")
class MessageFilter:
    """Which messages to list."""

    statuses: list[MessageStatus] | None = optional("Any of these; an empty list is none of them.")
    recipient: str | None = optional("The number, in any way that a send takes it.")
    sender_id: str | None = optional("What the handset showed as from.")
    client_reference: str | None = optional("Your own label.")
    created_after: datetime | None = optional("Accepted at this time or later, with an offset from UTC or a Z.")
    created_before: datetime | None = optional("Accepted before this time, with an offset from UTC or a Z.")
    test: bool | None = optional("Whether it was sent with a test key.")

    def as_filter(self) -> listing.MessageFilter:
        """Return what `sms.listing` takes."""
        given = {name: value for name, value in vars(self).items() if value is not strawberry.UNSET}
        return listing.MessageFilter(is_test=given.pop("test", None), **given)


@strawberry.input(description="Which texts from handsets to list: those that have all of what is given.")
class InboundMessageFilter:
    """Which texts from handsets to list."""

    sender: str | None = optional("The handset's number, in any way that a send takes it.")
    recipient: str | None = optional("The number or short code that they were sent to.")
    keyword: InboundKeyword | None = optional("What they ask for.")
    received_after: datetime | None = optional("Stored at this time or later, with an offset from UTC or a Z.")
    received_before: datetime | None = optional("Stored before this time, with an offset from UTC or a Z.")
    test: bool | None = optional("Whether they answer test messages. With a test key there are no others.")

    def as_filter(self) -> InboundFilter:
        """Return what `sms.inbound` takes."""
        given = {name: value for name, value in vars(self).items() if value is not strawberry.UNSET}
        return InboundFilter(is_test=given.pop("test", None), **given)


@strawberry.input(description="Which opt-outs to list: those that have all of what is given.")
class OptOutFilter:
    """Which opt-outs to list."""

    recipient: str | None = optional("The number, in any way that a send takes it.")
    test: bool | None = optional("Whether they keep back test messages. With a test key there are no others.")

    def as_filter(self) -> opted_out.OptOutFilter:
        """Return what `sms.opted_out` takes."""
        given = {name: value for name, value in vars(self).items() if value is not strawberry.UNSET}
        return opted_out.OptOutFilter(is_test=given.pop("test", None), **given)


@strawberry.input(description="Who is to get no more texts.")
class AddOptOutInput:
    """Who is to get no more texts."""

    recipient: str = strawberry.field(description="The number, in any way that a send takes it.")
    sender_id: str | None = optional("The sender ID to get no more texts from; from none of the account's.")
    reason: str | None = optional("Why, for people: 1 to 255 printable characters.")

    def as_kwargs(self) -> dict[str, Any]:
        """Return what `sms.services.opt_outs.add` takes: only what was given."""
        return {name: value for name, value in vars(self).items() if value not in {None, strawberry.UNSET}}


@strawberry.input(description="Which changes to tell: those that all of this is true of.")
class StatusFeedFilter:
    """Which changes to tell."""

    statuses: list[MessageStatus] | None = optional("The message came to one of these; with none, to any.")
    final: bool | None = optional("Whether the status that it came to is final.")
    sender_id: str | None = optional("What the handset shows as from.")
    recipient: str | None = optional("The message's number, written as for `sendMessage`.")
    client_reference: str | None = optional("The message's label, as its sender gave it.")

    def as_wanted(self) -> Wanted:
        """Return what the feed takes. Raises InvalidMessage for what is no mobile number."""
        return Wanted.of(**{name: value for name, value in vars(self).items() if value is not strawberry.UNSET})


NAMES: Final = {
    "senderId": "sender_id",
    "recipient": "recipient",
    "text": "text",
    "transliterate": "transliterate",
    "idempotencyKey": "idempotency_key",
    "clientReference": "client_reference",
    "deliveryPolicy": "delivery_policy",
    "validFor": "valid_for",
    "sendAt": "send_at",
    "priority": "priority",
    "metadata": "metadata",
}


def _build_many(cls: type[SendMessagesInput], given: Mapping[str, Any], context: InputContext) -> SendMessagesInput:
    return cls(
        messages=[_build(SendMessageInput, one, context) for one in given["messages"]],
        idempotency_key=given.get("idempotencyKey"),
        error_policy=given.get("errorPolicy"),
        duplicates=given.get("duplicates"),
    )


def _build(cls: type[SendMessageInput], given: Mapping[str, Any], _: InputContext) -> SendMessageInput:
    fields: dict[str, Any] = {name: given.get(spelled) for spelled, name in NAMES.items()}
    if fields["metadata"] is not None:
        fields["metadata"] = [MetadataEntryInput(**one) for one in fields["metadata"]]
    return cls(**fields)


# Strawberry's own way from the checked values to the object costs a tenth of the whole request.
SendMessageInput.__strawberry_definition__.from_input = _build  # type: ignore[attr-defined]
PlanMessageInput.__strawberry_definition__.from_input = _build  # type: ignore[attr-defined]
SendMessagesInput.__strawberry_definition__.from_input = _build_many  # type: ignore[attr-defined]
