"""What a REST client gets to see."""

from collections.abc import Sequence
from typing import Any

from sms.errors import SmsError
from sms.feed import FeedEvent, Page
from sms.records import EventRecord, MessageRecord
from sms.services.store import Accepted
from sms.statuses import FINAL


def message(shown: MessageRecord) -> dict[str, Any]:
    """Return a message with its history. Times are RFC 3339 in UTC."""
    return {
        "id": shown.id,
        "sender_id": shown.sender_id,
        "recipient": shown.recipient,
        "text": shown.text,
        "status": shown.status,
        "final": shown.status in FINAL,
        "provider": shown.provider,
        "provider_reference": shown.provider_reference,
        "client_reference": shown.client_reference,
        "metadata": shown.metadata or {},
        "delivery_policy": shown.delivery_policy,
        "priority": shown.priority.name,
        "test": shown.is_test,
        "send_at": shown.send_at,
        "encoding": shown.encoding,
        "segments": shown.segment_count,
        "error_code": shown.error_code,
        "created_at": shown.created_at,
        "updated_at": shown.updated_at,
        "events": [event(one) for one in shown.history],
    }


def results(shown: Sequence[Accepted | SmsError]) -> dict[str, Any]:
    """Return what became of each of many messages."""
    accepted = sum(isinstance(one, Accepted) for one in shown)
    return {"accepted": accepted, "refused": len(shown) - accepted, "results": [result(one) for one in shown]}


def result(shown: Accepted | SmsError) -> dict[str, Any]:
    """Return what became of one of many messages: it has either a `message` or a `refusal`."""
    if isinstance(shown, Accepted):
        return {"message": message(shown.message), "replayed": shown.replayed}
    return {"refusal": {"code": shown.code, "field": shown.field, "detail": shown.detail}}


def event(shown: EventRecord) -> dict[str, Any]:
    """Return one line of a message's history; what moved nothing has no `sequence`."""
    return {
        "sequence": shown.sequence,
        "status": shown.status,
        "late": shown.late,
        "conflict": shown.conflict,
        "provider_status": shown.provider_status,
        "error_code": shown.error_code,
        "provider_error": shown.provider_error,
        "detail": shown.detail,
        "occurred_at": shown.occurred_at,
    }


def feed(shown: Page) -> dict[str, Any]:
    """Return a part of the account's feed, and the cursor to continue from."""
    return {"events": [feed_event(one) for one in shown.events], "cursor": str(shown.end), "more": not shown.is_last}


def feed_event(shown: FeedEvent) -> dict[str, Any]:
    """Return a change of a message, with the cursor of its place in the feed."""
    return {
        "cursor": str(shown.cursor),
        "message_id": shown.change.message_id,
        "client_reference": shown.client_reference,
        **event(shown.change),
        "final": shown.change.status in FINAL,
    }
