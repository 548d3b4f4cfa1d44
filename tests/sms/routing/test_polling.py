"""Receipts that have to be asked for: soon at first, then ever more rarely, and then like all others."""

from datetime import UTC, datetime

import pytest

from sms.models import DispatchEntry, Message, Receipt
from sms.providers.base import POLLED, DeliveryReport, Facts
from sms.providers.kinds import KINDS
from sms.services import report, settle
from sms.services.moves import RECEIPT_WINDOW
from sms.statuses import Status
from tests.messages import age, history, store
from tests.sms.routing.routes import Told


class Asked(Told):
    """Has to be asked, and tells what a test says."""

    FACTS = Facts("Asked", "none", POLLED, False, False, 1, 500, False, False, "the tests")

    def __init__(self, name):
        super().__init__(name)
        self.asked, self.word, self.is_broken = [], None, False

    async def poll(self, provider_references):
        self.asked.append(list(provider_references))
        if self.is_broken:
            raise ZeroDivisionError
        if self.word is None:
            return []
        return [DeliveryReport(one, self.word, Status(self.word)) for one in provider_references]


@pytest.fixture
def asked(told, monkeypatch):
    """A route whose provider has to be asked."""
    monkeypatch.setitem(KINDS, "asked", f"{__name__}.Asked")
    told.route("asked", kind="asked")
    return told.provider("asked")


def sent(told, caller, count=1):
    """Messages that the provider has."""
    messages = [store(caller) for _ in range(count)]
    told.run()
    return [Message.objects.get(id=one.id) for one in messages]


def let_pass(message, seconds):
    """So long ago it was sent, and it is time to look."""
    age("sms_message", "updated_at", f"{seconds} seconds", id=message.id)
    age("sms_dispatchentry", "due_at", f"{RECEIPT_WINDOW + 60} seconds", message_id=message.id)


def wait_of(message):
    """Seconds until somebody looks at it."""
    return (DispatchEntry.objects.get(message=message).due_at - datetime.now(UTC)).total_seconds()


def test_what_is_sent_is_asked_for_soon(told, asked, caller):
    """Not at the end of the window, as where receipts are pushed."""
    (message,) = sent(told, caller)
    assert message.status == "SENT"
    assert 3 < wait_of(message) <= 5
    told.route("pushed", prefixes=["233"])
    (other,) = sent(told, caller)
    assert (other.provider, round(wait_of(other), -2)) == ("pushed", RECEIPT_WINDOW)


@pytest.mark.parametrize(
    ("since", "wait"), [(1, 5), (60, 60), (3600, 3600), (50_000, 7200), (RECEIPT_WINDOW - 600, 600)]
)
def test_the_longer_it_takes_the_more_rarely_it_is_asked(told, asked, caller, since, wait):
    """After as long as it has been sent, two hours at most, and within the window."""
    (message,) = sent(told, caller)
    let_pass(message, since)
    assert settle.settle() == 0
    assert asked.asked == [[message.provider_reference]]
    assert wait_of(message) == pytest.approx(wait, abs=5)
    assert Message.objects.get(id=message.id).status == "SENT"


def test_what_is_told_is_a_receipt_like_any_other(told, asked, caller):
    """In the inbox, applied by a worker, and then nobody asks any more."""
    messages = sent(told, caller, 3)
    for one in messages:
        let_pass(one, 10)
    asked.word = "DELIVERED"
    settle.settle()
    assert sorted(asked.asked[0]) == sorted(one.provider_reference for one in messages)
    assert list(Receipt.objects.values_list("provider", "provider_status")) == [("asked", "DELIVERED")] * 3
    report.process_receipts(keep_going=lambda: True)
    assert [history(one)[-1][1] for one in messages] == ["DELIVERED"] * 3
    settle.settle()
    assert len(asked.asked) == 1


def test_after_the_window_it_is_unknown(told, asked, caller):
    """And not asked for."""
    (message,) = sent(told, caller)
    let_pass(message, RECEIPT_WINDOW + 1)
    assert settle.settle() == 1
    assert (asked.asked, history(message)[-1][1]) == ([], "UNKNOWN")


def test_a_bug_in_an_adapter_costs_nothing_but_the_answer(told, asked, caller):
    """The next question is planned."""
    (message,) = sent(told, caller)
    let_pass(message, 60)
    asked.is_broken = True
    assert settle.settle() == 0
    assert wait_of(message) == pytest.approx(60, abs=5)
    assert not Receipt.objects.exists()


def test_questions_come_in_bounded_sets(told, asked, caller, monkeypatch):
    """However many are due."""
    monkeypatch.setattr(settle, "BATCH", 2)
    for one in sent(told, caller, 5):
        let_pass(one, 10)
    settle.settle()
    assert sorted(map(len, asked.asked)) == [1, 2, 2]
