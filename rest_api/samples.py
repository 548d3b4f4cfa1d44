"""What the description of the REST API shows as examples: records like real ones, shown as real ones are."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import orjson

from rest_api import representations
from sms.errors import ErrorCode, InvalidMessage
from sms.explain import Facts, steps
from sms.feed import FeedEvent
from sms.feed import Page as FeedPage
from sms.feed_cursors import Cursor
from sms.inbound import TextPage
from sms.listing import Page
from sms.models import DeliveryPolicy, Priority
from sms.money import Money
from sms.numbering import NumberFacts, NumberType
from sms.opt_outs import Keyword
from sms.opted_out import OptOutPage
from sms.providers.base import Handover
from sms.records import AttemptRecord, EventRecord, InboundRecord, MessageRecord, OptOutRecord, ReceiptRecord
from sms.segments import Encoding
from sms.services.plan import Plan, Reading, Verdict, WayThere
from sms.services.rules import RuleName
from sms.services.store import Accepted
from sms.spending import Line, Spending
from sms.statuses import Status
from sms.transliterate import Suggestion

ID: Final = UUID("01a20a71-b958-72b2-8f48-3aa7db2cdc78")
ACCEPTED_AT: Final = datetime(2026, 11, 23, 22, 5, 54, 907789, tzinfo=UTC)
TEXT: Final = "Your code is 1234"
FIELDS: Final = {"sender_id": "MyCorp", "recipient": "+233200000901", "text": TEXT}
ALL_FIELDS: Final = {
    "sender_id": "MyCorp",
    "recipient": "0200000901",
    "text": "Your appointment is tomorrow at 9:00",
    "transliterate": True,
    "client_reference": "appointment-7",
    "delivery_policy": "AT_LEAST_ONCE",
    "valid_for": 3600,
    "send_at": "2027-01-31T09:00:00+01:00",
    "priority": "BULK",
    "metadata": {"branch": "Accra"},
}
BATCH: Final = {
    "messages": [
        {**FIELDS, "text": "Tomorrow at 9:00", "valid_for": 3600},
        {**FIELDS, "recipient": "not a number", "text": "Tomorrow at 9:30"},
    ]
}
TWICE: Final = {"messages": [FIELDS, FIELDS], "duplicates": "COLLAPSE"}
ME: Final = {
    "account": {
        "id": "01a20a71-0000-7119-962f-5b266e781ea7",
        "name": "MyCorp Ltd",
        "sender_ids": ["MyCorp"],
        "blocked_keywords": ["STOP"],
        "limits": {"rate_limit": 20, "daily_quota": 10_000, "budget": {"amount": "100.00", "currency": "EUR"}},
        "discard_body_after": 24,
    },
    "key": {
        "prefix": "sms_live_4f2a",
        "name": "shop",
        "test": False,
        "scopes": ["messages:send", "messages:read"],
        "expires_at": None,
        "allowed_networks": ["198.51.100.0/24"],
    },
    "usage": {
        "today": {"accepted": 117, "remaining": 9883, "resets_at": "2026-11-24T00:00:00Z"},
        "month": {
            "spent": [{"amount": "61.425", "currency": "EUR"}],
            "remaining": {"amount": "38.575", "currency": "EUR"},
            "resets_at": "2026-12-01T00:00:00Z",
        },
    },
}
STEPS: Final = ((0, Status.QUEUED), (52, Status.SENDING), (57, Status.SENT), (343, Status.DELIVERED))  # milliseconds


def message(*, steps: int = 1) -> MessageRecord:
    """Return a message that has come so many steps."""
    history = [
        EventRecord(
            message_id=ID,
            sequence=sequence,
            status=status,
            occurred_at=ACCEPTED_AT + timedelta(milliseconds=after),
            provider_status=status if status is Status.DELIVERED else None,
        )
        for sequence, (after, status) in enumerate(STEPS[:steps], 1)
    ]
    is_sent = history[-1].status in {Status.SENT, Status.DELIVERED}
    return MessageRecord(
        id=ID,
        sender_id=FIELDS["sender_id"],
        recipient=FIELDS["recipient"],
        text=TEXT,
        encoding=Encoding.GSM7,
        segment_count=1,
        client_reference=None,
        metadata=None,
        delivery_policy=DeliveryPolicy.AT_MOST_ONCE,
        priority=Priority.NORMAL,
        is_test=False,
        send_at=None,
        status=history[-1].status,
        sequence=len(history),
        created_at=ACCEPTED_AT,
        updated_at=history[-1].occurred_at,
        provider="nile" if is_sent else None,
        provider_reference="sim-0d9a2f3c" if is_sent else None,
        error_code=None,
        price=Decimal("0.0125"),
        currency="EUR",
        price_is_estimate=not is_sent,
        body_discarded_at=None,
        history=history,
    )


def attempt() -> AttemptRecord:
    """Return the attempt by which it was sent."""
    return AttemptRecord(
        message_id=ID,
        number=1,
        provider="nile",
        started_at=ACCEPTED_AT + timedelta(milliseconds=52),
        finished_at=ACCEPTED_AT + timedelta(milliseconds=57),
        outcome=Handover.SENT,
        provider_reference="sim-0d9a2f3c",
        error_code=None,
        provider_error=None,
        detail=None,
    )


def canceled() -> MessageRecord:
    """Return a message that was withdrawn."""
    record = message()
    at = ACCEPTED_AT + timedelta(milliseconds=20)
    record.status, record.sequence, record.updated_at = Status.CANCELED, 2, at
    record.price, record.price_is_estimate = Decimal(0), False
    record.history = [*(record.history or ()), EventRecord(ID, sequence=2, status=Status.CANCELED, occurred_at=at)]
    return record


def results() -> list[Any]:
    """Return what becomes of a batch with one good message and one bad."""
    return [
        Accepted(message(), replayed=False),
        InvalidMessage(
            ErrorCode.RECIPIENT_INVALID,
            "'not a number' contains 'n'; a phone number is written with the digits 0 to 9, spaces, dots, dashes, "
            "parentheses and a + in front.",
            "recipient",
        ),
    ]


def twice() -> list[Any]:
    """Return what becomes of a batch with the same message twice."""
    return [Accepted(message(), replayed=False), Accepted(message(), replayed=True)]


def plan() -> Plan:
    """Return what would become of a message with one odd character and a blocked keyword."""
    return Plan(
        accepted=False,
        recipient=NumberFacts("+233200000901", NumberType.MOBILE, "GH", "Ghana", "Telecel"),
        reading=Reading(
            text="It’s over: STOP",  # noqa: RUF001  the very character that is told of
            encoding=Encoding.UCS2,
            segments=1,
            characters=[Suggestion("’", "RIGHT SINGLE QUOTATION MARK", 1, (2,), "'")],  # noqa: RUF001
            segments_if_transliterated=1,
        ),
        verdicts=[
            Verdict(RuleName.TEXT, "text", ok=True),
            Verdict(
                RuleName.BLOCKED_KEYWORDS,
                "text",
                ok=False,
                code=ErrorCode.BLOCKED_KEYWORD,
                detail="The text contains the blocked keyword 'STOP'.",
            ),
            Verdict(RuleName.LENGTH, "text", ok=True),
        ],
        route=WayThere("nile", takes_batches=True, reason="the only one that can take it"),
        price=Money(Decimal("0.0125"), "EUR"),
    )


def spending() -> Any:
    """Return what the messages of two days cost, as a client parses it."""
    lines = [
        Line(date(2026, 11, 22), "nile", 4, 5, Money(Decimal("0.0625"), "EUR")),
        Line(date(2026, 11, 23), "nile", 1, 1, Money(Decimal("0.0125"), "EUR")),
    ]
    return as_json(representations.spending(Spending(date(2026, 11, 22), date(2026, 11, 23), lines)))


def as_json(document: Any) -> Any:
    """Return a document as a client parses it."""
    return orjson.loads(orjson.dumps(document, option=orjson.OPT_UTC_Z))


def shown(record: MessageRecord) -> Any:
    """Return a message as a client parses it."""
    return as_json(representations.message(record))


def delivered() -> Any:
    """Return a message that was delivered, with its attempt, as a client parses it."""
    return as_json(representations.message_and_attempts(message(steps=4), [attempt()]))


def explained() -> Any:
    """Return how a message was delivered, as a client parses it."""
    receipt = ReceiptRecord(
        message_id=ID,
        provider="simulator",
        provider_status="DELIVERED",
        status=Status.DELIVERED,
        error_code=None,
        provider_error=None,
        received_at=ACCEPTED_AT + timedelta(milliseconds=340),
        outcome="APPLIED",
    )
    facts = Facts(history=message(steps=4).history or [], attempts=[attempt()], receipts=[receipt])
    return as_json(representations.explanation(ID, steps(facts)))


def page() -> Any:
    """Return a page of one message, as a client parses it."""
    return as_json(representations.page(Page([message(steps=4)], None)))


def feed() -> Any:
    """Return a part of a feed with one change, as a client parses it."""
    cursor = Cursor(position=911, event_id=52)
    last = message(steps=4).history or []
    change = FeedEvent(cursor, last[-1], FIELDS["sender_id"], FIELDS["recipient"], client_reference=None)
    return as_json(representations.feed(FeedPage(events=[change], end=cursor, is_last=True, horizon=912, newest=911)))


def inbound() -> InboundRecord:
    """Return a text from a handset that answers the message."""
    return InboundRecord(
        id=UUID("01a20a72-3c10-7d4e-9a0b-5b266e781ea7"),
        sender=FIELDS["recipient"],
        recipient="+233300000001",
        text="Stop, please",
        is_complete=True,
        keyword=Keyword.STOP,
        answers_id=ID,
        provider="simulator",
        is_test=False,
        sent_at=None,
        received_at=ACCEPTED_AT + timedelta(minutes=1),
        body_discarded_at=None,
    )


def opt_out() -> OptOutRecord:
    """Return the opt-out that the text made."""
    said = inbound()
    return OptOutRecord(
        id=UUID("01a20a72-3c11-7b52-8d1e-2c9a7e4b9a01"),
        recipient=said.sender,
        sender_id="",
        is_test=False,
        reason="STOP",
        inbound_id=said.id,
        created_at=said.received_at,
    )


def texts() -> Any:
    """Return a page of one text, as a client parses it."""
    return as_json(representations.texts(TextPage([inbound()], None)))


def opt_outs() -> Any:
    """Return a page of one opt-out, as a client parses it."""
    return as_json(representations.opt_outs(OptOutPage([opt_out()], None)))


def shown_opt_out() -> Any:
    """Return an opt-out, as a client parses it."""
    return as_json(representations.opt_out(opt_out()))
