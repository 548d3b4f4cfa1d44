"""Messages that wait for their send time, and whose turn it is when several wait."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sms.database import rows
from sms.errors import IdempotencyConflict, InvalidMessage
from sms.models import DispatchEntry, Message, Priority
from sms.services import cancel, clock, sweep
from sms.services.dispatch import claim
from sms.services.new_message import check
from sms.services.reconcile import reconcile
from sms.services.store import store as store_messages
from tests.messages import age, history, store
from tests.sms.test_clock import step

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
REQUEST = {"sender_id": "MyCorp", "recipient": "+233200000901", "text": "Hello"}


def in_a(while_):
    """A time ahead, or behind."""
    return datetime.now(UTC) + while_


def claimed():
    """The ids of what a worker may take now."""
    return {one.message_id for one in claim(limit=100)}


def test_a_scheduled_message_waits_and_is_queued_when_its_time_has_come(caller):
    """No worker gets it before; then it is QUEUED, and lives as long as it asks from its send time on."""
    at = in_a(HOUR)
    message = store(caller, send_at=at, valid_for=600)
    entry = DispatchEntry.objects.get(message=message)
    assert (history(message), message.send_at, entry.due_at) == ([(1, "SCHEDULED")], at, at)
    assert entry.expires_at == at + timedelta(seconds=600)
    assert sweep.queue_scheduled() == 0
    assert not claimed()
    assert not reconcile()[1]
    age("sms_dispatchentry", "due_at", "1 hour", message_id=message.id)
    assert sweep.queue_scheduled() == 1
    assert sweep.queue_scheduled() == 0
    assert history(message) == [(1, "SCHEDULED"), (2, "QUEUED")]
    assert claimed() == {message.id}
    assert not reconcile()[1]


def test_more_than_one_set_is_queued_in_one_run(caller, monkeypatch):
    """A thousand reminders for nine o'clock do not wait for the next sweep."""
    monkeypatch.setattr(sweep, "BATCH", 2)
    for _ in range(5):
        store(caller, send_at=in_a(HOUR))
    DispatchEntry.objects.update(due_at=in_a(-HOUR))
    assert sweep.queue_scheduled(keep_going=lambda: False) == 2
    assert sweep.queue_scheduled() == 3
    assert set(Message.objects.values_list("status", flat=True)) == {"QUEUED"}


@pytest.mark.parametrize("offset", [timedelta(hours=5, minutes=45), timedelta(hours=-11), timedelta(0)])
def test_a_send_time_means_the_same_moment_in_every_zone(caller, offset):
    """It is kept by UTC, and two spellings of one moment are one request."""
    at = in_a(HOUR)
    new = check(caller, **REQUEST, send_at=at.astimezone(timezone(offset)), idempotency_key="k")
    assert (new.send_at, new.send_at.utcoffset()) == (at, timedelta(0))
    assert new.fingerprint == check(caller, **REQUEST, send_at=at, idempotency_key="k").fingerprint


def test_a_request_may_be_repeated_after_its_send_time(caller):
    """The repeat returns the message; one that was never stored is sent at once."""
    first = store(caller, send_at=in_a(HOUR), idempotency_key="k")
    late = check(caller, **REQUEST, send_at=first.send_at, idempotency_key="k")
    assert store_messages([late])[0].message.id == first.id
    assert history(store(caller, send_at=in_a(-HOUR / 2))) == [(1, "QUEUED")]


@pytest.mark.parametrize(
    "at",
    [datetime(2030, 1, 1, 9), in_a(-2 * HOUR), in_a(timedelta(days=91)), datetime.max.replace(tzinfo=UTC)],  # noqa: DTZ001
    ids=["no zone", "past", "too far", "the end of time"],
)
def test_a_send_time_that_cannot_be_meant_is_refused(caller, at):
    """What has no zone, is long past, or is far ahead."""
    with pytest.raises(InvalidMessage) as refused:
        check(caller, **REQUEST, send_at=at)
    assert (refused.value.code, refused.value.field) == ("SEND_AT_INVALID", "send_at")


def test_a_scheduled_message_can_be_canceled(caller):
    """Before its time; then it is never sent."""
    message = store(caller, send_at=in_a(HOUR))
    assert cancel.withdraw(caller.account_id, message.id)[0].status == "CANCELED"
    assert not DispatchEntry.objects.exists()
    assert not reconcile()[1]


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_a_send_time_stays_when_the_clock_steps(caller, by):
    """It was chosen by the true time, not by the clock that was wrong."""
    clock.forget()
    clock.look()
    message = store(caller, send_at=in_a(5 * HOUR))
    before = DispatchEntry.objects.get(message=message)
    step(by)
    clock.look()
    after = DispatchEntry.objects.get(message=message)
    clock.forget()
    # `step` moves what is stored instead of the clock.
    assert (after.due_at, after.expires_at) == (before.due_at - by, before.expires_at - by)


def test_the_clock_of_the_moment_does_not_bring_a_send_time_back(caller):
    """A message written by a clock that was ahead keeps its send time."""
    message = store(caller, send_at=in_a(5 * HOUR))
    Message.objects.filter(id=message.id).update(updated_at=in_a(HOUR), created_at=in_a(HOUR))
    message.events.update(occurred_at=in_a(HOUR))
    clock.bring_back()
    clock.forget()
    assert DispatchEntry.objects.get(message=message).due_at == message.send_at
    assert Message.objects.get(id=message.id).updated_at < in_a(timedelta(minutes=1))


def test_the_urgent_go_first(caller):
    """OTP before NORMAL before BULK, whichever came first."""
    wanted = [store(caller, priority=one).id for one in ("BULK", "NORMAL", "OTP")]
    assert [one_claimed() for _ in wanted] == wanted[::-1]
    assert [Message.objects.get(id=one).priority for one in wanted] == [Priority.BULK, Priority.NORMAL, Priority.OTP]


def one_claimed():
    """The id of the next message that a worker takes."""
    (one,) = claim(limit=1)
    return one.message_id


def test_metadata_is_kept_as_it_was_given(caller):
    """Names and texts come back; whatever is in them."""
    given = [("order", '7 "quoted" \\ {}'), ("emoji", "😀"), ("empty", "")]
    assert store(caller, metadata=given).metadata == dict(given)
    assert store(caller, metadata=[]).metadata is None
    assert store(caller).metadata is None


@pytest.mark.parametrize(
    "given",
    [
        [("n" * 41, "")],
        [("", "x")],
        [("n", "x" * 501)],
        [(str(number), "") for number in range(21)],
        [("n", "1"), ("n", "2")],
        [("n", "a\0b")],
        [("n", "\ud83d")],
    ],
    ids=["long name", "no name", "long text", "many", "twice", "NUL", "half a pair"],
)
def test_metadata_that_is_too_much_is_refused(caller, given):
    """Names and texts have limits, and a name comes once."""
    with pytest.raises(InvalidMessage) as refused:
        check(caller, **REQUEST, metadata=given)
    assert (refused.value.code, refused.value.field) == ("METADATA_INVALID", "metadata")


def test_an_unknown_priority_is_refused(caller):
    """Only the names that there are."""
    with pytest.raises(InvalidMessage) as refused:
        check(caller, **REQUEST, priority="URGENT")
    assert refused.value.code == "PRIORITY_INVALID"


def test_one_key_with_another_time_priority_or_metadata_is_a_conflict(caller):
    """They belong to the request; so do they when they were left out."""
    store(caller, idempotency_key="k")
    for other in ({"send_at": in_a(HOUR)}, {"priority": "OTP"}, {"metadata": [("a", "b")]}):
        (result,) = store_messages([check(caller, **REQUEST, idempotency_key="k", **other)])
        assert isinstance(result, IdempotencyConflict)
    (same,) = store_messages([check(caller, **REQUEST, idempotency_key="k", priority="NORMAL", metadata=[])])
    assert same.replayed


def test_a_key_stands_for_something_else_with_a_test_key(caller):
    """What was tried with a test key takes no live key away."""
    trial = replace(caller, is_test=True)
    first, second = store(trial, idempotency_key="k"), store(caller, idempotency_key="k")
    assert (first.is_test, second.is_test, first.id == second.id) == (True, False, False)


def test_a_million_that_wait_are_not_in_the_way(caller):
    """The claim looks only at what is due: what waits for its send time is in another index."""
    waiting, due = store(caller, send_at=in_a(HOUR)), store(caller, priority="BULK")
    assert claimed() == {due.id}
    ((purpose,),) = rows("SELECT purpose FROM sms_dispatchentry WHERE message_id = %s", waiting.id)
    assert purpose == DispatchEntry.Purpose.SCHEDULE
