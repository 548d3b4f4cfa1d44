"""What a REST client gets to see."""

from typing import Any

from sms.models import Message, MessageEvent
from sms.statuses import FINAL, Status


def message(shown: Message) -> dict[str, Any]:
    """Return a message with its history. Times are RFC 3339 in UTC."""
    return {
        "id": shown.id,
        "sender_id": shown.sender_id,
        "recipient": shown.recipient,
        "text": shown.text,
        "status": shown.status,
        "final": Status(shown.status) in FINAL,
        "provider": shown.provider,
        "provider_reference": shown.provider_reference,
        "client_reference": shown.client_reference,
        "delivery_policy": shown.delivery_policy,
        "encoding": shown.encoding,
        "segments": shown.segment_count,
        "error_code": shown.error_code,
        "created_at": shown.created_at,
        "updated_at": shown.updated_at,
        "events": [event(one) for one in shown.history],
    }


def event(shown: MessageEvent) -> dict[str, Any]:
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
