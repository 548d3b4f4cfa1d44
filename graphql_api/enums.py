"""The domain's public enums, as GraphQL shows them. Their members stand in `sms`; and their sentences in `edge`."""

from enum import Enum
from typing import TypeAlias

import strawberry

from edge.meanings import MEANINGS
from sms.errors import ErrorCode
from sms.explain import StepKind
from sms.models import DeliveryPolicy, Priority
from sms.numbering import NumberType
from sms.opt_outs import Keyword
from sms.providers.base import Handover
from sms.services.accept_many import ErrorPolicy
from sms.services.duplicates import DuplicatePolicy
from sms.services.rules import RuleName
from sms.statuses import Status


def _show(enum: type[Enum], *, name: str, description: str) -> None:
    meanings = MEANINGS[enum]
    strawberry.enum(enum, name=name, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = meanings.get(enum[value.name])


_show(
    Status,
    name="MessageStatus",
    description="What is known of a message. It never runs backwards.",
)
_show(
    ErrorCode,
    name="ErrorCode",
    description="Why something was refused. Codes are added, never renamed.",
)
_show(
    DeliveryPolicy,
    name="DeliveryPolicy",
    description="What to do when nobody knows whether the provider took a message.",
)

_show(
    Priority,
    name="Priority",
    description="Whose turn it is when several messages wait for a worker.",
)

_show(
    ErrorPolicy,
    name="ErrorPolicy",
    description="What a refused message means for the others of its batch.",
)

_show(
    DuplicatePolicy,
    name="DuplicatePolicy",
    description="What becomes of messages of a batch that ask for just the same, and have no idempotency key of their "
    "own.",
)

_show(
    RuleName,
    name="RuleName",
    description="What a message has to keep to be accepted. Rules are added, never renamed.",
)

_show(
    NumberType,
    name="NumberType",
    description="What kind of line a number was given out for.",
)

_show(
    Handover,
    name="AttemptOutcome",
    description="Whether a provider has a message after an attempt to hand it over.",
)

_show(
    Keyword,
    name="InboundKeyword",
    description="What a text from a handset asks for, if it says nothing else.",
)

_show(
    StepKind,
    name="ExplanationStepKind",
    description="What sort of thing happened to a message.",
)

MessageStatus: TypeAlias = Status
AttemptOutcome: TypeAlias = Handover
RefusalCode: TypeAlias = ErrorCode
Policy: TypeAlias = DeliveryPolicy
InboundKeyword: TypeAlias = Keyword
ExplanationStepKind: TypeAlias = StepKind
