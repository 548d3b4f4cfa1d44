"""The routes of texts from handsets and of opt-outs, described: `rest_api.inbound` serves them."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from edge.openapi.headers import LINK
from edge.openapi.operations import ANYWHERE, WITH_BODY, WITH_KEY, Answer, Body, Operation, Parameter, query, refusals
from edge.openapi.schemas import About
from rest_api import paths, samples, shapes
from rest_api.fields import NewOptOut
from sms import inbound, opted_out
from sms.errors import ErrorCode
from sms.opt_outs import Keyword

INBOUND: Final = "Texts from handsets"
NUMBER: Final = "written in any way that a send takes"
LIST_INBOUND: Final = Operation(
    method="GET",
    path=paths.INBOUND,
    name="listInbound",
    group=INBOUND,
    summary="List texts from handsets",
    description="What handsets have sent to the account, newest first. A text belongs to whoever sent the last message "
    "to its handset, from the number that it answers if there is one.",
    parameters=(
        query("sender", str, f"From this number, {NUMBER}.", example="+233200000901"),
        query("recipient", str, "Sent to this number, or short code.", example="+233300000001"),
        query("keyword", Keyword, "That ask for this.", example="STOP"),
        query("received_after", datetime, "Stored at this time or later; with an offset from UTC, or a `Z`."),
        query("received_before", datetime, "Stored earlier than this; with an offset from UTC, or a `Z`."),
        query("test", bool, "That answer test messages, or not. With a test key there are no others."),
        query("limit", int, "How many.", minimum=1, maximum=inbound.MOST, default=inbound.USUAL),
        query("after", str, "The `next` of the page before. It is good for ever, also with another filter."),
    ),
    answers=(
        Answer(
            status=HTTPStatus.OK,
            description="A page.",
            kind=shapes.InboundPage,
            examples={"The last page": samples.texts()},
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
            )
        },
    ),
)

LIST_OPT_OUTS: Final = Operation(
    method="GET",
    path=paths.OPT_OUTS,
    name="listOptOuts",
    group=INBOUND,
    summary="List opt-outs",
    description="The numbers that want no more texts from the account, newest first.",
    parameters=(
        query("recipient", str, f"Of this number, {NUMBER}.", example="+233200000901"),
        query("test", bool, "That keep back test messages, or not. With a test key there are no others."),
        query("limit", int, "How many.", minimum=1, maximum=opted_out.MOST, default=opted_out.USUAL),
        query("after", str, "The `next` of the page before. It is good for ever, also with another filter."),
    ),
    answers=(
        Answer(
            status=HTTPStatus.OK,
            description="A page.",
            kind=shapes.OptOutPage,
            examples={"The last page": samples.opt_outs()},
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
                ErrorCode.RECIPIENT_INVALID,
                ErrorCode.RECIPIENT_NOT_MOBILE,
            )
        },
    ),
)

ADD_OPT_OUT: Final = Operation(
    method="POST",
    path=paths.OPT_OUTS,
    name="addOptOut",
    group=INBOUND,
    summary="Opt a number out",
    description="Messages to it are refused with RECIPIENT_OPTED_OUT from then on, and those that wait become "
    "REJECTED. Done again, nothing changes. With a test key it is about test messages.",
    body=Body(
        kind=NewOptOut,
        examples={
            "From everything": {"recipient": "+233200000901"},
            "From one sender ID": {"recipient": "+233200000901", "sender_id": "MyCorp", "reason": "asked by letter"},
        },
    ),
    answers=(
        Answer(
            status=HTTPStatus.OK,
            description="It is stored, now or before.",
            kind=shapes.OptOut,
            examples={"Because of a text": samples.shown_opt_out()},
        ),
    ),
    refusals=refusals(
        ANYWHERE,
        WITH_KEY,
        WITH_BODY,
        {
            HTTPStatus.BAD_REQUEST: (
                ErrorCode.RECIPIENT_INVALID,
                ErrorCode.RECIPIENT_NOT_MOBILE,
                ErrorCode.SENDER_ID_INVALID,
                ErrorCode.REASON_INVALID,
            )
        },
    ),
)

REMOVE_OPT_OUT: Final = Operation(
    method="DELETE",
    path=paths.OPT_OUT,
    name="removeOptOut",
    group=INBOUND,
    summary="Take an opt-out away",
    description="Because the number's owner wants texts again. Another account's opt-out looks like one that does not "
    "exist.",
    parameters=(
        Parameter(
            name="id",
            where="path",
            kind=Annotated[UUID, About("The opt-out's id.")],
            is_required=True,
            example=str(samples.opt_out().id),
        ),
    ),
    answers=(
        Answer(
            status=HTTPStatus.OK,
            description="It is gone.",
            kind=shapes.OptOut,
            examples={"As it was": samples.shown_opt_out()},
        ),
    ),
    refusals=refusals(ANYWHERE, WITH_KEY, {HTTPStatus.NOT_FOUND: (ErrorCode.OPT_OUT_NOT_FOUND,)}),
)

OPERATIONS: Final = (LIST_INBOUND, LIST_OPT_OUTS, ADD_OPT_OUT, REMOVE_OPT_OUT)
