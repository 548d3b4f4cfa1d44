"""Withdrawing a message: before anyone has it, once and for all, and never by guess."""

import asyncio
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.db import connection

from sms import scopes
from sms.database import in_thread, transact
from sms.errors import ErrorCode, MessageNotFound, NotCancelable, NotForTestKeys, PermissionDenied
from sms.models import DispatchEntry, Message, SubmitAttempt
from sms.providers.base import Outcome
from sms.providers.errors import ProviderError
from sms.records import MessageRecord
from sms.routing.records import SIMULATOR, Snapshot
from sms.services import clock, dispatch, sweep
from sms.services.cancel import cancel
from sms.services.reconcile import reconcile
from sms.statuses import Status
from tests.accounts import make_caller
from tests.messages import age, apply, attempt, history, move, store, store_as

HEARD = []
UNTOUCHED = {Status.SCHEDULED, Status.QUEUED}


def hear(changes):
    """Remember what is announced, as a listener."""
    HEARD.append(changes)


def withdraw(caller, message):
    """Cancel as an edge does, from a test that is no coroutine."""
    return asyncio.run(cancel(caller=caller, message_id=message.id))


def refused(caller, message):
    """Check that a message cannot be canceled and that nothing of it changes; return the refusal."""
    before = (history(message), list(DispatchEntry.objects.filter(message=message).values()))
    with pytest.raises(NotCancelable) as caught:
        withdraw(caller, message)
    assert (history(message), list(DispatchEntry.objects.filter(message=message).values())) == before
    return caught.value


def claim():
    """Claim as a worker does."""
    return dispatch.claim(limit=100)


def test_a_queued_message_is_canceled_and_never_submitted(caller):
    """It is CANCELED with its history, has left the queue, and no worker gets it."""
    message, other = store(caller), store(caller)
    canceled = withdraw(caller, message)
    assert (canceled.id, canceled.status, canceled.sequence) == (message.id, "CANCELED", 2)
    assert [(event.sequence, event.status) for event in canceled.history] == [(1, "QUEUED"), (2, "CANCELED")]
    assert history(message) == [(1, "QUEUED"), (2, "CANCELED")]
    assert not DispatchEntry.objects.filter(message=message).exists()
    assert [one.message_id for one in claim()] == [other.id]
    assert reconcile()[1] == []


def test_canceling_again_is_harmless(caller):
    """The second time returns the same message, and adds nothing to its history."""
    message = store(caller)
    first, second = withdraw(caller, message), withdraw(caller, message)
    assert (second.id, second.status, second.updated_at) == (first.id, "CANCELED", first.updated_at)
    assert history(message) == [(1, "QUEUED"), (2, "CANCELED")]


@pytest.mark.parametrize("status", sorted(set(Status) - UNTOUCHED - {Status.CANCELED}))
def test_what_a_worker_has_touched_is_refused_by_its_status(caller, status):
    """The refusal names the present status, and nothing changes."""
    error = refused(caller, store_as(caller, status))
    assert (error.code, error.field) == (ErrorCode.NOT_CANCELABLE, "id")
    assert f"is {status};" in error.detail


def test_a_scheduled_message_is_canceled(caller):
    """What waits for its send time can be withdrawn."""
    message = store_as(caller, Status.SCHEDULED)
    assert withdraw(caller, message).status == "CANCELED"


def test_a_message_that_waits_for_a_retry_is_canceled(caller):
    """The provider said no, so nobody has it."""
    message = store(caller)
    dispatch.record(claim(), [Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, "429")])
    assert withdraw(caller, message).status == "CANCELED"
    assert [status for _, status in history(message)] == ["QUEUED", "SENDING", "QUEUED", "CANCELED"]


@pytest.mark.parametrize("outcome", ["MAYBE_SENT", None])
def test_a_message_that_is_queued_again_on_a_guess_is_refused(caller, outcome):
    """Its policy takes the text twice, so the first one may have arrived: nobody can say that it was never sent."""
    message = store_as(caller, Status.UNCERTAIN)
    Message.objects.filter(id=message.id).update(delivery_policy="AT_LEAST_ONCE")
    made = attempt(message)
    SubmitAttempt.objects.filter(id=made.id).update(outcome=outcome)
    apply(move(message, "QUEUED"))
    assert "is QUEUED;" in refused(caller, message).detail


def test_another_accounts_message_does_not_exist(caller):
    """Nor does one that nobody has: neither the refusal nor what becomes of it tells of the other account's."""
    other = make_caller("other")
    theirs, sent = store(other), store_as(other, Status.SENT)
    for message_id in (theirs.id, sent.id, uuid.uuid4()):
        with pytest.raises(MessageNotFound):
            asyncio.run(cancel(caller=caller, message_id=message_id))
    assert (history(theirs), history(sent)) == ([(1, "QUEUED")], [(1, "SENT")])


def test_a_key_without_the_scope_may_not_cancel(transactional_db):
    """Whoever may only read changes nothing."""
    reader = make_caller("reader", granted=[scopes.READ])
    message = store(reader)
    with pytest.raises(PermissionDenied, match="messages:send"):
        withdraw(reader, message)
    assert history(message) == [(1, "QUEUED")]


def test_a_test_key_cancels_test_messages_only(caller):
    """What is live is none of its business."""
    testing = replace(caller, is_test=True)
    live, test = store(caller), store(testing)
    with pytest.raises(NotForTestKeys) as refused:
        withdraw(testing, live)
    assert refused.value.code is ErrorCode.PERMISSION_DENIED
    assert history(live) == [(1, "QUEUED")]
    assert withdraw(testing, test).status == "CANCELED"
    assert withdraw(caller, live).status == "CANCELED"
    with pytest.raises(MessageNotFound):
        asyncio.run(cancel(caller=testing, message_id=uuid.uuid4()))


def test_the_change_is_announced_once(caller, settings):
    """Listeners hear of it after the commit, and nothing of a repeat or a refusal."""
    settings.SMS_EVENT_LISTENERS = ["tests.sms.test_cancel.hear"]
    HEARD.clear()
    message = store(caller)
    withdraw(caller, message)
    withdraw(caller, message)
    refused(caller, store_as(caller, Status.SENT))
    assert [[(one.event.message_id, one.event.sequence, one.event.status) for one in told] for told in HEARD] == [
        [(message.id, 2, "CANCELED")]
    ]


def test_a_claim_that_is_under_way_is_waited_for(caller):
    """The claim has the row lock; the cancel that comes meanwhile sees what the claim has left, and is refused."""
    message = store(caller)
    locked, go = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        claiming = pool.submit(_claim_slowly, locked, go)
        assert locked.wait(10)
        canceling = pool.submit(_try_to_cancel, caller, message)
        _wait_until_somebody_waits_for_a_lock()
        go.set()
        assert [one.message_id for one in claiming.result(10)] == [message.id]
        assert canceling.result(10) == "SENDING"
    assert history(message) == [(1, "QUEUED"), (2, "SENDING")]


def _claim_slowly(locked, go):
    """Claim, and stay a while before the commit."""

    def work():
        claimed, _, _ = dispatch._claim(SIMULATOR, 10, clock.watch(), Snapshot())
        locked.set()
        assert go.wait(10)
        return claimed

    try:
        return transact(work)
    finally:
        connection.close()


def _try_to_cancel(caller, message):
    """Cancel, and return "CANCELED", or the status for which it was refused."""
    try:
        return withdraw(caller, message).status
    except NotCancelable as error:
        return error.detail.split(";")[0].rsplit(" ", 1)[-1]
    finally:
        connection.close()


def _wait_until_somebody_waits_for_a_lock():
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with connection.cursor() as cursor:
        for _ in range(2000):
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
            threading.Event().wait(0.005)
    pytest.fail("nobody waits")


async def test_of_claims_and_cancels_at_once_exactly_one_wins(caller):
    """Each message is either claimed, once, or canceled, however they meet; nothing is both, or neither."""
    stored = [await in_thread(store, caller) for _ in range(60)]
    done = threading.Event()

    def claim_all():
        taken = []
        try:
            while not done.is_set():
                taken += [one.message_id for one in dispatch.claim(limit=3)]
            return taken
        finally:
            connection.close()

    claiming = [asyncio.create_task(asyncio.to_thread(claim_all)) for _ in range(2)]
    answers = await asyncio.gather(
        *(cancel(caller=caller, message_id=one.id) for one in reversed(stored)), return_exceptions=True
    )
    done.set()
    taken = [one for batch in await asyncio.gather(*claiming) for one in batch]
    canceled = [one.id for one in answers if isinstance(one, MessageRecord)]
    assert {type(one) for one in answers} <= {MessageRecord, NotCancelable}
    assert len(taken) == len(set(taken))
    assert sorted([*taken, *canceled]) == sorted(one.id for one in stored)
    statuses = await in_thread(lambda: dict(Message.objects.values_list("id", "status")))
    assert statuses == {**dict.fromkeys(taken, "SENDING"), **dict.fromkeys(canceled, "CANCELED")}


def test_a_dead_workers_message_is_refused_until_it_is_settled(caller):
    """A lease that passed leaves an open attempt: nobody knows, so it is not canceled."""
    message = store(caller)
    claim()
    age("sms_dispatchentry", "due_at", "1 hour", message_id=message.id)
    sweep.release_expired_leases()
    assert "is UNCERTAIN;" in refused(caller, message).detail
