"""Claiming and recording: what a worker writes before and after it calls a provider."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis
from django.db import connection
from django.db.models.functions import Now

from sms import retry
from sms.models import DispatchEntry, Message, MessageEvent, SubmitAttempt
from sms.providers.base import Outcome
from sms.providers.errors import ProviderError
from sms.services import dispatch, sweep
from tests.messages import age, apply, history, make_due, move, store

references = (f"ref-{n}" for n in itertools.count())


def claim(limit=100):
    """Claim as a worker does."""
    return dispatch.claim(limit=limit)


def record(claimed, *outcomes):
    """Record as a worker does."""
    dispatch.record(claimed, outcomes)


def status(message):
    """The message's status as stored."""
    return Message.objects.get(id=message.id).status


def test_the_attempt_is_written_before_anyone_is_called(caller):
    """A claim leaves a lease, an open attempt and SENDING, all committed."""
    message = store(caller)
    (claimed,) = claim()
    attempt = SubmitAttempt.objects.get(message=message)
    assert (attempt.id, attempt.number, attempt.outcome) == (claimed.submission.attempt_id, 1, None)
    assert DispatchEntry.objects.get(message=message).lease is not None
    assert history(message) == [(1, "QUEUED"), (2, "SENDING")]
    assert (claimed.submission.sender_id, claimed.submission.recipient, claimed.submission.text) == (
        "MyCorp",
        "+233200000901",
        "Hello",
    )


def test_a_message_is_claimed_once(caller):
    """What one worker holds, no other gets; many that claim at once share the work without overlap."""
    stored = {store(caller).id for _ in range(60)}

    def one_worker(_):
        try:
            return [one.message_id for one in claim(limit=7)]
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        taken = [message for batch in pool.map(one_worker, range(12)) for message in batch]
    assert len(taken) == len(set(taken))
    assert set(taken) == stored
    assert claim() == []


def test_a_yes_is_recorded_with_its_reference(caller):
    """SENT, the reference on message and attempt, and a wait for the receipt."""
    message = store(caller)
    reference = next(references)
    record(claim(), Outcome.sent(reference))
    message.refresh_from_db()
    attempt = SubmitAttempt.objects.get(message=message)
    entry = DispatchEntry.objects.get(message=message)
    assert (message.status, message.provider, message.provider_reference) == ("SENT", "simulator", reference)
    assert (attempt.outcome, attempt.provider_reference) == ("SENT", reference)
    assert attempt.finished_at is not None
    assert (entry.purpose, entry.lease) == (DispatchEntry.Purpose.SETTLE, None)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ProviderError.INVALID_DESTINATION, "REJECTED"),
        (ProviderError.CONTENT_INVALID, "REJECTED"),
        (ProviderError.SENDER_NOT_ALLOWED, "REJECTED"),
        (ProviderError.RECIPIENT_OPTED_OUT, "REJECTED"),
        (ProviderError.NO_ROUTE, "FAILED"),
        (ProviderError.UNCLASSIFIED, "QUEUED"),
        (ProviderError.ABSENT_SUBSCRIBER, "QUEUED"),
        (ProviderError.PROVIDER_THROTTLED, "QUEUED"),
        (ProviderError.PROVIDER_UNAVAILABLE, "QUEUED"),
        (ProviderError.PROVIDER_AUTH, "QUEUED"),
    ],
)
def test_each_no_leads_where_it_should(caller, error, expected):
    """A refusal for good ends the message; what time mends is queued again, with its reason."""
    message = store(caller)
    record(claim(), Outcome.not_sent(error, "detail", provider_error="their-7"))
    message.refresh_from_db()
    last = MessageEvent.objects.get(message=message, sequence=message.sequence)
    assert (message.status, message.error_code) == (expected, error.value)
    assert (last.error_code, last.provider_error) == (error.value, "their-7")
    assert DispatchEntry.objects.filter(message=message).exists() is (expected == "QUEUED")


def test_no_answer_is_uncertain_and_is_not_sent_again(caller):
    """Nobody knows, so nobody sends it a second time."""
    message = store(caller)
    record(claim(), Outcome.maybe_sent("no answer"))
    assert status(message) == "UNCERTAIN"
    assert claim() == []


def test_a_throttled_message_waits_as_long_as_the_provider_wishes(caller):
    """Retry-After is honoured, and the next attempt is the second."""
    message = store(caller)
    record(claim(), Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, "429", retry_after=30.0))
    assert claim() == []
    entry = DispatchEntry.objects.get(message=message)
    message.refresh_from_db()
    assert 29 < (entry.due_at - message.updated_at).total_seconds() < 31
    make_due(message)
    (again,) = claim()
    assert again.attempt_number == 2
    record([again], Outcome.sent(next(references)))
    assert history(message) == [
        (1, "QUEUED"),
        (2, "SENDING"),
        (3, "QUEUED"),
        (4, "SENDING"),
        (5, "SENT"),
    ]


def test_attempts_are_limited(caller):
    """After the last attempt the message has failed, and says why."""
    message = store(caller)
    DispatchEntry.objects.filter(message=message).update(attempts=retry.SUBMIT.attempts - 1)
    record(claim(), Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, "503"))
    message.refresh_from_db()
    assert (message.status, message.error_code) == ("FAILED", "PROVIDER_UNAVAILABLE")


def test_a_wait_ends_with_the_validity(caller):
    """A one-time code that is good for a minute is EXPIRED after it, not when its next try would have been."""
    message = store(caller, valid_for=60)
    record(claim(), Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, "429", retry_after=1000.0))
    entry = DispatchEntry.objects.get(message=message)
    assert entry.due_at == entry.expires_at
    age("sms_dispatchentry", "due_at", "61 seconds", message_id=message.id)
    age("sms_dispatchentry", "expires_at", "61 seconds", message_id=message.id)
    assert claim() == []
    assert (status(message), history(message)[-1]) == ("EXPIRED", (4, "EXPIRED"))


def test_a_code_that_nobody_knows_is_tried_once_more(caller):
    """Twice the same strange no is our side's failure, not the recipient's."""
    message = store(caller)
    record(claim(), Outcome.not_sent(ProviderError.UNCLASSIFIED, "new"))
    make_due(message)
    record(claim(), Outcome.not_sent(ProviderError.UNCLASSIFIED, "new"))
    message.refresh_from_db()
    assert (message.status, message.error_code) == ("FAILED", "UNCLASSIFIED")


def test_what_outlived_its_validity_is_not_submitted(caller):
    """It becomes EXPIRED instead, and no attempt is made."""
    message = store(caller)
    age("sms_dispatchentry", "expires_at", "73 hours", message_id=message.id)
    assert claim() == []
    assert status(message) == "EXPIRED"
    assert not SubmitAttempt.objects.exists()


def test_an_answer_after_the_lease_still_counts(caller):
    """The sweep called it uncertain; the late yes settles it."""
    message = store(caller)
    claimed = claim()
    age("sms_dispatchentry", "due_at", "1 hour", message_id=message.id)
    sweep.release_expired_leases()
    record(claimed, Outcome.sent(next(references)))
    assert history(message)[-2:] == [(3, "UNCERTAIN"), (4, "SENT")]


def test_a_late_no_of_an_old_attempt_touches_no_newer_one(caller):
    """While a second attempt is open, the first one's belated refusal must not queue a third."""
    message = store(caller)
    Message.objects.filter(id=message.id).update(delivery_policy="AT_LEAST_ONCE")
    first = claim()
    age("sms_dispatchentry", "due_at", "1 hour", message_id=message.id)
    sweep.release_expired_leases()
    apply(move(message, "QUEUED"))
    second = claim()
    assert second[0].attempt_number == 2
    record(first, Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, "503"))
    assert status(message) == "SENDING"
    assert claim() == []
    record(second, Outcome.sent(next(references)))
    assert status(message) == "SENT"
    assert list(SubmitAttempt.objects.order_by("number").values_list("outcome", flat=True)) == ["NOT_SENT", "SENT"]


@pytest.mark.parametrize("error", [ProviderError.DUPLICATE_AT_PROVIDER, ProviderError.NO_ROUTE])
def test_a_no_of_the_second_attempt_does_not_undo_a_yes_of_the_first(caller, error):
    """The provider has the message: its receipt is still waited for, and applied."""
    message = store(caller, delivery_policy="AT_LEAST_ONCE")
    first = claim()
    age("sms_dispatchentry", "due_at", "1 hour", message_id=message.id)
    sweep.release_expired_leases()
    apply(move(message, "QUEUED"))
    second = claim()
    record(first, Outcome.sent(next(references)))
    record(second, Outcome.not_sent(error, "no"))
    assert status(message) == "SENT"
    assert DispatchEntry.objects.get(message=message).purpose == DispatchEntry.Purpose.SETTLE
    apply(move(message, "DELIVERED", provider_status="DELIVERED"))
    assert [one for _, one in history(message)[-3:]] == ["SENDING", "SENT", "DELIVERED"]


def test_no_answer_tells_nothing_to_whom_more_was_told(caller):
    """A frozen worker's "perhaps" comes after the look-up said no, and a no after a yes: what is known stays known."""
    message = store(caller)
    claimed = claim()
    made = SubmitAttempt.objects.filter(message=message)
    for known, said in (
        ("NOT_SENT", Outcome.maybe_sent("?")),
        ("SENT", Outcome.maybe_sent("?")),
        ("SENT", Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, "503")),
    ):
        made.update(outcome=known)
        record(claimed, said)
        assert made.get().outcome == known
    made.update(outcome="NOT_SENT")
    record(claimed, Outcome.sent(next(references)))
    assert made.get().outcome == "SENT"


def test_an_answer_that_a_receipt_overtook_only_adds_its_reference(caller):
    """The message stays DELIVERED and learns the provider's reference."""
    message = store(caller)
    claimed = claim()
    apply(move(message, "DELIVERED", provider_status="DELIVERED"))
    reference = next(references)
    record(claimed, Outcome.sent(reference))
    message.refresh_from_db()
    assert (message.status, message.provider_reference) == ("DELIVERED", reference)
    assert history(message)[-1] == (3, "DELIVERED")


def test_one_bad_outcome_harms_no_neighbour(caller):
    """Each message of a batch gets its own outcome."""
    stored = [store(caller) for _ in range(4)]
    claimed = claim()
    by_message = {
        stored[0].id: Outcome.sent(next(references)),
        stored[1].id: Outcome.maybe_sent("?"),
        stored[2].id: Outcome.not_sent(ProviderError.INVALID_DESTINATION, "x"),
        stored[3].id: Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, "x"),
    }
    record(claimed, *(by_message[one.message_id] for one in claimed))
    assert [status(one) for one in stored] == ["SENT", "UNCERTAIN", "REJECTED", "QUEUED"]


def test_a_provider_that_writes_nonsense_harms_no_neighbour(caller):
    """NUL, which PostgreSQL cannot keep, and endless words are cut; everybody's outcome is written."""
    stored = [store(caller) for _ in range(4)]
    claimed = claim()
    refused = Outcome.not_sent(ProviderError.INVALID_DESTINATION, "no\0" * 500, provider_error="\0x" * 500)
    outcomes = [Outcome.sent("r\0" * 500), refused, Outcome.maybe_sent("\0" * 9), Outcome.sent(next(references))]
    record(claimed, *outcomes)
    by_message = {one.message_id: number for number, one in enumerate(claimed)}
    found = sorted((by_message[one.id], status(one)) for one in stored)
    assert found == [(0, "SENT"), (1, "REJECTED"), (2, "UNCERTAIN"), (3, "SENT")]


def test_the_older_and_the_more_urgent_go_first(caller):
    """Within a priority by time, and a lower number before a higher one."""
    first, second, urgent = store(caller), store(caller), store(caller)
    DispatchEntry.objects.filter(message=urgent).update(priority=1)
    assert [one.message_id for one in claim(limit=2)] == [urgent.id, first.id]
    assert [one.message_id for one in claim()] == [second.id]


def test_a_set_that_was_full_is_not_taken_for_the_last(caller, settings):
    """Half of it had expired: what is due behind it does not wait for the next sweep."""
    expired, _, later = store(caller), store(caller), store(caller)
    DispatchEntry.objects.filter(message=expired).update(expires_at=Now() - timedelta(seconds=1))
    broker = redis.Redis.from_url(settings.SMS_REDIS_URL)
    time.sleep(0.1)  # what was asked for before has been sent
    broker.delete("dispatch")
    assert len(claim(limit=2)) == 1
    end = time.monotonic() + 5
    while not broker.llen("dispatch") and time.monotonic() < end:
        time.sleep(0.01)
    assert (broker.llen("dispatch") > 0, status(expired), status(later)) == (True, "EXPIRED", "QUEUED")
