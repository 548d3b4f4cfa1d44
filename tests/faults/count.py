"""What is counted afterwards, from outside: answers of clients, submits at the simulator, rows, and what was pushed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.faults.clients import Load
from tests.faults.plan import RECEIPTS, SLOW, Plan
from tests.faults.provider import Provider
from tests.faults.stack import FaultStack
from tests.faults.subscribers import Followed
from tests.http import call

# DESIGN.md, section 5, written down a second time on purpose: the code's own table is what is tested.
RANK = {
    "SCHEDULED": 10,
    "QUEUED": 20,
    "SENDING": 30,
    "UNCERTAIN": 35,
    "SENT": 40,
    "UNKNOWN": 60,
    "EXPIRED": 70,
    "UNDELIVERED": 80,
    "FAILED": 80,
    "DELIVERED": 90,
    "REJECTED": 90,
    "CANCELED": 90,
}
MAY_GO_BACK = {("SENDING", "QUEUED"), ("UNCERTAIN", "QUEUED")}


@dataclass(slots=True)
class Counted:
    """What was found wrong, as sentences; the length of each list is a figure of the table."""

    lost: list[str] = field(default_factory=list)
    sent_twice: list[str] = field(default_factory=list)
    not_applied: list[str] = field(default_factory=list)
    backwards: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    accepted: int = 0
    receipts: int = 0  # answered 2xx
    last_change: float | None = None  # when the last message that need not wait came to its end
    path: dict[str, int] = field(default_factory=dict)  # how many messages went which way
    outcomes: dict[str, int] = field(default_factory=dict)  # what became of their receipts


def count(stack: FaultStack, *, plan: Plan, load: Load, followed: Sequence[Followed], provider: Provider) -> Counted:
    """Compare what was promised with what is."""
    found = Counted(accepted=len(load.accepted))
    taken = taken_by_simulator(stack, plan)
    rows = _messages(stack, plan)
    _find_lost(found, plan, load, rows, taken)
    policies = {one.text: one.policy for one in plan.messages}
    for text, references in taken.items():
        if len(references) > 1 and policies.get(text) != "AT_LEAST_ONCE":
            found.sent_twice.append(f"{text}: taken {len(references)} times, as {references}")
    history = _history(stack, plan)
    for text, events in history.items():
        found.backwards += [f"{text}: {wrong}" for wrong in steps_back([status for _, status, _ in events])]
    found.path = dict(Counter(" ".join(status for _, status, _ in events) for events in history.values()))
    slow = {one.text for one in plan.messages if one.fate in SLOW}
    ends = [events[-1][2] for text, events in history.items() if text not in slow]
    found.last_change = max(ends, default=None)
    _find_receipts_not_applied(found, stack, plan, taken, provider)
    _find_receipts_not_applied_once(found, stack, plan)
    ends = {row_id: finals(history.get(text, [])) or [sequence] for text, row_id, _, sequence in rows}
    for one in followed:
        last = last_to_see(ends.get(one.message_id, [0]), saw=one.last)
        found.gaps += [f"{one.message_id}: {wrong}" for wrong in holes(one.events, last)]
    return found


def steps_back(statuses: Sequence[str]) -> list[str]:
    """Return every step of a history that the design's table does not allow."""
    return [
        f"{old} → {new}" for old, new in pairwise(statuses) if RANK[new] <= RANK[old] and (old, new) not in MAY_GO_BACK
    ]


def finals(history: Sequence[tuple[int, str, float]]) -> list[int]:
    """Return the sequences of the final statuses in a history: the first, and its late corrections."""
    return [sequence for sequence, status, _ in history if RANK[status] >= RANK["UNKNOWN"]]


def last_to_see(ends: Sequence[int], *, saw: int) -> int:
    """Return with which sequence a subscription had to end that does not stay for late corrections.

    With the first final status, or with a correction that was there already when that status was told.
    """
    return saw if saw in ends else ends[0]


def holes(events: Sequence[tuple[int, str]], last: int) -> list[str]:
    """Return what is wrong with a subscriber's events: each sequence from 1 to `last` has to be there, once."""
    seen = [sequence for sequence, _ in events]
    wrong = [] if seen == list(range(1, last + 1)) else [f"saw {seen} of 1 to {last}"]
    return wrong + steps_back([status for _, status in events])


def taken_by_simulator(stack: FaultStack, plan: Plan) -> dict[str, list[str]]:
    """Return the client references under which the simulator took each text."""
    taken: defaultdict[str, list[str]] = defaultdict(list)
    for recipient in sorted(plan.recipients):
        for one in call("GET", f"{stack.simulator_url}/v1/submits?to={recipient}").json()["messages"]:
            if one["text"].startswith(f"{plan.name} "):
                taken[one["text"]] += one["client_references"]
    return dict(taken)


def _messages(stack: FaultStack, plan: Plan) -> list[tuple[str, str, str, int]]:
    return stack.query("SELECT text, id::text, status, sequence FROM sms_message WHERE text LIKE %s", f"{plan.name} %")


def _history(stack: FaultStack, plan: Plan) -> dict[str, list[tuple[int, str, float]]]:
    history = defaultdict(list)
    for text, *event in stack.query(
        "SELECT m.text, e.sequence, e.status, extract(epoch FROM e.occurred_at)::float8 "
        "FROM sms_messageevent e JOIN sms_message m ON m.id = e.message_id "
        "WHERE m.text LIKE %s AND e.sequence IS NOT NULL ORDER BY e.message_id, e.sequence",
        f"{plan.name} %",
    ):
        history[text].append(tuple(event))
    return history


def _find_lost(
    found: Counted,
    plan: Plan,
    load: Load,
    rows: Iterable[tuple[str, str, str, int]],
    taken: Mapping[str, Sequence[str]],
) -> None:
    stored: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for text, message_id, status, _ in rows:
        stored[text].append((message_id, status))
    for one in plan.messages:
        if (message_id := load.accepted.get(one.number)) is None:
            continue
        statuses = dict(stored[one.text])
        if message_id not in statuses:
            found.lost.append(f"{one.text}: answered 202 as {message_id}, and not there")
        elif len(statuses) > 1:
            found.sent_twice.append(f"{one.text}: one key, and {len(statuses)} messages")
        elif statuses[message_id] != one.end:
            found.lost.append(f"{one.text} (fate {one.fate}): {statuses[message_id]}, not {one.end}")
        elif one.text not in taken:
            found.lost.append(f"{one.text}: {statuses[message_id]}, and the simulator never had it")


RECEIPTS_OF = """
SELECT a.id::text, count(r.id), count(r.id) FILTER (WHERE r.outcome IN ('APPLIED', 'DUPLICATE', 'NOTED'))
FROM sms_submitattempt a
LEFT JOIN sms_receipt r ON r.provider = a.provider AND r.provider_reference = a.provider_reference
WHERE a.id = ANY(%s::uuid[]) GROUP BY a.id
"""


def _find_receipts_not_applied(
    found: Counted, stack: FaultStack, plan: Plan, taken: Mapping[str, Sequence[str]], provider: Provider
) -> None:
    fates = {one.text: one.fate for one in plan.messages}
    # The simulator repeats a receipt until it is answered, and has nothing more to send: all of these were answered.
    due = {
        reference: RECEIPTS.get(fates.get(text, "01"), 1)
        for text, references in taken.items()
        for reference in references
    }
    rows = {row[0]: (row[1], row[2]) for row in stack.query(RECEIPTS_OF, list(due))}
    for reference, expected in due.items():
        stored, processed = rows.get(reference, (0, 0))
        if stored < expected or processed < stored:
            found.not_applied.append(
                f"attempt {reference}: {expected} answered, {stored} stored, {processed} processed"
            )
    ours = dict(
        stack.query(
            "SELECT provider_reference, count(*) FILTER (WHERE outcome IN ('APPLIED', 'DUPLICATE', 'NOTED')) "
            "FROM sms_receipt WHERE provider_reference = ANY(%s) GROUP BY 1",
            list(provider.answered),
        )
    )
    for reference, answered in provider.answered.items():
        if ours.get(reference, 0) < answered:
            found.not_applied.append(f"{reference}: {answered} answered 2xx, {ours.get(reference, 0)} processed")
    found.receipts = sum(due.values()) + sum(provider.answered.values())


OUTCOMES_OF = """
SELECT m.text, coalesce(r.outcome, 'none'), count(*) FROM sms_receipt r JOIN sms_message m ON m.id = r.message_id
WHERE m.text LIKE %s GROUP BY 1, 2
"""
CHANGES_BY_RECEIPTS = """
SELECT m.text, count(*) FROM sms_messageevent e JOIN sms_message m ON m.id = e.message_id
WHERE m.text LIKE %s AND e.sequence IS NOT NULL AND e.provider_status IS NOT NULL GROUP BY 1
"""


def _find_receipts_not_applied_once(found: Counted, stack: FaultStack, plan: Plan) -> None:
    name = f"{plan.name} %"
    outcomes = stack.query(OUTCOMES_OF, name)
    applied = {text: number for text, outcome, number in outcomes if outcome == "APPLIED"}
    found.not_applied += applied_otherwise_than_once(applied, dict(stack.query(CHANGES_BY_RECEIPTS, name)))
    for _, outcome, number in outcomes:
        found.outcomes[outcome] = found.outcomes.get(outcome, 0) + number


def applied_otherwise_than_once(applied: Mapping[str, int], changes: Mapping[str, int]) -> list[str]:
    """Return where the receipts that say APPLIED and the changes that receipts made are not one and one."""
    return [
        f"{text}: {applied.get(text, 0)} receipts applied, {changes.get(text, 0)} changes made by receipts"
        for text in sorted({*applied, *changes})
        if applied.get(text, 0) != changes.get(text, 0)
    ]
