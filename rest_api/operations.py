"""The routes of this edge, described: `rest_api.app` serves them, `edge.openapi` writes them down."""

from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from edge.openapi.headers import CACHING, ETAG, KEY, LINK, LOCATION, OF_LIMITS, REPLAYED
from edge.openapi.operations import (
    ANYWHERE,
    WITH_BODY,
    WITH_KEY,
    Answer,
    Body,
    Operation,
    Parameter,
    Refusals,
    query,
    refusals,
)
from edge.openapi.schemas import About
from rest_api import events, inbound_operations, paths, representations, samples, shapes
from rest_api.fields import NewMessage, NewMessages
from sms import listing
from sms.errors import ErrorCode
from sms.services.rules import LONGEST_KEY
from sms.statuses import Status

MESSAGES: Final = "Messages"
EVENTS: Final = "Events"
ACCOUNT: Final = "Account"

# What the rules of a message refuse, by their order.
RULES_BROKEN: Final[Refusals] = {
    HTTPStatus.BAD_REQUEST: (
        ErrorCode.SENDER_ID_INVALID,
        ErrorCode.SENDER_ID_NOT_ALLOWED,
        ErrorCode.RECIPIENT_INVALID,
        ErrorCode.RECIPIENT_NOT_MOBILE,
        ErrorCode.TEXT_EMPTY,
        ErrorCode.TEXT_INVALID,
        ErrorCode.TEXT_TOO_LONG,
        ErrorCode.BLOCKED_KEYWORD,
        ErrorCode.CLIENT_REFERENCE_INVALID,
        ErrorCode.DELIVERY_POLICY_INVALID,
        ErrorCode.VALID_FOR_INVALID,
        ErrorCode.SEND_AT_INVALID,
        ErrorCode.PRIORITY_INVALID,
        ErrorCode.METADATA_INVALID,
        ErrorCode.IDEMPOTENCY_KEY_INVALID,
        ErrorCode.NO_ROUTE,
        ErrorCode.RECIPIENT_OPTED_OUT,
    )
}
OVER_LIMITS: Final[Refusals] = {
    HTTPStatus.PAYMENT_REQUIRED: (ErrorCode.BUDGET_SPENT,),
    HTTPStatus.TOO_MANY_REQUESTS: (ErrorCode.RATE_LIMITED, ErrorCode.QUOTA_EXCEEDED),
}
NO_SUCH_MESSAGE: Final[Refusals] = {HTTPStatus.NOT_FOUND: (ErrorCode.MESSAGE_NOT_FOUND,)}

IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    where="header",
    kind=Annotated[
        str,
        About(
            f"Your promise that a request with the same key is the same request: 1 to {LONGEST_KEY} visible ASCII "
            "characters, which may stand in double quotes. It is kept for 7 days at least.",
            minLength=1,
            maxLength=LONGEST_KEY + len('""'),
        ),
    ],
    example="order-7",
)
ID: Final = Parameter(
    name="id",
    where="path",
    kind=Annotated[UUID, About("The message's id.")],
    is_required=True,
    example=str(samples.ID),
)


CREATE_MESSAGE: Final = Operation(
    method="POST",
    path=paths.COLLECTION,
    name="createMessage",
    group=MESSAGES,
    summary="Send a message",
    description="Answered once the message is stored for good. Sent again with the same idempotency key, it is "
    "answered with the first message, and nothing is sent twice. A refusal does not use up the key.",
    parameters=(IDEMPOTENCY_KEY,),
    body=Body(kind=NewMessage, examples={"What is needed": samples.FIELDS, "Every field": samples.ALL_FIELDS}),
    answers=(
        Answer(
            status=HTTPStatus.ACCEPTED,
            description="It is stored.",
            kind=shapes.Message,
            examples={"It waits for a worker": samples.shown(samples.message())},
            headers=(LOCATION, KEY, REPLAYED, *OF_LIMITS),
            links={"showMessage": "See what becomes of it.", "cancelMessage": "Withdraw it before it is sent."},
        ),
    ),
    refusals=refusals(
        ANYWHERE,
        WITH_KEY,
        WITH_BODY,
        RULES_BROKEN,
        OVER_LIMITS,
        {HTTPStatus.UNPROCESSABLE_ENTITY: (ErrorCode.IDEMPOTENCY_KEY_REUSED,)},
    ),
)

CREATE_MESSAGES: Final = Operation(
    method="POST",
    path=paths.BATCH,
    name="createMessages",
    group=MESSAGES,
    summary="Send many messages",
    description="One request, one commit, and a result for each message in its place. The idempotency key is needed, "
    "unless every message has its own, and stands for the whole batch: sent again, however far it came, what was "
    "stored is shown and what was refused is tried anew. Messages that ask for just the same are one message, unless "
    "`duplicates` says otherwise; where they are rejected, the later ones have the refusal `DUPLICATE_IN_BATCH`.",
    parameters=(IDEMPOTENCY_KEY,),
    body=Body(kind=NewMessages, examples={"One good, one bad": samples.BATCH, "Two that are the same": samples.TWICE}),
    answers=(
        Answer(
            status=HTTPStatus.ACCEPTED,
            description="At least one message is stored.",
            kind=shapes.Results,
            examples={
                "One accepted, one refused": samples.as_json(representations.results(samples.results())),
                "Two that are the same": samples.as_json(representations.results(samples.twice())),
            },
            headers=(KEY, REPLAYED, *OF_LIMITS),
        ),
    ),
    refusals=refusals(
        ANYWHERE,
        WITH_KEY,
        WITH_BODY,
        {
            HTTPStatus.BAD_REQUEST: (
                ErrorCode.IDEMPOTENCY_KEY_REQUIRED,
                ErrorCode.IDEMPOTENCY_KEY_INVALID,
                ErrorCode.BATCH_INVALID,
                ErrorCode.BATCH_REFUSED,
            )
        },
        OVER_LIMITS,
    ),
    more=dict.fromkeys(
        (HTTPStatus.BAD_REQUEST, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.TOO_MANY_REQUESTS), shapes.BatchProblem
    ),
)

PLAN_MESSAGE: Final = Operation(
    method="POST",
    path=paths.PLAN,
    name="planMessage",
    group=MESSAGES,
    summary="Look before you send",
    description="Takes the fields of a send, and tells what every rule says of them, whose number it is, what the text "
    "costs, and where it would go. Nothing is stored, and a rule that is broken is a verdict, not a refusal.",
    parameters=(
        Parameter(
            name="Idempotency-Key",
            where="header",
            kind=Annotated[str, About("The key that the send would have: its rule is looked at, too.")],
            example="order-7",
        ),
    ),
    body=Body(
        kind=NewMessage,
        loose_name="MessageToPlan",
        examples={"A text that is refused": {**samples.FIELDS, "text": "It’s over: STOP"}},  # noqa: RUF001
    ),
    answers=(
        Answer(
            status=HTTPStatus.OK,
            description="What would become of it, whether it would be accepted or not.",
            kind=shapes.Plan,
            examples={"Some of the verdicts": samples.as_json(representations.plan(samples.plan()))},
        ),
    ),
    refusals=refusals(ANYWHERE, WITH_KEY, WITH_BODY),
)

LIST_MESSAGES: Final = Operation(
    method="GET",
    path=paths.COLLECTION,
    name="listMessages",
    group=MESSAGES,
    summary="List messages",
    description="The account's messages, newest first, that have all of what is asked for. A page takes about the same "
    "time whatever that is: one that had to look at many messages may be short, or empty, and have a next one.",
    parameters=(
        query("status", Status, "With this status; repeated, with any of these.", is_list=True, example="FAILED"),
        query("recipient", str, "To this number, written in any way that a send takes.", example="+233200000901"),
        query("sender_id", str, "From this sender ID.", example="MyCorp"),
        query("client_reference", str, "With just this label of yours.", example="invoice-17"),
        query("created_after", datetime, "Accepted at this time or later; with an offset from UTC, or a `Z`."),
        query("created_before", datetime, "Accepted earlier than this; with an offset from UTC, or a `Z`."),
        query("test", bool, "Sent with a test key, or not."),
        query("limit", int, "How many.", minimum=1, maximum=listing.MOST, default=listing.USUAL),
        query("after", str, "The `next` of the page before. It is good for ever, also with another filter."),
    ),
    answers=(
        Answer(
            status=HTTPStatus.OK,
            description="A page.",
            kind=shapes.Page,
            examples={"The last page": samples.page()},
            headers=(LINK,),
        ),
    ),
    refusals=refusals(
        ANYWHERE,
        WITH_KEY,
        {
            HTTPStatus.BAD_REQUEST: (
                ErrorCode.PAGE_SIZE_INVALID,
                ErrorCode.CURSOR_INVALID,
                ErrorCode.FILTER_INVALID,
                ErrorCode.SENDER_ID_INVALID,
                ErrorCode.RECIPIENT_INVALID,
                ErrorCode.RECIPIENT_NOT_MOBILE,
                ErrorCode.CLIENT_REFERENCE_INVALID,
            )
        },
    ),
)

SHOW_MESSAGE: Final = Operation(
    method="GET",
    path=paths.ITEM,
    name="showMessage",
    group=MESSAGES,
    summary="Show a message",
    description="With its status, its history, and the attempts to hand it to a provider. Another account's message "
    "looks like one that does not exist.",
    parameters=(
        ID,
        Parameter(
            name="If-None-Match",
            where="header",
            kind=Annotated[str, About("The `ETag` of what you have: 304 if nothing has changed since.")],
            example='"9f2c1f4c0a5b4d0e8d0c6f2b7a1e3c55"',
        ),
    ),
    answers=(
        Answer(
            status=HTTPStatus.OK,
            description="The message.",
            kind=shapes.MessageWithAttempts,
            examples={"It was delivered": samples.delivered()},
            headers=(ETAG, CACHING),
        ),
        Answer(status=HTTPStatus.NOT_MODIFIED, description="You have just that.", headers=(ETAG, CACHING)),
    ),
    refusals=refusals(ANYWHERE, WITH_KEY, NO_SUCH_MESSAGE),
)

EXPLAIN_MESSAGE: Final = Operation(
    method="GET",
    path=paths.EXPLANATION,
    name="explainMessage",
    group=MESSAGES,
    summary="Explain a message",
    description="How it came to be what it is: by which provider it went and why, what each attempt came to, what was "
    "reported and what that means, in order, each with a sentence.",
    parameters=(ID,),
    answers=(
        Answer(
            status=HTTPStatus.OK,
            description="What happened.",
            kind=shapes.Explanation,
            examples={"It was delivered": samples.explained()},
        ),
    ),
    refusals=refusals(ANYWHERE, WITH_KEY, NO_SUCH_MESSAGE),
)

CANCEL_MESSAGE: Final = Operation(
    method="POST",
    path=paths.CANCELLATION,
    name="cancelMessage",
    group=MESSAGES,
    summary="Cancel a message",
    description="A message that certainly no provider has been given is never sent. Canceled again, it is shown as it "
    "is. The request has no body.",
    parameters=(ID,),
    answers=(
        Answer(
            status=HTTPStatus.OK,
            description="It is CANCELED.",
            kind=shapes.Message,
            examples={"It was withdrawn": samples.shown(samples.canceled())},
        ),
    ),
    refusals=refusals(ANYWHERE, WITH_KEY, NO_SUCH_MESSAGE, {HTTPStatus.CONFLICT: (ErrorCode.NOT_CANCELABLE,)}),
)

LIST_EVENTS: Final = Operation(
    method="GET",
    path=paths.EVENTS,
    name="listEvents",
    group=EVENTS,
    summary="Follow all messages",
    description="Every change of the account's messages, in one order, from any cursor on: each once, and none is "
    "missed. Without a cursor there are no events, only the cursor of where the feed ends now.",
    parameters=(
        query("after", str, "The `cursor` that came last."),
        query("limit", int, "How many at most.", minimum=1, maximum=events.MOST, default=events.LIMIT),
        query(
            "wait",
            int,
            "Seconds to wait for a change where there is none yet.",
            minimum=0,
            maximum=events.LONGEST_WAIT,
            default=0,
        ),
        query("status", Status, "Only changes to this status; repeated, to any of these.", is_list=True),
        query("final", bool, "Only changes to a status that is final, or is not."),
        query("sender_id", str, "Only of messages from this sender ID.", example="MyCorp"),
        query("recipient", str, "Only of messages to this number.", example="+233200000901"),
        query("client_reference", str, "Only of messages with just this label of yours.", example="invoice-17"),
    ),
    answers=(
        Answer(
            status=HTTPStatus.OK,
            description="What there is, or what came while you waited.",
            kind=shapes.Feed,
            examples={"The latest change": samples.feed()},
        ),
    ),
    refusals=refusals(
        ANYWHERE,
        WITH_KEY,
        {
            HTTPStatus.BAD_REQUEST: (
                ErrorCode.CURSOR_INVALID,
                ErrorCode.RECIPIENT_INVALID,
                ErrorCode.RECIPIENT_NOT_MOBILE,
            )
        },
    ),
)

SHOW_ME: Final = Operation(
    method="GET",
    path=paths.ME,
    name="showMe",
    group=ACCOUNT,
    summary="Show who asks",
    description="The account and the key of the request, what they may do, and what is left of today's quota.",
    answers=(
        Answer(
            status=HTTPStatus.OK,
            description="You.",
            kind=shapes.Me,
            examples={"An account with limits": samples.ME},
            headers=(CACHING,),
        ),
    ),
    # Every key may know this of itself, from where it may be used.
    refusals=refusals(ANYWHERE, WITH_KEY),
)

SHOW_SPENDING: Final = Operation(
    method="GET",
    path=paths.SPENDING,
    name="showSpending",
    group=ACCOUNT,
    summary="Show what messages cost",
    description="By day and route: what is planned, and what providers said, of the messages accepted on those days. "
    "Test messages cost nothing.",
    parameters=(
        query("from", date, "The first day, by UTC; the first of a month, unless it is said.", example="2026-11-01"),
        query("to", date, "The last day, by UTC; today, unless it is said. At most 366 days are told at once."),
    ),
    answers=(
        Answer(
            status=HTTPStatus.OK,
            description="What was spent.",
            kind=shapes.Spending,
            examples={"Two days": samples.spending()},
            headers=(CACHING,),
        ),
    ),
    refusals=refusals(ANYWHERE, WITH_KEY, {HTTPStatus.BAD_REQUEST: (ErrorCode.FILTER_INVALID,)}),
)

OPERATIONS: Final = (
    CREATE_MESSAGE,
    LIST_MESSAGES,
    CREATE_MESSAGES,
    PLAN_MESSAGE,
    SHOW_MESSAGE,
    EXPLAIN_MESSAGE,
    CANCEL_MESSAGE,
    LIST_EVENTS,
    *inbound_operations.OPERATIONS,
    SHOW_ME,
    SHOW_SPENDING,
)
