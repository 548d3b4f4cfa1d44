"""The routes of this edge, described: `webhooks.app` serves them, `edge.openapi` writes them down."""

from http import HTTPStatus
from typing import Annotated, Final, NotRequired, TypedDict

from edge.openapi.operations import ANYWHERE, WITH_BODY, Answer, Body, Operation, Parameter, refusals
from edge.openapi.schemas import About
from sms.errors import ErrorCode
from sms.providers.base import LONGEST_REFERENCE
from sms.providers.payloads import LONGEST_WORD
from sms.providers.simulator import STATUS_BY_WORD

DLR: Final = "/api/webhooks/dlr/"
PROVIDERS: Final = "Providers"
NO_NUL: Final = "^[^\\u0000]*$"


class Receipt(TypedDict):
    """A delivery receipt. Whatever else it has is kept with it."""

    provider_reference: Annotated[
        str,
        About("The provider's id for the message.", minLength=1, maxLength=LONGEST_REFERENCE, pattern=NO_NUL),
    ]
    status: Annotated[
        str,
        About(
            f"In any case: {', '.join(f'`{word}`' for word in STATUS_BY_WORD)}. Any other word is kept, and moves "
            "nothing.",
            minLength=1,
            maxLength=LONGEST_WORD,
            pattern=NO_NUL,
        ),
    ]
    client_reference: NotRequired[
        Annotated[
            object, About("Our own id of the attempt, where the provider gives it back; it finds the message first.")
        ]
    ]
    error_code: NotRequired[Annotated[object, About("The provider's own code, a text: why it was not delivered.")]]


class Stored(TypedDict):
    """That receipts are stored."""

    stored: Annotated[int, About("How many.", minimum=1)]


TAKE_RECEIPT: Final = Operation(
    method="POST",
    path=DLR,
    name="takeReceipt",
    group=PROVIDERS,
    summary="Report what became of a message",
    description="For providers. Answered once all receipts are stored for good, also for a message that is not known "
    "yet. They may come twice, late and out of order. Several come as a list, as many as fit into the largest body.",
    parameters=(
        Parameter(
            name="X-Provider-Signature",
            where="header",
            kind=Annotated[
                str,
                About(
                    "HMAC-SHA256 of the raw body in hex, with one of the secrets in `DLR_SIGNING_SECRETS`. `sha256=` "
                    "may stand in front."
                ),
            ],
            is_required=True,
            example="sha256=5f0a3c1d9e8b7a6f5f0a3c1d9e8b7a6f5f0a3c1d9e8b7a6f5f0a3c1d9e8b7a6f",
        ),
    ),
    body=Body(
        kind=Receipt | Annotated[list[Receipt], About("Several.", minItems=1)],
        examples={
            "It was delivered": {"provider_reference": "sim-0d9a2f3c", "status": "DELIVERED"},
            "Two at once": [
                {"provider_reference": "sim-0d9a2f3c", "status": "DELIVERED"},
                {"provider_reference": "sim-1e8b4a5d", "status": "UNDELIVERED", "error_code": "absent_subscriber"},
            ],
        },
    ),
    answers=(
        Answer(
            status=HTTPStatus.ACCEPTED,
            description="They are stored.",
            kind=Stored,
            examples={"One": {"stored": 1}},
        ),
    ),
    refusals=refusals(
        ANYWHERE,
        WITH_BODY,
        {
            HTTPStatus.BAD_REQUEST: (ErrorCode.RECEIPT_MALFORMED,),
            HTTPStatus.UNAUTHORIZED: (ErrorCode.SIGNATURE_INVALID,),
        },
    ),
    needs_key=False,
)

STATUS: Final = "/api/webhooks/{route}/status/"
INBOUND: Final = "/api/webhooks/{route}/inbound/"
ROUTE: Final = Parameter(
    name="route",
    where="path",
    kind=Annotated[str, About("The route's name.", minLength=1)],
    is_required=True,
    example="twilio-gh",
)
TAKEN: Final = Answer(status=HTTPStatus.NO_CONTENT, description="It is stored.")


def _take(method: str, path: str, name: str, summary: str) -> Operation:
    return Operation(
        method=method,
        path=path,
        name=name,
        group=PROVIDERS,
        summary=summary,
        description="For the provider of a route, who signs it in its own way, or knows the token that then ends the "
        f"path: `{path}{{token}}/`. Answered, once everything is stored for good, as that provider expects.",
        parameters=(ROUTE,),
        answers=(TAKEN,),
        refusals=refusals(
            ANYWHERE,
            WITH_BODY,
            {
                # Some providers tell of both at one address.
                HTTPStatus.BAD_REQUEST: (ErrorCode.RECEIPT_MALFORMED, ErrorCode.INBOUND_MALFORMED),
                HTTPStatus.UNAUTHORIZED: (ErrorCode.SIGNATURE_INVALID,),
                HTTPStatus.NOT_FOUND: (ErrorCode.ROUTE_NOT_FOUND,),
            },
        ),
        needs_key=False,
    )


REPORT: Final = "Report what became of messages, in a provider's own format"
TAKE_STATUS: Final = _take("POST", STATUS, "takeStatus", REPORT)
TAKE_STATUS_BY_QUERY: Final = _take("GET", STATUS, "takeStatusByQuery", REPORT)
BRING: Final = "Bring texts from handsets, in a provider's own format"
TAKE_INBOUND: Final = _take("POST", INBOUND, "takeInbound", BRING)
TAKE_INBOUND_BY_QUERY: Final = _take("GET", INBOUND, "takeInboundByQuery", BRING)

OPERATIONS: Final = (TAKE_RECEIPT, TAKE_STATUS, TAKE_STATUS_BY_QUERY, TAKE_INBOUND, TAKE_INBOUND_BY_QUERY)
