"""The type of each answer: `rest_api.representations` makes it, and OpenAPI describes it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Final, NotRequired, TypedDict
from uuid import UUID

from edge.openapi.schemas import About
from sms import scopes
from sms.errors import ErrorCode
from sms.explain import StepKind
from sms.models import DeliveryPolicy, Priority
from sms.numbering import NumberType
from sms.opt_outs import Keyword
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


class FeedEvent(Event):
    """A change of one of the account's messages."""

    cursor: Annotated[str, About("Its place in the feed: an `after` that goes on behind it.")]
    message_id: Annotated[UUID, About("The message.")]
    client_reference: Annotated[str | None, About("Your own label of the message.")]
    final: Annotated[bool, About("Whether the status is final, unless a late receipt corrects it.")]


class Feed(TypedDict):
    """A part of the account's feed, in its order."""

    events: Annotated[list[FeedEvent], About("The changes, oldest first.")]
    cursor: Annotated[str, About("The `after` of the next request, whether there were changes or not.")]
    more: Annotated[bool, About("Whether there are more already; where not, ask again later, or with `wait`.")]


AMOUNT: Final = {"pattern": r"^[0-9]+\.[0-9]{2,6}$"}


class Money(TypedDict):
    """An amount in one currency."""

    amount: Annotated[str, About("A decimal number, such as 0.0125.", **AMOUNT)]
    currency: Annotated[str, About("ISO 4217.")]


class Price(Money):
    """What a message costs, all of its segments."""

    is_estimate: Annotated[bool, About("Whether it is what the route plans; the provider may say otherwise later.")]


class ListedMessage(TypedDict):
    """A message, and what became of it. Times are by UTC."""

    id: Annotated[UUID, About("Its id; ids grow with time.")]
    sender_id: Annotated[str, About("Who it is from.")]
    recipient: Annotated[str, About("Who gets it, in E.164.")]
    text: Annotated[str, About("What is sent: where transliteration was asked for, the outcome.")]
    text_discarded_at: Annotated[
        datetime | None,
        About("When the text and the metadata were discarded, as the account wants it; they are empty."),
    ]
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
    price: Annotated[
        Price | None, About("What it costs; nothing where no provider has taken it, null where that is not known.")
    ]
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
    reason: Annotated[str | None, About("Why this provider, where there was a choice.")]


class Step(TypedDict):
    """Something that happened to a message, or is due."""

    at: Annotated[datetime, About("When; of what has not happened yet, when it is due.")]
    kind: Annotated[str, About("What sort of thing it is.", of=StepKind)]
    sentence: Annotated[str, About("What happened, and why, for a person.")]
    provider: Annotated[str | None, About("The provider that it is about.")]
    attempt: Annotated[int | None, About("The attempt that it is about.", minimum=1)]
    status: Annotated[Status | None, About("The status that it led to, or that a receipt's word means.")]
    provider_status: Annotated[str | None, About("The provider's own word.")]
    error_code: Annotated[str | None, About("Why it failed.", of=ProviderError)]


class Explanation(TypedDict):
    """How a message came to be what it is. Times are by UTC."""

    id: Annotated[UUID, About("The message's id.")]
    steps: Annotated[list[Step], About("What happened, oldest first; at last what it waits for, if it waits.")]


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
    retry_after: NotRequired[
        Annotated[int, About("Seconds after which it may be accepted: where a limit refused it.", minimum=0)]
    ]


class AcceptedResult(TypedDict):
    """A message of a batch that is stored."""

    message: Annotated[Message, About("It.")]
    replayed: Annotated[
        bool,
        About("Whether it was there already: an earlier request stored it, or it is an equal one of this request."),
    ]


class RefusedResult(TypedDict):
    """A message of a batch that is not stored."""

    refusal: Annotated[Refusal, About("Why.")]


Result = AcceptedResult | RefusedResult


class Results(TypedDict):
    """What became of the messages of a batch."""

    accepted: Annotated[int, About("How many are stored; equal ones that are one message count each.", minimum=0)]
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
    price: Annotated[Price | None, About("What it would cost; null where that is not known.")]


class InboundText(TypedDict):
    """A text from a handset, all of its parts. Times are by UTC."""

    id: Annotated[UUID, About("Its id; ids grow with time.")]
    sender: Annotated[str, About("The handset's number in E.164; as the provider has it, if it is none.")]
    recipient: Annotated[str, About("What it was sent to: a number in E.164, or a short code.")]
    text: Annotated[str, About("What it says.")]
    text_discarded_at: Annotated[
        datetime | None, About("When the text was discarded, as the account wants it, or its sender; it is empty.")
    ]
    complete: Annotated[bool, About("Whether all parts of it came; where one is missing there is an ellipsis.")]
    keyword: Annotated[
        str | None, About("What it asks for, if it says nothing but that: a STOP has opted its sender out.", of=Keyword)
    ]
    answers: Annotated[
        UUID | None, About("The last message that the account had sent to this handset, from that number if it could.")
    ]
    test: Annotated[bool, About("Whether it answers a test message.")]
    provider: Annotated[str, About("The provider that brought it.")]
    sent_at: Annotated[datetime | None, About("When it was sent, by the provider's clock, if it says so.")]
    received_at: Annotated[datetime, About("When it was stored.")]


class InboundPage(TypedDict):
    """A page of a list of texts from handsets, newest first."""

    texts: Annotated[list[InboundText], About("The texts. There may be none, and a next page.")]
    next: Annotated[str | None, About("The `after` of the next page; null where there is none.")]


class OptOut(TypedDict):
    """A number that wants no more texts from the account."""

    id: Annotated[UUID, About("Its id; ids grow with time.")]
    recipient: Annotated[str, About("The number in E.164.")]
    sender_id: Annotated[str | None, About("The sender ID that it wants no texts from; null: none of the account's.")]
    reason: Annotated[str, About("The word that its owner said, or who entered it.")]
    test: Annotated[bool, About("Whether it keeps back test messages, and only those.")]
    inbound_id: Annotated[UUID | None, About("The text that said so, if it was one.")]
    created_at: Annotated[datetime, About("Since when.")]


class OptOutPage(TypedDict):
    """A page of a list of opt-outs, newest first."""

    opt_outs: Annotated[list[OptOut], About("The opt-outs. There may be none, and a next page.")]
    next: Annotated[str | None, About("The `after` of the next page; null where there is none.")]


class Limits(TypedDict):
    """How much an account may send."""

    rate_limit: Annotated[int | None, About("Messages a second; null where there is no such limit.")]
    daily_quota: Annotated[int | None, About("Messages a day, by UTC; null where there is no such limit.")]
    budget: Annotated[
        Money | None, About("To be spent in a calendar month, by UTC; null where there is no such limit.")
    ]


class Account(TypedDict):
    """Whose messages these are."""

    id: Annotated[UUID, About("Its id.")]
    name: Annotated[str, About("Its name.")]
    sender_ids: Annotated[list[str], About("Who its messages may be from.")]
    blocked_keywords: Annotated[list[str], About("Words that its texts may not contain.")]
    limits: Annotated[Limits, About("How much it may send.")]
    discard_body_after: Annotated[
        int | None, About("Hours after a message is final until its text is discarded; null: it is kept.")
    ]


class Key(TypedDict):
    """An API key, but for its secret."""

    prefix: Annotated[str, About("How it begins.")]
    name: Annotated[str, About("Your own label.")]
    test: Annotated[bool, About("Whether its messages reach the simulator only.")]
    scopes: Annotated[list[str], About(f"What it may do: {', '.join(f'`{scope}`' for scope in scopes.ALL)}.")]
    expires_at: Annotated[datetime | None, About("When it ends; null: never.")]
    allowed_networks: Annotated[list[str], About("Where it may be used, as CIDR; none: anywhere.")]


class Today(TypedDict):
    """What an account has used today."""

    accepted: Annotated[int, About("Messages.", minimum=0)]
    remaining: Annotated[int | None, About("Messages that are left; null without a quota.")]
    resets_at: Annotated[datetime, About("When the next day begins.")]


class Month(TypedDict):
    """What an account has spent this month, for the messages that were accepted in it."""

    spent: Annotated[list[Money], About("In each currency.")]
    remaining: Annotated[
        Money | None, About("What is left of the budget, which is for costs in its currency; null without one.")
    ]
    resets_at: Annotated[datetime, About("When the next month begins.")]


class Usage(TypedDict):
    """What an account has used."""

    today: Annotated[Today, About("Of this day, by UTC.")]
    month: Annotated[Month, About("Of this calendar month, by UTC.")]


class Me(TypedDict):
    """Who asks."""

    account: Annotated[Account, About("The account.")]
    key: Annotated[Key | None, About("The key that came with the request; null where none is needed.")]
    usage: Annotated[Usage, About("What the account has used.")]


class SpendingLine(TypedDict):
    """What the messages that were accepted on a day, by UTC, cost on one route."""

    day: Annotated[date, About("The day.")]
    route: Annotated[str, About("The name of the route: the `provider` of its messages.")]
    messages: Annotated[int, About("How many messages have a price there.")]
    segments: Annotated[int, About("How many texts they are billed as.")]
    amount: Annotated[str, About("What they cost.", **AMOUNT)]
    currency: Annotated[str, About("ISO 4217. A route that has had several has a line for each.")]


Spending = TypedDict(
    "Spending",
    {
        "from": Annotated[date, About("The first day, by UTC.")],
        "to": Annotated[date, About("The last day, by UTC.")],
        "total": Annotated[list[Money], About("All of it, in each currency.")],
        "lines": Annotated[list[SpendingLine], About("By day and route.")],
    },
)
Spending.__doc__ = "What the account's messages of some days cost."
