"""How a message came to be what it is: each step of it with its time, and a sentence that says why."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sms import selectors
from sms.database import in_thread, query, rows
from sms.providers.base import Handover
from sms.records import RECEIPT_COLUMNS, AttemptRecord, EventRecord, ReceiptRecord, WaitRecord
from sms.routing.records import SIMULATOR
from sms.statuses import Status


class StepKind(StrEnum):
    """What sort of thing happened."""

    STATUS = "STATUS"  # the status changed, or something was noted
    ATTEMPT = "ATTEMPT"  # a provider was chosen, and called
    OUTCOME = "OUTCOME"  # what an attempt came to
    RECEIPT = "RECEIPT"  # what a provider reported
    WAITING = "WAITING"  # what is to come next


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened, or is due."""

    at: datetime
    kind: StepKind
    sentence: str
    provider: str | None = None
    attempt: int | None = None
    status: Status | None = None
    provider_status: str | None = None
    error_code: str | None = None


@dataclass(slots=True)
class Facts:
    """All that is stored of what happened to one message."""

    history: list[EventRecord] = field(default_factory=list)
    attempts: list[AttemptRecord] = field(default_factory=list)
    receipts: list[ReceiptRecord] = field(default_factory=list)
    waits: WaitRecord | None = None


RECEIPTS = """
SELECT {columns} FROM sms_receipt WHERE message_id = ANY(%s::uuid[]) ORDER BY id
""".format(columns=", ".join(RECEIPT_COLUMNS))

WAITS = """
SELECT d.message_id, coalesce(r.name, %s), d.reason, d.due_at
FROM sms_dispatchentry d LEFT JOIN sms_route r ON r.id = d.route_id
WHERE d.message_id = ANY(%s::uuid[]) AND d.purpose = 1 AND d.lease IS NULL
"""

# What each status means, where an attempt or a receipt does not say it better.
MEANINGS: Final = {
    Status.SCHEDULED: "It was accepted, and waits for its send time",
    Status.QUEUED: "It waits to be handed over",
    Status.SENDING: "It was taken to be handed over",
    Status.UNCERTAIN: "Nobody knows whether the provider has it",
    Status.SENT: "The provider has it",
    Status.UNKNOWN: "Nothing was reported in time",
    Status.EXPIRED: "Its validity has passed",
    Status.UNDELIVERED: "It was not delivered",
    Status.FAILED: "It could not be handed over, or delivered",
    Status.DELIVERED: "It was delivered",
    Status.REJECTED: "It was refused for good",
    Status.CANCELED: "It was withdrawn",
}
OUTCOMES: Final = {
    None: "It is not processed yet",
    "APPLIED": "It moved the status",
    "DUPLICATE": "It said nothing new",
    "NOTED": "It was kept, and moved nothing",
    "UNMATCHED": "It came to nothing",
    "FAILED": "It could not be processed",
}


async def facts(message_ids: Collection[UUID]) -> dict[UUID, Facts]:
    """Return what is stored of each message. Not scoped: ask only for what is known to be the caller's."""
    return await in_thread(query, _facts, message_ids)


async def of_message(*, account_id: UUID, message_id: UUID) -> list[Step]:
    """Return what happened to a message of an account. Raises MessageNotFound."""
    return await in_thread(query, _of_message, account_id, message_id)


def _of_message(account_id: UUID, message_id: UUID) -> list[Step]:
    selectors.get_message(account_id, message_id)
    return steps(_facts([message_id])[message_id])


def _facts(message_ids: Collection[UUID]) -> dict[UUID, Facts]:
    found = {message_id: Facts() for message_id in message_ids}
    for message_id, history in selectors.get_histories(message_ids).items():
        found[message_id].history = history
    for message_id, attempts in selectors.get_attempts(message_ids).items():
        found[message_id].attempts = attempts
    for row in rows(RECEIPTS, list(found)):
        receipt = ReceiptRecord(*row)
        found[receipt.message_id].receipts.append(receipt)
    for row in rows(WAITS, SIMULATOR.name, list(found)):
        found[row[0]].waits = WaitRecord(*row)
    return found


def steps(facts: Facts) -> list[Step]:
    """Put what happened into order, and into words."""
    found = [*map(_of_event, facts.history)]
    for attempt in facts.attempts:
        found += _of_attempt(attempt)
    found += map(_of_receipt, facts.receipts)
    if facts.waits is not None:
        found.append(_of_wait(facts.waits))
    # What happened at one time: an attempt before the status that it brought, a receipt before what it moved.
    order = [StepKind.ATTEMPT, StepKind.OUTCOME, StepKind.RECEIPT, StepKind.STATUS, StepKind.WAITING]
    return sorted(found, key=lambda one: (one.kind is StepKind.WAITING, one.at, order.index(one.kind)))


def _of_event(event: EventRecord) -> Step:
    if event.sequence == 1 and event.status is Status.QUEUED:
        said = "It was accepted, and waits to be handed over"
    elif event.sequence is None:
        said = f"Something was noted that does not change {event.status}"
        said = f"{said}: it contradicts it" if event.conflict else said
    else:
        said = MEANINGS[event.status]
    if event.late:
        said = f"{said}, as was told late"
    return Step(
        at=event.occurred_at,
        kind=StepKind.STATUS,
        sentence=_sentence(said, event.error_code, event.detail),
        status=event.status,
        provider_status=event.provider_status,
        error_code=event.error_code,
    )


def _of_attempt(attempt: AttemptRecord) -> Iterator[Step]:
    why = f": {attempt.reason}" if attempt.reason else ""
    yield Step(
        at=attempt.started_at,
        kind=StepKind.ATTEMPT,
        sentence=_sentence(f"Attempt {attempt.number} goes by {attempt.provider}{why}"),
        provider=attempt.provider,
        attempt=attempt.number,
    )
    if attempt.finished_at is None or attempt.outcome is None:
        return
    yield Step(
        at=attempt.finished_at,
        kind=StepKind.OUTCOME,
        sentence=_said_of_outcome(attempt),
        provider=attempt.provider,
        attempt=attempt.number,
        error_code=attempt.error_code,
    )


def _said_of_outcome(attempt: AttemptRecord) -> str:
    if attempt.outcome == Handover.SENT:
        return _sentence(f"{attempt.provider} took it, as {attempt.provider_reference}")
    code = None if attempt.provider_error is None else f"its code is {attempt.provider_error}"
    if attempt.outcome == Handover.NOT_SENT:
        return _sentence(f"{attempt.provider} did not take it", attempt.error_code, code, attempt.detail)
    return _sentence(f"{attempt.provider} gave no answer to rely on: it may have it", code, attempt.detail)


def _of_receipt(receipt: ReceiptRecord) -> Step:
    meaning = f"which is {receipt.status}" if receipt.status else "a word that moves nothing"
    said = f"{receipt.provider} reported '{receipt.provider_status}', {meaning}"
    code = None if receipt.provider_error is None else f"its code is {receipt.provider_error}"
    return Step(
        at=receipt.received_at,
        kind=StepKind.RECEIPT,
        sentence=f"{_sentence(said, receipt.error_code, code)} {OUTCOMES[receipt.outcome]}.",
        provider=receipt.provider,
        status=None if receipt.status is None else Status(receipt.status),
        provider_status=receipt.provider_status,
        error_code=receipt.error_code,
    )


def _of_wait(waits: WaitRecord) -> Step:
    return Step(
        at=waits.due_at,
        kind=StepKind.WAITING,
        sentence=_sentence(f"It is to go by {waits.route}", waits.reason),
        provider=waits.route,
    )


def _sentence(said: str, *more: str | None) -> str:
    """Put together what is known, as one sentence."""
    behind = ", ".join(one for one in more if one)
    return f"{said}: {behind}." if behind else f"{said}."
