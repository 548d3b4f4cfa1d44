"""The routes of this edge, described: `rest_api.app` serves them, `edge.openapi` writes them down."""

from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from edge.openapi.headers import LOCATION, REPLAYED
from edge.openapi.operations import (
    ANYWHERE,
    WITH_BODY,
    WITH_KEY,
    Answer,
    Body,
    Operation,
    Parameter,
    Refusals,
    refusals,
)
from edge.openapi.schemas import About
from rest_api import paths, representations, samples, shapes
from rest_api.fields import NewMessage, NewMessages
from sms.errors import ErrorCode
from sms.services.rules import LONGEST_KEY

MESSAGES: Final = "Messages"

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
    )
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
            headers=(LOCATION, REPLAYED),
            links={"showMessage": "See what becomes of it.", "cancelMessage": "Withdraw it before it is sent."},
        ),
    ),
    refusals=refusals(
        ANYWHERE,
        WITH_KEY,
        WITH_BODY,
        RULES_BROKEN,
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
    "stored is shown and what was refused is tried anew.",
    parameters=(IDEMPOTENCY_KEY,),
    body=Body(kind=NewMessages, examples={"One good, one bad": samples.BATCH}),
    answers=(
        Answer(
            status=HTTPStatus.ACCEPTED,
            description="At least one message is stored.",
            kind=shapes.Results,
            examples={"One accepted, one refused": samples.as_json(representations.results(samples.results()))},
            headers=(REPLAYED,),
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
    ),
    more={HTTPStatus.BAD_REQUEST: shapes.BatchProblem},
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

SHOW_MESSAGE: Final = Operation(
    method="GET",
    path=paths.ITEM,
    name="showMessage",
    group=MESSAGES,
    summary="Show a message",
    description="With its status and its history. Another account's message looks like one that does not exist.",
    parameters=(ID,),
    answers=(
        Answer(
            status=HTTPStatus.OK,
            description="The message.",
            kind=shapes.Message,
            examples={"It was delivered": samples.shown(samples.message(steps=4))},
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

OPERATIONS: Final = (CREATE_MESSAGE, CREATE_MESSAGES, PLAN_MESSAGE, SHOW_MESSAGE, CANCEL_MESSAGE)
