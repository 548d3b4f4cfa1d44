"""The database's clock steps by an hour, and every wait keeps its length.

A step is made by moving all stored times the other way: to the database that is the same.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection

from sms.models import Clock, DispatchEntry, Message, Receipt
from sms.providers.base import Outcome
from sms.providers.errors import ProviderError
from sms.services import clock, dispatch, report, settle, sweep
from sms.statuses import Status
from tests.messages import age, attempt, store, store_as

HOUR = timedelta(hours=1)
EXACT = timedelta(seconds=20)  # machines are slow, and an hour is long
STORED = {
    "sms_clock": ("seen_at",),
    "sms_message": ("created_at", "updated_at"),
    "sms_messageevent": ("occurred_at",),
    "sms_dispatchentry": ("due_at", "expires_at"),
    "sms_receipt": ("received_at", "due_at"),
}


@pytest.fixture(autouse=True)
def _watched(transactional_db):
    """A worker that has looked once, and then goes on."""
    clock.forget()
    clock.look()
    yield
    clock.forget()


def step(by):
    """Let the clock step, ahead or back, also as this process remembers it."""
    if clock._last is not None:
        clock._last = replace(clock._last, now=clock._last.now - by)
    with connection.cursor() as cursor:
        for table, columns in STORED.items():
            changes = ", ".join(f"{column} = {column} - %s" for column in columns)
            cursor.execute(f"UPDATE {table} SET {changes}", [by] * len(columns))


def written_ahead(messages, receipt, *, by):
    """Make rows as a clock writes them that is ahead; nobody has seen it by now, and it is right again."""
    moved = {
        "sms_message": "id",
        "sms_messageevent": "message_id",
        "sms_dispatchentry": "message_id",
        "sms_receipt": "id",
    }
    keys = {"sms_receipt": [receipt.id]}
    with connection.cursor() as cursor:
        for table, key in moved.items():
            changes = ", ".join(f"{column} = {column} + %s" for column in STORED[table])
            chosen = keys.get(table, [message.id for message in messages])
            cursor.execute(f"UPDATE {table} SET {changes} WHERE {key} = ANY(%s)", [*[by] * len(STORED[table]), chosen])


def left(message):
    """How long a message has to wait, and how long it is valid, from now on."""
    entry = DispatchEntry.objects.get(message=message)
    (now,) = Clock.objects.raw("SELECT 1 AS id, clock_timestamp() AS seen_at")
    return entry.due_at - now.seen_at, entry.expires_at - now.seen_at


def is_about(found, expected):
    """Whether two lengths of time are the same, as far as this machine's pace lets us say."""
    return abs(found - expected) < EXACT


def throttled(caller, *, seconds):
    """A message that its provider wants to have again in so many seconds."""
    message = store(caller)
    outcome = Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, "429", retry_after=float(seconds))
    dispatch.record(claim(), [outcome])
    return message


def claim():
    """Claim as a worker does."""
    return dispatch.claim(limit=100)


def status(message):
    """The message's status as stored."""
    return Message.objects.get(id=message.id).status


@pytest.mark.parametrize("by", [HOUR, -HOUR, 2 * HOUR])
def test_a_retry_waits_as_long_as_it_was_told(caller, by):
    """Neither a step back nor one ahead changes what is left of a wait and of a validity."""
    message = throttled(caller, seconds=1800)
    step(by)
    clock.look()
    due, valid = left(message)
    assert is_about(due, timedelta(seconds=1800))
    assert is_about(valid, timedelta(hours=72))


def test_what_was_due_is_due_at_once_after_a_step_back(caller):
    """A claim notices the step itself, even one by a process that has just started: nobody has to wait for a sweep."""
    message = store(caller)
    step(-HOUR)
    clock.forget()
    assert claim() or left(message)[0] < EXACT  # at once, or a moment later: as long as nobody had looked


@pytest.mark.parametrize("second", [HOUR, -HOUR])
@pytest.mark.parametrize("first", [3 * HOUR, 2 * HOUR, HOUR])
def test_what_came_between_two_steps_that_nobody_saw_is_due_now(caller, first, second):
    """Whether it has to move by one of them or by none: it waits no longer than it was to, and is valid no longer."""
    step(first)
    message = store(caller)
    step(second)
    clock.look()
    clock.bring_back()  # for the two that cancel each other
    due, valid = left(message)
    assert due < EXACT
    assert is_about(valid, timedelta(hours=72))


@pytest.mark.parametrize("steps", [(HOUR, HOUR), (HOUR, -HOUR), (-HOUR, HOUR), (-HOUR, -HOUR)])
def test_a_step_that_is_seen_leaves_the_next_one_enough_to_go_by(caller, steps):
    """A wait and a validity have the same length after every step, and also after one that came in between."""
    message = throttled(caller, seconds=1800)
    for by in steps:
        step(by)
        clock.look()
    step(HOUR)
    step(HOUR)
    clock.look()
    due, valid = left(message)
    assert is_about(due, timedelta(seconds=1800))
    assert is_about(valid, timedelta(hours=72))


def test_what_came_between_two_steps_that_left_no_trace_is_due_within_a_minute(caller):
    """The clock was ahead, and is right again: no look can tell, but nothing can have been written later than now."""
    waiting = throttled(caller, seconds=1800)
    retried, message = throttled(caller, seconds=600), store(caller)
    held, uncertain = store_as(caller, Status.SENDING), store_as(caller, Status.UNCERTAIN)
    sent = store_as(caller, Status.SENT)
    receipt = Receipt.objects.create(provider="simulator", provider_reference="r", provider_status="x", body=b"")
    written_ahead([retried, message, held, uncertain, sent], receipt, by=HOUR)
    clock.look()
    assert is_about(left(message)[0], HOUR)  # no step is found
    assert clock.bring_back() == 5
    assert is_about(left(message)[0], timedelta(0))
    assert is_about(left(message)[1], timedelta(hours=72))
    assert is_about(left(retried)[0], timedelta(seconds=600))
    assert is_about(left(waiting)[0], timedelta(seconds=1800))
    assert is_about(left(held)[0], timedelta(seconds=settings.SMS_LEASE_SECONDS))
    assert is_about(left(uncertain)[0], timedelta(seconds=settings.SMS_LOOK_UP_AFTER))
    assert left(sent)[0] < timedelta(hours=72, seconds=1)
    receipt.refresh_from_db()
    assert receipt.due_at <= DispatchEntry.objects.get(message=message).due_at
    assert clock.bring_back() == 0  # once is enough


def test_a_step_is_mended_as_one_also_when_the_whole_queue_is_searched_first(caller):
    """A wait that was partly over does not begin anew, nor does a validity."""
    message, passed = throttled(caller, seconds=1800), timedelta(minutes=10)
    receipt = Receipt.objects.create(provider="simulator", provider_reference="r", provider_status="x", body=b"")
    written_ahead([message], receipt, by=-passed)
    step(-HOUR)
    clock.bring_back()
    due, valid = left(message)
    assert is_about(due, timedelta(seconds=1800) - passed)
    assert is_about(valid, timedelta(hours=72) - passed)


def test_many_steps_add_up_to_nothing(caller):
    """Back, ahead, ahead, back: each is mended by itself."""
    message = throttled(caller, seconds=1800)
    for by in (-HOUR, HOUR, HOUR, -HOUR):
        step(by)
        clock.look()
    assert is_about(left(message)[0], timedelta(seconds=1800))


def test_a_step_is_mended_once_however_many_look(caller):
    """Eight workers find the same step at the same time; what waits moves by it one single time."""
    message = throttled(caller, seconds=1800)
    step(-HOUR)

    def one_worker(_):
        try:
            clock.look()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one_worker, range(8)))
    assert is_about(left(message)[0], timedelta(seconds=1800))


def test_a_clock_that_was_only_a_little_off_moves_nothing(caller):
    """Half a second is no step: NTP and jitter are left alone."""
    message = throttled(caller, seconds=1800)
    step(timedelta(seconds=-0.5))
    before = DispatchEntry.objects.get(message=message)
    clock.look()
    after = DispatchEntry.objects.get(message=message)
    assert (after.due_at, after.expires_at) == (before.due_at, before.expires_at)


def test_what_came_after_the_step_is_left_alone(caller):
    """A message accepted between the step and its discovery has the new time already, even one of short validity."""
    store(caller)
    step(-HOUR)
    young = store(caller, valid_for=60)
    before = DispatchEntry.objects.get(message=young)
    clock.look()
    after = DispatchEntry.objects.get(message=young)
    assert (after.due_at, after.expires_at) == (before.due_at, before.expires_at)


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_a_validity_of_a_minute_is_a_minute(caller, by):
    """A step ahead expires nothing early, a step back nothing late; and a claim finds out by itself."""
    message = store(caller, valid_for=60)
    step(by)
    claimed = [one.message_id for one in claim()]
    due, valid = left(message)
    assert is_about(valid, timedelta(seconds=60))
    assert claimed == [message.id] or due < EXACT  # late by as much as nobody had looked
    assert status(message) in {"SENDING", "QUEUED"}


def test_time_that_has_passed_is_no_step(caller):
    """A validity that passed while all workers were away has passed."""
    message = store(caller, valid_for=60)
    step(HOUR)
    clock.forget()
    assert claim() == []
    assert status(message) == "EXPIRED"


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_a_lease_that_is_held_begins_anew(caller, by):
    """A step ahead takes no message from a worker that may be about to send it, and a step back keeps none for ever."""
    message = store(caller)
    claim()
    step(by)
    assert sweep.release_expired_leases() == 0
    clock.look()
    assert sweep.release_expired_leases() == 0
    assert status(message) == "SENDING"
    assert is_about(left(message)[0], timedelta(seconds=settings.SMS_LEASE_SECONDS))


def test_after_a_time_without_workers_a_lease_begins_anew(caller):
    """Nobody can tell it from a step ahead, and a worker on another machine may still hold the message."""
    message = store(caller)
    claim()
    step(HOUR)
    clock.forget()
    assert sweep.release_expired_leases() == 0
    assert status(message) == "SENDING"
    age("sms_dispatchentry", "due_at", f"{settings.SMS_LEASE_SECONDS} seconds", message_id=message.id)
    assert sweep.release_expired_leases() == 1


def test_after_a_time_without_workers_a_look_up_that_is_near_begins_anew(caller):
    """Its request may still be on its way, if the clock has stepped; what is to be looked up later was long ago."""
    near, far = store_as(caller, Status.UNCERTAIN), store_as(caller, Status.UNCERTAIN)
    for message in (near, far):
        attempt(message)
    age("sms_dispatchentry", "due_at", "-2 hours", message_id=far.id)
    step(HOUR)
    clock.forget()
    assert settle.settle() == 0
    assert is_about(left(near)[0], timedelta(seconds=settings.SMS_LOOK_UP_AFTER))
    assert is_about(left(far)[0], HOUR)
    assert status(near) == status(far) == "UNCERTAIN"


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_an_uncertain_message_is_looked_up_soon(caller, by):
    """A request may still be on its way, so the time for that begins anew; and its age stays what it was."""
    message = store_as(caller, Status.UNCERTAIN)
    attempt(message)
    age("sms_message", "updated_at", "10 minutes", id=message.id)
    age("sms_message", "created_at", "10 minutes", id=message.id)
    step(by)
    clock.look()
    assert is_about(left(message)[0], timedelta(seconds=settings.SMS_LOOK_UP_AFTER))
    (now,) = Clock.objects.raw("SELECT 1 AS id, clock_timestamp() AS seen_at")
    assert is_about(now.seen_at - Message.objects.get(id=message.id).updated_at, timedelta(minutes=10))
    assert settle.settle() == 0


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_a_receipt_is_applied_at_once(caller, by):
    """One that came just before the step, and one that waited for its reference: both are looked at."""
    message = store_as(caller, Status.SENT)
    made = attempt(message, reference="known")
    receipt = Receipt.objects.create(
        provider="simulator",
        provider_reference="known",
        client_reference=made.id,
        provider_status="DELIVERED",
        status="DELIVERED",
        body=b"{}",
    )
    Receipt.objects.filter(id=receipt.id).update(due_at=receipt.received_at + timedelta(minutes=5))
    step(by)
    clock.look()
    assert report.process_set(limit=10) == 1
    assert status(message) == "DELIVERED"


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_a_receipt_waits_for_its_message_for_three_days(caller, by):
    """Not one hour more or less; one that was processed is history, and stays as it is."""
    waiting, done = (
        Receipt.objects.create(provider="simulator", provider_reference=name, provider_status="DELIVERED", body=b"{}")
        for name in ("waiting", "done")
    )
    Receipt.objects.filter(id=done.id).update(processed_at=done.received_at)
    age("sms_receipt", "received_at", "71 hours", id=waiting.id)
    step(by)
    clock.look()
    (now,) = Clock.objects.raw("SELECT 1 AS id, clock_timestamp() AS seen_at")
    assert is_about(now.seen_at - Receipt.objects.get(id=waiting.id).received_at, timedelta(hours=71))
    assert is_about(now.seen_at - Receipt.objects.get(id=done.id).received_at, by)


def test_a_wait_for_a_receipt_stays(caller):
    """Three days are a matter of days, and there may be millions of them."""
    message = store(caller)
    dispatch.record(claim(), [Outcome.sent("reference")])
    step(HOUR)
    before = DispatchEntry.objects.get(message=message)
    clock.look()
    after = DispatchEntry.objects.get(message=message)
    assert (after.due_at, after.expires_at) == (before.due_at, before.expires_at)
