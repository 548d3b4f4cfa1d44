"""What is stored. Facts only: who may change a status stands in `statuses`, how it is done in `services`.

Ids are UUIDv7, made by us: they sort by time, so indexes grow at their right edge and stay fast at any size.
"""

from sms.models.accounts import Account, Allowance, ApiKey, Retention, SenderId, Usage
from sms.models.inbound import InboundMessage, InboundPart, OptOut
from sms.models.messages import (
    STATUS_LENGTH,
    CurrentPosition,
    DeliveryPolicy,
    DispatchEntry,
    IdempotencyKey,
    Message,
    MessageEvent,
    Priority,
    SubmitAttempt,
)
from sms.models.receipts import Receipt
from sms.models.routes import Route, RouteBreaker, RouteChange, Spend
from sms.models.upkeep import Clock, Reconciliation

__all__ = [
    "STATUS_LENGTH",
    "Account",
    "Allowance",
    "ApiKey",
    "Clock",
    "CurrentPosition",
    "DeliveryPolicy",
    "DispatchEntry",
    "IdempotencyKey",
    "InboundMessage",
    "InboundPart",
    "Message",
    "MessageEvent",
    "OptOut",
    "Priority",
    "Receipt",
    "Reconciliation",
    "Retention",
    "Route",
    "RouteBreaker",
    "RouteChange",
    "SenderId",
    "Spend",
    "SubmitAttempt",
    "Usage",
]
