"""The pure table, the database and every statement that changes a status agree, for every pair of statuses.

The statements are tempted: a message of each status is given a queue entry of the very kind that the statement looks
for, also where the service would never leave one. What the table does not allow must not happen even then.
"""

import itertools
import re
from contextlib import suppress
from uuid import uuid4

import pytest
from django.db import connection

from sms.database import transact
from sms.errors import NotCancelable
from sms.models import DispatchEntry, Message, SubmitAttempt
from sms.providers.base import DeliveryReport, Finding, Outcome, Submission
from sms.providers.errors import ProviderError
from sms.routing.choose import Wanted
from sms.routing.records import SIMULATOR
from sms.services import cancel, dispatch, moves, receive, report, settle, sweep
from sms.services.dispatch import Claimed
from sms.services.moves import Move, Verdict
from sms.services.new_message import check
from sms.services.settle import Uncertain
from sms.services.store import store
from sms.statuses import FINAL, HARD_FINAL, OPEN, RANK, SOFT_FINAL, Status, can_move, can_requeue
from tests.messages import age, attempt, history, store_as
from tests.sms.reference_model import TABLE

SUBMIT, SETTLE = DispatchEntry.Purpose.SUBMIT, DispatchEntry.Purpose.SETTLE
REASONS = list(itertools.product((False, True), (False, True)))  # known not sent, resend allowed


def test_ranks_and_kinds_are_the_designs():
    """The sets that the code decides by are those of the design's table, written out in the reference model."""
    assert {status.value: RANK[status] for status in Status} == {word: rank for word, (rank, _) in TABLE.items()}
    for kind, statuses in (("open", OPEN), ("soft final", SOFT_FINAL), ("hard final", HARD_FINAL)):
        assert set(statuses) == {word for word, (_, one) in TABLE.items() if one == kind}
    assert set(FINAL) == {word for word, (_, kind) in TABLE.items() if kind != "open"}


@pytest.mark.parametrize("name", ["message_status", "event_status"])
def test_the_database_has_the_designs_words(transactional_db, name):
    """The constraint that PostgreSQL itself applies lists exactly the twelve."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name])
        ((definition,),) = cursor.fetchall()
    assert sorted(re.findall(r"'([A-Z]+)'", definition)) == sorted(TABLE)


def several_as(caller, status, count, *, resend_allowed):
    """Return the ids of messages in a status, with the queue entries that belong to them."""
    new = [check(caller, sender_id="MyCorp", recipient="+233200000901", text="Hello") for _ in range(count)]
    store(new)
    ids = [one.id for one in new]
    policy = "AT_LEAST_ONCE" if resend_allowed else "AT_MOST_ONCE"
    Message.objects.filter(id__in=ids).update(status=status, delivery_policy=policy)
    if status in FINAL:
        DispatchEntry.objects.filter(message__in=ids).delete()
    return ids


@pytest.mark.parametrize("reason", REASONS, ids=lambda one: f"known_not_sent={one[0]},resend_allowed={one[1]}")
@pytest.mark.parametrize("old", sorted(Status))
def test_the_engine_writes_exactly_what_the_table_says(caller, old, reason):
    """For every new status, whatever the reason: moved with the next sequence and a line, or nothing at all."""
    known_not_sent, resend_allowed = reason
    ids = several_as(caller, old, len(Status), resend_allowed=resend_allowed)
    asked = [Move(one, new, known_not_sent=known_not_sent) for one, new in zip(ids, sorted(Status), strict=True)]
    transact(lambda: moves.apply(moves.lock(ids), asked))
    for one in asked:
        requeued = can_requeue(old, known_not_sent=known_not_sent, resend_allowed=resend_allowed)
        moved = can_move(old, one.status) or (one.status is Status.QUEUED and requeued)
        message = Message.objects.get(id=one.message_id)
        assert (message.status, message.sequence) == ((one.status, 2) if moved else (old, 1)), one.status
        assert [status for _, status in history(message)] == ["QUEUED", *([one.status] if moved else [])]
        assert (one.verdict is Verdict.APPLIED) is moved
        assert DispatchEntry.objects.filter(message=message).exists() is (message.status in OPEN)


@pytest.mark.parametrize("old", sorted(SOFT_FINAL))
def test_after_the_window_nothing_corrects_a_soft_final(caller, old):
    """The one thing that the table leaves to time."""
    ids = several_as(caller, old, len(Status), resend_allowed=True)
    for one in ids:
        age("sms_message", "updated_at", "73 hours", id=one)
    asked = [Move(one, new, known_not_sent=True) for one, new in zip(ids, sorted(Status), strict=True)]
    assert transact(lambda: moves.apply(moves.lock(ids), asked)) == []
    assert set(Message.objects.values_list("status", "sequence")) == {(old, 1)}


def tempting(caller, **entry):
    """Return a message of each status, all with a queue entry that is due and as given, and an attempt."""
    made = {old: store_as(caller, old) for old in sorted(Status)}
    for message in made.values():
        attempt(message)
        shape = {"lease": None, "attempts": 1, "expires_at": "2100-01-01T00:00Z", **entry}
        DispatchEntry.objects.update_or_create(message=message, defaults={**shape, "due_at": message.created_at})
    return made


def statuses(made):
    """Where each of the messages is now."""
    return {old: Message.objects.get(id=message.id).status for old, message in made.items()}


def expected(new, allowed=can_move):
    """Where each status leads when `new` is asked for."""
    return {old: new if allowed(old, new) else old for old in sorted(Status)}


def test_a_claim(caller):
    """What the table lets into SENDING is handed out, and nothing else, whatever the queue says."""
    made = tempting(caller, purpose=SUBMIT)
    claimed = dispatch.claim(limit=100)
    assert statuses(made) == expected(Status.SENDING)
    assert {one.message_id for one in claimed} == {made[Status.SCHEDULED].id, made[Status.QUEUED].id}
    assert SubmitAttempt.objects.count() == len(made) + len(claimed)


def test_a_claim_after_the_validity(caller):
    """EXPIRED is told of what may become it, and none of it is handed out."""
    made = tempting(caller, purpose=SUBMIT, expires_at="2000-01-01T00:00Z")
    assert dispatch.claim(limit=100) == []
    assert statuses(made) == expected(Status.EXPIRED)


def test_a_sweep(caller):
    """A lease that passed leads to UNCERTAIN, never back."""
    made = tempting(caller, purpose=SUBMIT, lease=uuid4())
    sweep.release_expired_leases()
    assert statuses(made) == expected(Status.UNCERTAIN)


def test_a_settlement_after_the_window(caller):
    """Silence leads to UNKNOWN, never back."""
    made = tempting(caller, purpose=SETTLE)
    for message in made.values():
        age("sms_message", "updated_at", "73 hours", id=message.id)
    settle.settle()
    # What is soft final for longer than the window stays.
    assert statuses(made) == expected(Status.UNKNOWN, lambda old, new: can_move(old, new) and old not in SOFT_FINAL)


@pytest.mark.parametrize(
    ("finding", "resend_allowed", "new"),
    [
        (Finding.found("r-1"), False, "SENT"),
        (Finding.not_there(), False, "QUEUED"),
        (Finding.no_answer(), False, "UNCERTAIN"),
        (Finding.no_answer(), True, "QUEUED"),
    ],
    ids=["found", "not there", "no answer", "no answer, resend allowed"],
)
def test_a_look_up(caller, finding, resend_allowed, new):
    """It settles what is UNCERTAIN; whatever happened to a message meanwhile stands."""
    made = tempting(caller, purpose=SETTLE)
    if resend_allowed:
        Message.objects.update(delivery_policy="AT_LEAST_ONCE")
    asked = [Uncertain(one.id, SubmitAttempt.objects.get(message=one).id, 1, "simulator") for one in made.values()]
    transact(settle._record, "simulator", asked, [finding] * len(asked))
    assert statuses(made) == {old: new if old is Status.UNCERTAIN else old for old in made}


@pytest.mark.parametrize("new", [*sorted(Status), None])
def test_a_receipt(caller, new):
    """A word leads where the table says; a word that means nothing leads nowhere."""
    made = {old: store_as(caller, old) for old in sorted(Status)}
    word = new or "FLURBLED"
    told = [DeliveryReport(f"r-{message.id}", word, new, attempt(message).id) for message in made.values()]
    receive.store([receive.Incoming("simulator", one, b"{}") for one in told])
    report.process_set(limit=100)
    assert statuses(made) == (expected(new) if new else {old: old for old in made})


# What an answer makes of each status: design, section 5, and the promise "no blind resend". A no tells of its attempt
# only, so it moves nothing that the provider is known to have, or that is final.
UNDECIDED = {Status.SCHEDULED, Status.QUEUED, Status.SENDING, Status.UNCERTAIN}
BUSY = Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, "429")
ANSWERS = {
    "sent": (Outcome.sent("r-1"), Status.SENT, UNDECIDED),
    "maybe sent": (Outcome.maybe_sent("?"), Status.UNCERTAIN, UNDECIDED),
    "not yet": (BUSY, Status.QUEUED, {Status.SENDING, Status.UNCERTAIN, Status.SCHEDULED}),
    "never": (Outcome.not_sent(ProviderError.INVALID_DESTINATION, "no"), Status.REJECTED, UNDECIDED),
    "not by us": (Outcome.not_sent(ProviderError.NO_ROUTE, "no"), Status.FAILED, UNDECIDED),
}


@pytest.mark.parametrize(("outcome", "new", "moved"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer(caller, outcome, new, moved):
    """The answer of the last attempt, in whatever status it finds its message."""
    made = {old: store_as(caller, old) for old in sorted(Status)}
    DispatchEntry.objects.update(attempts=1)
    claimed = [
        Claimed(
            one.id,
            1,
            Submission(attempt(one).id, one.sender_id, one.recipient, one.text),
            SIMULATOR,
            Wanted(one.recipient, one.sender_id, one.priority),
        )
        for one in made.values()
    ]
    dispatch.record(claimed, [outcome] * len(claimed))
    assert statuses(made) == {old: new if old in moved else old for old in made}


def test_a_cancellation(caller):
    """CANCELED from SCHEDULED and QUEUED, and from nowhere else."""
    made = {old: store_as(caller, old) for old in sorted(Status)}
    for message in made.values():
        with suppress(NotCancelable):
            cancel.withdraw(caller.account_id, message.id)
    assert statuses(made) == expected(Status.CANCELED)
