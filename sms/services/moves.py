"""Every change of status after the accept goes through here: locked, decided by the table, written with its history.

An open message has exactly one DispatchEntry, a final one has none. That, too, is kept here and nowhere else.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any
from uuid import UUID

from django.conf import settings

from sms.database import Statement, execute_all, rows
from sms.events import StatusChanged
from sms.models import DeliveryPolicy, DispatchEntry
from sms.providers.base import Price
from sms.providers.errors import ProviderError
from sms.records import EventRecord
from sms.routing.records import RouteRecord
from sms.services import costs, opt_outs
from sms.services.costs import Charge
from sms.statuses import FINAL, OPEN, SOFT_FINAL, Status, can_move, can_requeue

NOT_YET = datetime.min.replace(tzinfo=UTC)  # until the event is written
RECEIPT_WINDOW = 72 * 3600.0  # seconds: how long a receipt is waited for, and how long it may correct a soft final


@dataclass(slots=True)
class Held:
    """A message whose row this transaction has locked."""

    id: UUID
    account_id: UUID
    status: Status
    sequence: int
    resend_allowed: bool
    correctable: bool  # the last change is not longer ago than the receipt window
    attempt: int  # number of the last attempt
    charged_to: str | None  # the name of the route that its cost is counted on; empty: none (any more)
    body_discarded: bool = False  # not told of one that is claimed or settled: those are open
    moved: bool = False
    charge: Charge | None = None  # what it is to cost from now on, where that is to be written

    def goes_by(self, route: RouteRecord) -> None:
        """Let it cost what a route plans, where it is counted on another one, or on none."""
        if self.charged_to != route.name and (self.charged_to or route.price is not None):
            self.take(Charge(route.name))

    def take(self, charge: Charge) -> None:
        """Let it cost what it is charged with, unless it is known better."""
        self.charge, self.charged_to = costs.later(self.charge, charge), charge.route


class Verdict(Enum):
    """What became of a move."""

    APPLIED = auto()
    DUPLICATE = auto()  # said nothing new
    NOTED = auto()  # kept in the history, moved nothing


@dataclass(slots=True)
class Move:
    """Something that was learned or decided about a message. `status` is None for a word that moves nothing."""

    message_id: UUID
    status: Status | None
    provider_status: str | None = None
    error_code: str | None = None
    provider_error: str | None = None
    detail: str | None = None
    provider: str | None = None
    provider_reference: str | None = None
    known_not_sent: bool = False
    lease: UUID | None = None  # for SENDING
    price: Price | None = None  # that the provider told; of `costs.understood`
    route: RouteRecord | None = None  # where it goes next, if that is another one
    reason: str | None = None  # why there
    delay: float = 0.0  # seconds until the next step is due, for a message that stays open
    is_polled: bool = False  # its provider has to be asked for receipts
    verdict: Verdict | None = None
    late: bool = False
    conflict: bool = False


# The first line makes a transaction wait for `clock`, where that mends a step, before it reads the time.
LOCK = """
LOCK TABLE sms_dispatchentry IN ROW SHARE MODE;
SELECT m.id, m.account_id, m.status, m.sequence, m.delivery_policy,
       m.updated_at > now() - make_interval(secs => %s), coalesce(d.attempts, 0), m.charged_to,
       m.body_discarded_at IS NOT NULL
FROM sms_message m LEFT JOIN sms_dispatchentry d ON d.message_id = m.id
WHERE m.id = ANY(%s::uuid[]) ORDER BY m.id FOR UPDATE OF m
"""


def lock(message_ids: Collection[UUID]) -> dict[UUID, Held]:
    """Lock messages, always in the order of their ids, so that two sets cannot wait for each other in a circle."""
    found = rows(LOCK, RECEIPT_WINDOW, list(set(message_ids)))
    return {row[0]: held(row) for row in found}


def held(row: Sequence[Any]) -> Held:
    """Make a Held of a row in the order of LOCK's columns, with or without the last."""
    message_id, account_id, status, sequence, policy, correctable, attempt, charged_to, *body_discarded = row
    return Held(
        message_id,
        account_id,
        Status(status),
        sequence,
        policy == DeliveryPolicy.AT_LEAST_ONCE,
        correctable,
        attempt,
        charged_to,
        *body_discarded,
    )


def apply(messages: Mapping[UUID, Held], moves: Sequence[Move]) -> list[StatusChanged]:
    """Judge each move in turn, write all that follows from them, and return the changes to announce after the commit.

    Each move gets its `verdict`. Moves of messages that are not held are left without one.
    """
    changes, statements = decide(messages, moves)
    write(changes, statements)
    return changes


def decide(messages: Mapping[UUID, Held], moves: Sequence[Move]) -> tuple[list[StatusChanged], list[Statement]]:
    """Judge as `apply` does, but leave the writing to the caller, who calls `write` and has more to write with it."""
    changes: list[StatusChanged] = []
    told: list[tuple[Move, int | None, Status]] = []
    for move in moves:
        message = messages.get(move.message_id)
        if message is None:
            continue
        move.verdict = judge(message, move)
        if move.verdict is Verdict.APPLIED:
            assert move.status is not None
            message.status, message.sequence = move.status, message.sequence + 1
            message.moved = message.correctable = True
            changes.append(StatusChanged(message.account_id, _as_event(message, move)))
            told.append((move, message.sequence, message.status))
        elif move.verdict is Verdict.NOTED:
            told.append((move, None, message.status))
        _charge(message, move)
    return changes, list(_to_write(messages, [move for move in moves if move.verdict is not None], told))


# Decided by us: where no provider can have taken the message, it costs nothing.
NEVER_SENT = frozenset({Status.CANCELED, Status.EXPIRED, Status.FAILED, Status.REJECTED})


def _charge(message: Held, move: Move) -> None:
    """Let a message cost what a move, which was judged, means for it."""
    # A reference, or a receipt, says that the provider has it.
    if move.provider is not None and (move.provider_reference is not None or move.provider_status is not None):
        if move.price is not None:
            message.take(Charge(move.provider, move.price, is_current=move.status is message.status))
        elif message.charged_to not in {None, move.provider}:
            message.take(Charge(move.provider))
    elif move.verdict is Verdict.APPLIED:
        if move.route is not None:
            message.goes_by(move.route)
        elif message.charged_to and move.status in NEVER_SENT:
            message.take(costs.NOTHING)


def write(changes: Sequence[StatusChanged], statements: Sequence[Statement]) -> None:
    """Write what was decided, in one go, and fill in when the changes occurred."""
    if statements:
        ((occurred_at,),) = execute_all([*statements, TIME])
        for change in changes:
            change.event.occurred_at = occurred_at


# The same for all statements that are sent together.
TIME: Statement = ("SELECT statement_timestamp()", ())


def _as_event(message: Held, move: Move) -> EventRecord:
    return EventRecord(
        message_id=message.id,
        sequence=message.sequence,
        status=message.status,
        occurred_at=NOT_YET,
        late=move.late,
        conflict=move.conflict,
        provider_status=move.provider_status,
        error_code=move.error_code,
        provider_error=move.provider_error,
        detail=move.detail,
    )


def judge(message: Held, move: Move) -> Verdict:
    """Decide what a move does to a message, by the table in `sms.statuses`; marks the move late or a conflict."""
    new, old = move.status, message.status
    if new is None:
        return Verdict.NOTED
    if new is Status.QUEUED and can_requeue(
        old, known_not_sent=move.known_not_sent, resend_allowed=message.resend_allowed
    ):
        return Verdict.APPLIED
    if can_move(old, new) and (old not in SOFT_FINAL or message.correctable):
        move.late = old in SOFT_FINAL
        return Verdict.APPLIED
    if move.provider_status is None or (new is old and new in FINAL):
        return Verdict.DUPLICATE
    move.conflict = old in FINAL and new in FINAL
    return Verdict.NOTED


UPDATE_MESSAGES = """
UPDATE sms_message m SET
    status = t.status,
    sequence = t.sequence,
    updated_at = CASE WHEN t.moved THEN statement_timestamp() ELSE m.updated_at END,
    error_code = CASE WHEN t.moved THEN t.error_code ELSE m.error_code END,
    provider = coalesce(t.provider, m.provider),
    provider_reference = coalesce(t.provider_reference, m.provider_reference)
FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::bool[], %s::text[], %s::text[], %s::text[])
     AS t (id, status, sequence, moved, error_code, provider, provider_reference)
WHERE m.id = t.id
"""

# A note that says what an earlier note said already is not told again.
INSERT_EVENTS = """
INSERT INTO sms_messageevent (message_id, account_id, sequence, status, late, conflict, provider_status, error_code,
                              provider_error, detail)
SELECT t.* FROM unnest(%s::uuid[], %s::uuid[], %s::int[], %s::text[], %s::bool[], %s::bool[], %s::text[], %s::text[],
                       %s::text[], %s::text[])
     AS t (message_id, account_id, sequence, status, late, conflict, provider_status, error_code, provider_error,
           detail)
WHERE t.sequence IS NOT NULL OR NOT EXISTS (
    SELECT FROM sms_messageevent e WHERE e.message_id = t.message_id AND e.sequence IS NULL
    AND e.provider_status IS NOT DISTINCT FROM t.provider_status AND e.conflict = t.conflict
)
"""

# By the same time as the message's change: `clock` tells by that which of them are from before a step. What waits for
# another try is looked at when its validity ends, at the latest.
UPDATE_ENTRIES = """
UPDATE sms_dispatchentry d SET
    purpose = t.purpose,
    lease = t.lease,
    route_id = coalesce(t.route_id, d.route_id),
    reason = CASE WHEN t.route_id IS NULL THEN d.reason ELSE t.reason END,
    due_at = CASE WHEN t.purpose = 1 AND t.lease IS NULL
        THEN least(m.updated_at + make_interval(secs => t.delay), greatest(d.expires_at, m.updated_at))
        ELSE m.updated_at + make_interval(secs => t.delay) END,
    attempts = d.attempts + CASE WHEN t.lease IS NULL THEN 0 ELSE 1 END
FROM unnest(%s::uuid[], %s::smallint[], %s::uuid[], %s::float8[], %s::smallint[], %s::text[])
     AS t (message_id, purpose, lease, delay, route_id, reason)
JOIN sms_message m ON m.id = t.message_id
WHERE d.message_id = t.message_id
"""

# What waits to be settled: seconds until somebody has to look.
DELAYS: dict[Status | None, float] = {Status.SENT: RECEIPT_WINDOW, Status.UNCERTAIN: settings.SMS_LOOK_UP_AFTER}
FIRST_POLL = 5.0  # seconds until a provider that has to be asked for receipts is asked for the first time

OPTED_OUT = ProviderError.RECIPIENT_OPTED_OUT  # where a provider says so, it is remembered

DELETE_ENTRIES = "DELETE FROM sms_dispatchentry WHERE message_id = ANY(%s::uuid[])"


def _to_write(
    messages: Mapping[UUID, Held], moves: Sequence[Move], told: Sequence[tuple[Move, int | None, Status]]
) -> Iterator[Statement]:
    last = _last_moves(moves)
    if last:
        yield UPDATE_MESSAGES, _columns_of_messages([messages[one] for one in last], list(last.values()))
    if told:
        yield INSERT_EVENTS, _columns_of_events(messages, _each_note_once(told))
    applied = [move for move in last.values() if move.verdict is Verdict.APPLIED]
    if staying := [move for move in applied if move.status in OPEN]:
        yield UPDATE_ENTRIES, _columns_of_entries(staying)
    if done := [move.message_id for move in applied if move.status in FINAL]:
        yield DELETE_ENTRIES, [done]
    if refused := [(m.message_id, m.provider) for m in applied if m.error_code == OPTED_OUT and m.provider is not None]:
        yield from opt_outs.told({messages[message_id].account_id for message_id, _ in refused}, refused)
    yield from costs.to_write({one.id: one.charge for one in messages.values() if one.charge is not None})


def _last_moves(moves: Sequence[Move]) -> dict[UUID, Move]:
    """Return the move that says how each message ends up; one that moved nothing may still fill in a reference."""
    last: dict[UUID, Move] = {}
    for move in moves:
        earlier = last.get(move.message_id)
        if move.verdict is Verdict.APPLIED:
            if earlier is not None and move.provider_reference is None:
                move.provider, move.provider_reference = earlier.provider, earlier.provider_reference
            last[move.message_id] = move
        elif earlier is None and move.provider_reference is not None:
            last[move.message_id] = move
    return last


def _columns_of_messages(messages: Sequence[Held], moves: Sequence[Move]) -> list[list[Any]]:
    return [
        [m.id for m in messages],
        [m.status for m in messages],
        [m.sequence for m in messages],
        [m.moved for m in messages],
        [move.error_code for move in moves],
        [move.provider for move in moves],
        [move.provider_reference for move in moves],
    ]


def _each_note_once(told: Sequence[tuple[Move, int | None, Status]]) -> Sequence[tuple[Move, int | None, Status]]:
    """Leave out notes that say what one of this very set says: INSERT_EVENTS looks only at earlier sets."""
    once: dict[tuple[UUID, int | None, str | None, bool], tuple[Move, int | None, Status]] = {}
    for move, sequence, status in told:
        once.setdefault((move.message_id, sequence, move.provider_status, move.conflict), (move, sequence, status))
    return list(once.values())


def _columns_of_events(
    messages: Mapping[UUID, Held], told: Sequence[tuple[Move, int | None, Status]]
) -> list[list[Any]]:
    return [
        [move.message_id for move, _, _ in told],
        [messages[move.message_id].account_id for move, _, _ in told],
        [sequence for _, sequence, _ in told],
        [status for _, _, status in told],
        [move.late for move, _, _ in told],
        [move.conflict for move, _, _ in told],
        [move.provider_status for move, _, _ in told],
        [move.error_code for move, _, _ in told],
        [move.provider_error for move, _, _ in told],
        [move.detail for move, _, _ in told],
    ]


def _delay(move: Move) -> float:
    if move.status is Status.SENT and move.is_polled:
        return FIRST_POLL
    return DELAYS.get(move.status, move.delay)


def _columns_of_entries(moves: Sequence[Move]) -> list[list[Any]]:
    purpose = DispatchEntry.Purpose
    return [
        [move.message_id for move in moves],
        [(purpose.SETTLE if move.status in DELAYS else purpose.SUBMIT).value for move in moves],
        [move.lease for move in moves],
        [_delay(move) for move in moves],
        [None if move.route is None else move.route.id for move in moves],
        [move.reason for move in moves],
    ]
