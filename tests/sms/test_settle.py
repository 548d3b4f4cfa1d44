"""What nobody answered for is settled: by the provider's look-up, by the message's policy, by time."""

from datetime import timedelta

import pytest

from sms.models import DispatchEntry, Message, Receipt, SubmitAttempt
from sms.providers import registry
from sms.services import dispatch, report, settle
from sms.statuses import Status
from tests.http import call
from tests.messages import age, attempt, history, store_as
from tests.simulator.process import Simulator
from tests.simulator.sink import Sink


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    """A real provider to ask."""
    with Sink() as sink, Simulator(tmp_path_factory.mktemp("settle"), webhook_url=sink.url) as simulator:
        yield simulator


@pytest.fixture
def provider_url(simulator, settings):
    """Let the service's provider be that simulator."""
    _use(settings, simulator.url)
    yield simulator.url
    registry.forget()


def _use(settings, url):
    settings.SMS_PROVIDERS = {"simulator": {**settings.SMS_PROVIDERS["simulator"], "url": url, "timeout": 1.0}}
    registry.forget()


def uncertain(caller, *, taken_at=None, policy="AT_MOST_ONCE"):
    """A message whose submit was never answered, due to be settled; the provider at `taken_at` has it."""
    message = store_as(caller, Status.UNCERTAIN)
    Message.objects.filter(id=message.id).update(delivery_policy=policy)
    made = attempt(message)
    if taken_at is not None:
        document = {"client_reference": str(made.id), "from": "MyCorp", "to": "+233200000905", "text": "Hello"}
        assert call("POST", f"{taken_at}/v1/messages", document).status == 202
    make_due(message)
    return message


def make_due(message):
    """Let it be time to settle a message."""
    age("sms_dispatchentry", "due_at", "80 hours", message_id=message.id)


def test_a_worker_that_stops_settles_the_set_in_hand_and_no_more(caller, provider_url, monkeypatch):
    """A silent provider takes its time for each set, and a worker that is told to stop has little."""
    monkeypatch.setattr(settle, "BATCH", 2)
    for _ in range(3):
        uncertain(caller, taken_at=provider_url)
    assert settle.settle(keep_going=lambda: False) == 2
    assert settle.settle(keep_going=lambda: False) == 1


def test_what_the_provider_has_is_sent(caller, provider_url):
    """The look-up brings the reference, and nothing is sent again."""
    message = uncertain(caller, taken_at=provider_url)
    assert settle.settle() == 1
    message.refresh_from_db()
    closed = SubmitAttempt.objects.get(message=message)
    assert (message.status, message.sequence) == ("SENT", 2)
    assert message.provider_reference == closed.provider_reference
    assert message.provider_reference is not None
    assert closed.outcome == "SENT"
    assert dispatch.claim(limit=10) == []


def test_a_receipt_that_waits_for_the_reference_is_woken(caller, provider_url):
    """It came before anyone knew its reference; what the look-up finds makes it due at once."""
    message = uncertain(caller, taken_at=provider_url)
    made = SubmitAttempt.objects.get(message=message)
    taken = call("GET", f"{provider_url}/v1/messages?client_reference={made.id}").json()
    early = Receipt.objects.create(
        provider="simulator",
        provider_reference=taken["reference"],
        provider_status="DELIVERED",
        status="DELIVERED",
        body=b"{}",
        due_at=message.created_at + timedelta(minutes=5),
    )
    settle.settle()
    report.process_set(limit=10)
    early.refresh_from_db()
    message.refresh_from_db()
    assert (early.outcome, message.status) == ("APPLIED", "DELIVERED")


def test_what_the_provider_does_not_have_is_queued_again(caller, provider_url):
    """The look-up says that it was never taken, so sending it is not sending it twice."""
    message = uncertain(caller)
    assert settle.settle() == 1
    assert history(message) == [(1, "UNCERTAIN"), (2, "QUEUED")]
    assert SubmitAttempt.objects.get(message=message).outcome == "NOT_SENT"
    assert [one.attempt_number for one in dispatch.claim(limit=10)] == [2]


@pytest.mark.parametrize(("policy", "expected"), [("AT_MOST_ONCE", "UNCERTAIN"), ("AT_LEAST_ONCE", "QUEUED")])
def test_without_an_answer_the_messages_own_policy_decides(caller, settings, policy, expected):
    """Where nobody can say, only a message that may arrive twice is sent again."""
    _use(settings, "http://127.0.0.1:9")
    message = uncertain(caller, policy=policy)
    settle.settle()
    registry.forget()
    assert Message.objects.get(id=message.id).status == expected
    entry = DispatchEntry.objects.get(message=message)
    assert (entry.purpose == DispatchEntry.Purpose.SETTLE) is (expected == "UNCERTAIN")


def test_it_is_looked_up_ever_more_seldom(caller, settings):
    """The next look comes after as long again as the message has been uncertain."""
    _use(settings, "http://127.0.0.1:9")
    message = uncertain(caller)
    age("sms_message", "updated_at", "10 minutes", id=message.id)
    settle.settle()
    registry.forget()
    message.refresh_from_db()
    entry = DispatchEntry.objects.get(message=message)
    assert 1190 < (entry.due_at - message.updated_at).total_seconds() < 1230


def test_after_the_window_it_is_unknown(caller, provider_url):
    """72 hours are enough: nobody is asked any more."""
    message = uncertain(caller)
    age("sms_message", "updated_at", "73 hours", id=message.id)
    settle.settle()
    assert history(message) == [(1, "UNCERTAIN"), (2, "UNKNOWN")]
