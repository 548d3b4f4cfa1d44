"""The pump between queue and provider: wide, patient, and honest about what an adapter does not say."""

import asyncio
import threading
import time
from collections import Counter
from dataclasses import replace

import pytest
from django.db import connection
from django.db.models.functions import Now

from sms.models import DispatchEntry, Message, Route, SubmitAttempt
from sms.providers import registry
from sms.providers.base import Outcome, Provider
from sms.providers.errors import ProviderError
from sms.providers.kinds import KINDS
from sms.providers.registry import get_provider
from sms.routing import snapshot
from sms.services.submit import submit_due
from tests.messages import store


class Scripted(Provider):
    """A provider whose answers a test decides, by the text of the message."""

    @classmethod
    def from_setup(cls, setup):
        return cls(setup.route)

    held = None  # an event that "wait" waits for; made by each test

    def __init__(self, name, *, window=50):
        super().__init__(name, patience=5.0, window=window)
        self.open = self.most_open = 0
        self.taken = Counter()

    async def submit_one(self, submission, *, deadline):
        self.taken[submission.text] += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            return await self.answer(submission)
        finally:
            self.open -= 1

    async def answer(self, submission):
        if submission.text == "bug":
            raise ZeroDivisionError
        await asyncio.sleep(0.001)
        while submission.text == "wait" and not self.held.is_set():
            await asyncio.sleep(0.01)
        return Outcome.sent(f"ref {submission.attempt_id}")

    def verify(self, request):
        raise NotImplementedError

    def receipts(self, request):
        raise NotImplementedError


class Forgetful(Scripted):
    """Says nothing of some submissions."""

    async def submit(self, submissions, *, deadline):
        yield {one.attempt_id: Outcome.sent("r") for one in submissions if one.text != "forgotten"}


class Broken(Scripted):
    """Fails as a whole, after it has answered for the first."""

    async def submit(self, submissions, *, deadline):
        yield {submissions[0].attempt_id: Outcome.sent("r")}
        raise RuntimeError("half way")


class Busy(Scripted):
    """Takes a text only when it comes for the second time."""

    async def answer(self, submission):
        if self.taken[submission.text] == 1:
            return Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, "429", retry_after=0.0)
        return await super().answer(submission)


@pytest.fixture
def provider(settings):
    """Make a provider of a class the one that everything goes to."""

    def use(kind, **options):
        settings.SMS_PROVIDERS = {"simulator": {"class": f"{__name__}.{kind.__name__}", **options}}
        registry.forget()
        made = get_provider("simulator")
        made.held = threading.Event()
        return made

    yield use
    registry.forget()


def run():
    """Submit everything that is due."""
    submit_due(keep_going=lambda: True)


def statuses(*messages):
    """The statuses as stored."""
    return [Message.objects.get(id=one.id).status for one in messages]


def test_what_hangs_holds_up_itself_only(caller, provider):
    """The neighbours are SENT while one request still waits for its answer; new messages go out as well."""
    scripted = provider(Scripted)
    slow, *quick = store(caller, text="wait"), store(caller), store(caller)
    seen = {}

    def watch():
        end = time.monotonic() + 20
        while statuses(*quick) != ["SENT", "SENT"] and time.monotonic() < end:
            time.sleep(0.01)
        seen["meanwhile"] = statuses(slow, *quick)
        later = store(caller)
        run()  # as a nudge does: another thread has the work, and is told to look again
        while statuses(later) != ["SENT"] and time.monotonic() < end:
            time.sleep(0.01)
        seen["later"] = statuses(slow, later)
        scripted.held.set()

    in_thread = threading.Thread(target=lambda: (watch(), connection.close()))
    in_thread.start()
    run()
    in_thread.join()
    assert seen == {"meanwhile": ["SENDING", "SENT", "SENT"], "later": ["SENDING", "SENT"]}
    assert statuses(slow, *quick) == ["SENT"] * 3


def test_no_more_is_under_way_than_the_provider_takes(caller, provider):
    """The window bounds what one worker has open, however much is due."""
    scripted = provider(Scripted, window=8)
    stored = [store(caller, text=f"text {number}") for number in range(60)]
    run()
    assert statuses(*stored) == ["SENT"] * 60
    assert 1 < scripted.most_open <= 8
    assert set(scripted.taken.values()) == {1}


def test_a_bug_in_an_adapter_leaves_one_message_uncertain(caller, provider):
    """Nobody knows what had left, so nobody sends it again; its neighbours are fine."""
    scripted = provider(Scripted)
    bad, good = store(caller, text="bug"), store(caller)
    run()
    run()
    assert statuses(bad, good) == ["UNCERTAIN", "SENT"]
    assert scripted.taken == {"bug": 1, "Hello": 1}


def test_what_an_adapter_forgets_is_uncertain(caller, provider):
    """A missing outcome is no answer."""
    provider(Forgetful)
    forgotten, good = store(caller, text="forgotten"), store(caller)
    run()
    assert statuses(forgotten, good) == ["UNCERTAIN", "SENT"]


def test_a_batch_that_breaks_off_keeps_what_it_knew(caller, provider):
    """What was answered before the adapter failed is written; of the rest nobody knows."""
    provider(Broken)
    stored = [store(caller) for _ in range(3)]
    run()
    assert sorted(statuses(*stored)) == ["SENT", "UNCERTAIN", "UNCERTAIN"]
    assert sorted(SubmitAttempt.objects.values_list("outcome", flat=True)) == ["MAYBE_SENT", "MAYBE_SENT", "SENT"]


def test_a_worker_that_stops_takes_nothing_new(caller, provider):
    """Told to stop, it claims nothing more."""
    provider(Scripted)
    message = store(caller)
    submit_due(keep_going=lambda: False)
    assert statuses(message) == ["QUEUED"]
    run()
    assert statuses(message) == ["SENT"]


def test_a_test_message_goes_to_nobody_but_the_simulator(caller, settings, monkeypatch):
    """Whatever routes there are: live ones go there, test ones never, in one claim and after a retry."""
    settings.SMS_PROVIDERS = {"simulator": {"class": f"{__name__}.{Busy.__name__}"}}
    monkeypatch.setitem(KINDS, "busy", f"{__name__}.{Busy.__name__}")
    Route.objects.create(name="elsewhere", kind="busy")
    snapshot.forget()
    registry.forget()
    testing = replace(caller, is_test=True)
    live = [store(caller, text=f"live {number}") for number in range(3)]
    test = [store(testing, text=f"test {number}") for number in range(3)]
    for _ in range(2):
        run()
        DispatchEntry.objects.filter(purpose=DispatchEntry.Purpose.SUBMIT).update(due_at=Now())
    assert get_provider("elsewhere").taken == dict.fromkeys((one.text for one in live), 2)
    assert get_provider("simulator").taken == dict.fromkeys((one.text for one in test), 2)
    assert statuses(*live, *test) == ["SENT"] * 6
    told = {one.text.split()[0]: set() for one in (*live, *test)}
    for message in Message.objects.prefetch_related("attempts"):
        told[message.text.split()[0]] |= {message.provider, *(one.provider for one in message.attempts.all())}
    assert told == {"live": {"elsewhere"}, "test": {"simulator"}}
    registry.forget()
