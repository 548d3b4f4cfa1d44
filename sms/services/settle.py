"""Settle what was handed over, or perhaps was, and never reported: by the provider's look-up, by policy, by time."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

import structlog
from django.conf import settings

from sms import retry
from sms.database import at_once, execute, rows, transact
from sms.events import StatusChanged, announce
from sms.nudge import nudge_dispatch, nudge_receipts
from sms.providers import registry
from sms.providers.base import Finding
from sms.providers.errors import ProviderError
from sms.providers.http import client
from sms.providers.registry import provider_of
from sms.routing import snapshot
from sms.services import clock, moves, receive
from sms.services.dispatch import WAKE_RECEIPTS
from sms.services.moves import RECEIPT_WINDOW, Move
from sms.statuses import Status

log = structlog.get_logger(__name__)

BATCH = 500
LONGEST_POLL = 2 * 3600.0  # seconds between two questions about a message


@dataclass(frozen=True, slots=True)
class Uncertain:
    """A message that a provider perhaps has, with its last attempt."""

    message_id: UUID
    attempt_id: UUID
    attempt_number: int
    provider: str


@dataclass(frozen=True, slots=True)
class Silent:
    """A message that a provider has, and of which nobody will tell us unless we ask."""

    provider: str
    provider_reference: str


def settle(*, keep_going: Callable[[], bool] = lambda: True) -> int:
    """Settle what is due, a set at a time, until nothing is or `keep_going` says no; return how many messages moved.

    Safe to run many at once.
    """
    moved = 0
    while True:
        due, uncertain, silent, changes = transact(_take, clock.watch(), _polled())
        announce(changes)
        moved += len(changes)
        for name, some in groupby(sorted(silent, key=lambda one: one.provider), key=lambda one: one.provider):
            _poll(name, [one.provider_reference for one in some])
        for name, group in groupby(sorted(uncertain, key=lambda one: one.provider), key=lambda one: one.provider):
            moved += _look_up(name, list(group))
        if due < BATCH or not keep_going():
            return moved


# As in a claim: the message is locked together with its entry, and what another transaction holds is left to it.
DUE = """
SELECT m.id, m.account_id, m.status, m.sequence, m.delivery_policy,
       m.updated_at > now() - make_interval(secs => %s), d.attempts,
       m.charged_to, extract(epoch FROM now() - m.updated_at)::float8, m.provider, m.provider_reference, a.id,
       a.provider
FROM sms_dispatchentry d JOIN sms_message m ON m.id = d.message_id
LEFT JOIN LATERAL (
    SELECT a.id, a.provider FROM sms_submitattempt a WHERE a.message_id = m.id ORDER BY a.number DESC LIMIT 1
) a ON true
WHERE d.purpose = 2 AND d.due_at <= %s
ORDER BY d.due_at LIMIT %s FOR UPDATE OF d, m SKIP LOCKED
"""

# The first look comes soon, the next ones ever later: each after as long as the message has been as it is.
LATER = """
UPDATE sms_dispatchentry d SET due_at = clock_timestamp() + make_interval(secs => t.delay)
FROM unnest(%s::uuid[], %s::float8[]) AS t (message_id, delay) WHERE d.message_id = t.message_id
"""


def _polled() -> frozenset[str]:
    """Return the routes whose providers have to be asked for receipts."""
    return frozenset(one.name for one in snapshot.current().routes if registry.is_polled(one))


def _take(now: datetime, polled: Collection[str]) -> tuple[int, list[Uncertain], list[Silent], list[StatusChanged]]:
    due = rows(DUE, RECEIPT_WINDOW, now, BATCH)
    held = {row[0]: moves.held(row[:8]) for row in due}
    asked: list[Move] = []
    uncertain: list[Uncertain] = []
    silent: list[Silent] = []
    delays: dict[UUID, float] = {}
    for message_id, _, status, *_, number, _, age, provider, reference, attempt_id, tried in due:
        if status == Status.UNCERTAIN and age < RECEIPT_WINDOW and attempt_id is not None:
            uncertain.append(Uncertain(message_id, attempt_id, number, tried))
            delays[message_id] = min(max(age, settings.SMS_LOOK_UP_AFTER), RECEIPT_WINDOW - age)
        elif status == Status.SENT and age < RECEIPT_WINDOW and provider in polled and reference is not None:
            silent.append(Silent(provider, reference))
            delays[message_id] = min(max(age, moves.FIRST_POLL), LONGEST_POLL, RECEIPT_WINDOW - age)
        else:
            asked.append(Move(message_id, Status.UNKNOWN, detail="no receipt within the window"))
    changes = moves.apply(held, asked) if asked else []
    if delays:
        execute(LATER, list(delays), list(delays.values()))
    return len(due), uncertain, silent, changes


def _poll(provider_name: str, references: Sequence[str]) -> None:
    """Ask what became of messages; what is told goes the way of every receipt."""
    try:
        provider = provider_of(snapshot.current().by_name(provider_name))
        reports = client.run(provider.poll(references))
    except Exception:  # a bug in an adapter, or a route without its key: the next time is planned already
        log.exception("poll_failed", provider=provider_name, messages=len(references))
        return
    receive.keep_polled(provider_name, reports)


def _look_up(provider_name: str, uncertain: Sequence[Uncertain]) -> int:
    try:
        provider = provider_of(snapshot.current().by_name(provider_name))
        findings = client.run(provider.look_up([one.attempt_id for one in uncertain]))
    except Exception:  # a bug in an adapter, or a route without its key, settles nothing
        log.exception("look_up_failed", provider=provider_name, messages=len(uncertain))
        findings = [Finding.no_answer()] * len(uncertain)
    changes = transact(_record, provider_name, uncertain, findings)
    announce(changes)
    if any(change.event.status is Status.QUEUED for change in changes):
        nudge_dispatch()
    # In a transaction of its own, as after an answer: see `dispatch.record`.
    references = [finding.provider_reference for finding in findings if finding.provider_reference is not None]
    if references and at_once(WAKE_RECEIPTS, provider_name, references):
        nudge_receipts()
    return len(changes)


# What is known of each attempt decides whether its message may still be canceled. A yes is not taken back.
CLOSE = """
UPDATE sms_submitattempt a SET finished_at = now(), outcome = t.outcome,
       provider_reference = coalesce(t.reference, a.provider_reference)
FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS t (id, outcome, reference)
WHERE a.id = t.id AND (t.outcome = 'SENT' OR a.outcome IS DISTINCT FROM 'SENT')
"""


def _record(provider_name: str, uncertain: Sequence[Uncertain], findings: Sequence[Finding]) -> list[StatusChanged]:
    messages = moves.lock([one.message_id for one in uncertain])
    asked = []
    for one, finding in zip(uncertain, findings, strict=True):
        message = messages[one.message_id]
        if message.status is Status.UNCERTAIN and message.attempt == one.attempt_number:
            asked += _as_moves(provider_name, one, finding, resend_allowed=message.resend_allowed)
    # The attempts first, as after an answer.
    if closed := [(one.attempt_id, f) for one, f in zip(uncertain, findings, strict=True) if f.handover is not None]:
        execute(
            CLOSE,
            [attempt_id for attempt_id, _ in closed],
            [finding.handover for _, finding in closed],
            [finding.provider_reference for _, finding in closed],
        )
    return moves.apply(messages, asked)


def _as_moves(provider_name: str, one: Uncertain, finding: Finding, *, resend_allowed: bool) -> list[Move]:
    if finding.provider_reference is not None:
        return [
            Move(
                one.message_id,
                Status.SENT,
                detail="the provider has it, as its look-up says",
                provider=provider_name,
                provider_reference=finding.provider_reference,
                is_polled=provider_name in _polled(),
            )
        ]
    if not (finding.certainly_not_there or resend_allowed):
        return []
    if retry.SUBMIT.delay(one.attempt_number) is None:
        return [
            Move(one.message_id, Status.FAILED, error_code=ProviderError.PROVIDER_TIMEOUT, detail="attempts used up")
        ]
    detail = "the provider does not have it, as its look-up says" if finding.certainly_not_there else "sent again"
    return [Move(one.message_id, Status.QUEUED, detail=detail, known_not_sent=finding.certainly_not_there)]
