"""The type of each answer: `rest_api.representations` makes it, and OpenAPI describes it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, NotRequired, TypedDict
from uuid import UUID

from edge.openapi.schemas import About
from sms.errors import ErrorCode
from sms.models import DeliveryPolicy, Priority
from sms.numbering import NumberType
from sms.providers.base import Handover
from sms.providers.errors import ProviderError
from sms.segments import Encoding
from sms.services.rules import RuleName
from sms.statuses import Status


class Event(TypedDict):
    """One line of a message's history."""

    sequence: Annotated[
        int | None, About("1, 2, 3 … for what moved the status; null for what only came to be known.", minimum=1)
    ]
    status: Annotated[Status, About("The message's status from then on, or of what was reported.")]
    late: Annotated[bool, About("Whether it corrected a final status.")]
    conflict: Annotated[bool, About("Whether it contradicts what is final, and moved nothing.")]
    provider_status: Annotated[str | None, About("The provider's own word.")]
    error_code: Annotated[str | None, About("Why, in words that are the same for every provider.", of=ProviderError)]
    provider_error: Annotated[str | None, About("The provider's own code.")]
    detail: Annotated[str | None, About("A sentence, where there is more to say.")]
    occurred_at: Annotated[datetime, About("When it was recorded.")]


class ListedMessage(TypedDict):
    """A message, and what became of it. Times are by UTC."""

    id: Annotated[UUID, About("Its id; ids grow with time.")]
    sender_id: Annotated[str, About("Who it is from.")]
    recipient: Annotated[str, About("Who gets it, in E.164.")]
    text: Annotated[str, About("What is sent: where transliteration was asked for, the outcome.")]
    status: Annotated[Status, About("What is known of it. It never runs backwards.")]
    final: Annotated[bool, About("Whether the status is final, unless a late receipt corrects it.")]
    provider: Annotated[str | None, About("The provider that it went to.")]
    provider_reference: Annotated[str | None, About("The provider's id for it.")]
    client_reference: Annotated[str | None, About("Your own label.")]
    metadata: Annotated[dict[str, str], About("Your own names and texts.")]
    delivery_policy: Annotated[
        str, About("What is done when nobody knows whether the provider took it.", of=DeliveryPolicy)
    ]
    priority: Annotated[str, About("Whose turn it is when several messages wait.", of=Priority)]
    test: Annotated[bool, About("Whether it was sent with a test key, and reaches the simulator only.")]
    send_at: Annotated[datetime | None, About("The time that it was to wait for.")]
    encoding: Annotated[str, About("How its characters travel.", of=Encoding)]
    segments: Annotated[int, About("How many texts it is billed as.", minimum=1)]
    error_code: Annotated[str | None, About("Why it was not delivered.", of=ProviderError)]
    created_at: Annotated[datetime, About("When it was accepted.")]
    updated_at: Annotated[datetime, About("When its status changed last.")]


class Message(ListedMessage):
    """A message, and what became of it, with its history. Times are by UTC."""

    events: Annotated[list[Event], About("Its history, oldest first.")]


class Attempt(TypedDict):
    """One try to hand a message to a provider."""

    number: Annotated[int, About("1, 2, 3 …", minimum=1)]
    provider: Annotated[str, About("The provider.")]
    started_at: Annotated[datetime, About("When it was recorded, before the provider was called.")]
    finished_at: Annotated[datetime | None, About("When its outcome was; null while it is open.")]
    outcome: Annotated[str | None, About("Whether the provider has it; null while it is open.", of=Handover)]
    provider_reference: Annotated[str | None, About("The provider's id for it.")]
    error_code: Annotated[str | None, About("Why it was not taken.", of=ProviderError)]
    provider_error: Annotated[str | None, About("The provider's own code.")]
    detail: Annotated[str | None, About("A sentence, where there is more to say.")]


class MessageWithAttempts(Message):
    """A message, and what became of it, with its history and its attempts. Times are by UTC."""

    attempts: Annotated[list[Attempt], About("The tries to hand it to a provider, oldest first.")]


class Page(TypedDict):
    """A page of a list of messages, newest first."""

    messages: Annotated[list[ListedMessage], About("Without their histories. It may be empty, and have a next one.")]
    next: Annotated[str | None, About("The `after` of the next page; null where there is none.")]


class Refusal(TypedDict):
    """Why one message of a batch was refused."""

    code: Annotated[ErrorCode, About("Stable: codes are added, never renamed.")]
    field: Annotated[str | None, About("The field to mend.")]
    detail: Annotated[str, About("A sentence that a person can act on.")]


class AcceptedResult(TypedDict):
    """A message of a batch that is stored."""

    message: Annotated[Message, About("It.")]
    replayed: Annotated[bool, About("Whether an earlier request stored it.")]


class RefusedResult(TypedDict):
    """A message of a batch that is not stored."""

    refusal: Annotated[Refusal, About("Why.")]


Result = AcceptedResult | RefusedResult


class Results(TypedDict):
    """What became of the messages of a batch."""

    accepted: Annotated[int, About("How many are stored.", minimum=0)]
    refused: Annotated[int, About("How many are not.", minimum=0)]
    results: Annotated[list[Result], About("One for each message, in their order.")]


class BatchProblem(TypedDict):
    """Beside the members of every problem, where none of the messages was accepted: why not."""

    accepted: NotRequired[Annotated[int, About("0")]]
    refused: NotRequired[Annotated[int, About("How many are not stored: all.")]]
    results: NotRequired[Annotated[list[Result], About("One for each message, in their order.")]]


class Recipient(TypedDict):
    """What the numbering plans tell of a phone number."""

    number: Annotated[str, About("In E.164.")]
    country: Annotated[str | None, About("ISO 3166-1 alpha-2; null for a number of no country.")]
    country_name: Annotated[str | None, About("In English.")]
    carrier: Annotated[str | None, About("That was given the range; the number may have been ported since.")]
    number_type: Annotated[NumberType, About("What kind of line it was given out for.")]


class Character(TypedDict):
    """A character that forces a text into UCS-2."""

    character: Annotated[str, About("It, with its accents.")]
    name: Annotated[str, About("Its name in Unicode.")]
    count: Annotated[int, About("How often it is there.", minimum=1)]
    positions: Annotated[Sequence[int], About("Of the first ones, in characters from 0.")]
    replacement: Annotated[
        str | None, About("What looks like it; empty where it may be left out, null where nothing does.")
    ]


class Verdict(TypedDict):
    """What one rule says of a message."""

    rule: Annotated[RuleName, About("The rule.")]
    ok: Annotated[bool | None, About("Whether it is kept; null where it cannot be told, because of another one.")]
    code: Annotated[ErrorCode | None, About("What a send would be refused with.")]
    field: Annotated[str, About("The field that it looks at.")]
    detail: Annotated[str | None, About("A sentence that a person can act on.")]


class Route(TypedDict):
    """The provider that a message would go to."""

    provider: Annotated[str, About("Its name.")]
    batch: Annotated[bool, About("Whether it takes many messages in one request.")]
    reason: Annotated[str, About("Why this one.")]


class Plan(TypedDict):
    """What would become of a message."""

    accepted: Annotated[bool, About("Whether every rule is kept.")]
    recipient: Annotated[Recipient | None, About("Whose number it is; null for what is no phone number.")]
    text: Annotated[str | None, About("What would be sent.")]
    encoding: Annotated[Encoding | None, About("How its characters would travel.")]
    segments: Annotated[int | None, About("How many texts it would be billed as.")]
    characters: Annotated[list[Character], About("What forces the text into UCS-2.")]
    segments_if_transliterated: Annotated[int | None, About("How many it would be with look-alikes.")]
    verdicts: Annotated[list[Verdict], About("What every rule says.")]
    route: Annotated[Route | None, About("Where it would go; null where the recipient is none.")]
