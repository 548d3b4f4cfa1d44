"""Lanes of the pump: whatever goes wrong on one route, messages of the others go on, and its own are not lost."""

import asyncio
import threading
import time
from datetime import timedelta

import pytest
import structlog
from django.db import connection
from django.db.models.functions import Now

from sms.models import DispatchEntry, Message, Route, SubmitAttempt
from sms.providers import registry
from sms.providers.base import Option, Outcome, Provider
from sms.providers.errors import ProviderError
from sms.providers.kinds import KINDS
from sms.routing import snapshot
from sms.services.submit import submit_due
from tests.messages import store

GHANA, KENYA, NIGERIA = "+233241234567", "+254712345678", "+2348031234567"


class Told(Provider):
    """Does what its route's option says; yes, where that says nothing."""

    OPTIONS = (Option("says", "What it does.", is_required=False), Option("window", "How much at once.", default="50"))
    let_go = None  # an event that whoever hangs waits for; made by each test

    @classmethod
    def from_setup(cls, setup):
        return cls(setup)

    def __init__(self, setup):
        super().__init__(setup.route, patience=5.0, window=int(setup.option("window")))
        self.says = setup.option("says")
        self.taken = []

    async def submit(self, submissions, *, deadline):
        self.taken += [one.text for one in submissions]
        while self.says == "hang" and not self.let_go.is_set():
            await asyncio.sleep(0.01)
        yield {one.attempt_id: self._outcome(one) for one in submissions}
        if self.says == "twice":
            yield {one.attempt_id: self._outcome(one) for one in submissions}

    def _outcome(self, submission):
        if self.says in ProviderError.__members__:
            return Outcome.not_sent(ProviderError[self.says], "no")
        return Outcome.sent("\ud800" if self.says == "poison" else f"{self.name} {submission.attempt_id}")

    def verify(self, request):
        raise NotImplementedError

    def receipts(self, request):
        raise NotImplementedError


@pytest.fixture(autouse=True)
def kinds(monkeypatch):
    """Routes may have the kind "told"."""
    monkeypatch.setitem(KINDS, "told", f"{__name__}.Told")
    monkeypatch.setattr(Told, "let_go", threading.Event())
    registry.forget()
    yield
    registry.forget()


def route(name, *, options=None, **fields):
    """Store a route, or change it."""
    Route.objects.update_or_create(name=name, defaults={"kind": "told", "options": options or {}, **fields})
    snapshot.forget()


def run(times=1):
    """Submit what is due, as often as it is asked for; what waits for another try is due each time."""
    for _ in range(times):
        DispatchEntry.objects.filter(purpose=DispatchEntry.Purpose.SUBMIT, lease=None).update(due_at=Now())
        submit_due(keep_going=lambda: True)


def told_of(*messages):
    """The status of each, and which route has it."""
    found = Message.objects.in_bulk([one.id for one in messages])
    return [(found[one.id].status, found[one.id].provider) for one in messages]


def wait_for(status, message):
    """Wait a while for a status, and tell what it is then."""
    end = time.monotonic() + 10
    while (found := Message.objects.get(id=message.id).status) != status and time.monotonic() < end:
        time.sleep(0.01)
    return found


def test_a_full_lane_that_hangs_holds_up_no_other(caller):
    """More is due on it than it may take: what is accepted meanwhile for another route goes out at once."""
    route("slow", options={"says": "hang", "window": "2"}, countries=["GH"])
    route("quick", countries=["KE"])
    for _ in range(5):
        store(caller, recipient=GHANA)
    seen = []

    def watch():
        while Message.objects.filter(status="SENDING").count() != 2:
            time.sleep(0.01)
        time.sleep(0.1)
        later = store(caller, recipient=KENYA)
        submit_due(keep_going=lambda: True)  # as a nudge does, while another thread has the work
        seen.append(wait_for("SENT", later))
        Told.let_go.set()

    watching = threading.Thread(target=lambda: (watch(), connection.close()))
    watching.start()
    run()
    watching.join()
    assert seen == ["SENT"]
    assert set(Message.objects.values_list("status", flat=True)) == {"SENT"}


def test_what_cannot_be_written_of_one_lane_keeps_nothing_of_another_from_it(caller):
    """Its answers were there at the same time; and its window is as wide as before."""
    route("first", options={"says": "poison"}, countries=["GH"])
    route("second", options={"window": "1"}, countries=["KE"])
    route("third", countries=["NG"])
    _, second, third = [store(caller, recipient=one) for one in (GHANA, KENYA, NIGERIA)]
    with pytest.raises(UnicodeEncodeError):
        run()
    run()
    assert told_of(second, third) == [("SENT", "second"), ("SENT", "third")]
    later = store(caller, recipient=KENYA)
    run()
    assert told_of(later) == [("SENT", "second")]


def test_an_adapter_that_says_everything_twice_is_heard_once(caller):
    """And the pump does not wait for what it was told already."""
    route("first", options={"says": "twice"})
    message = store(caller)
    run()
    assert told_of(message) == [("SENT", "first")]


def test_what_is_queued_for_a_route_that_cannot_be_made_goes_by_another_one(caller):
    """It is known not to have left; the log tells of the route once, not with each look."""
    route("first", options={"nonsense": "x"}, countries=["GH"])
    route("second", weight=0)
    message = store(caller, recipient=GHANA)
    with structlog.testing.capture_logs() as lines:
        run(3)
    assert told_of(message) == [("SENT", "second")]
    assert [(one["event"], one["route"]) for one in lines if one["log_level"] == "error"] == [
        ("route_unusable", "first")
    ]
    assert list(SubmitAttempt.objects.order_by("number").values_list("provider", "outcome", "detail")) == [
        ("first", "NOT_SENT", "the route cannot be used as it is set up"),
        ("second", "SENT", None),
    ]


def test_where_there_is_no_other_it_waits_until_the_route_can_be_used(caller):
    """Nothing else is needed than to set the route up as it has to be."""
    route("only", options={"nonsense": "x"})
    message = store(caller)
    run()
    assert told_of(message) == [("QUEUED", "only")]
    route("only")
    run()
    assert told_of(message) == [("SENT", "only")]


def test_what_waits_for_a_route_that_cannot_be_made_expires_in_time(caller):
    """As everywhere."""
    route("only", kind="of a later release")
    message = store(caller, valid_for=60)
    DispatchEntry.objects.update(expires_at=Now() - timedelta(seconds=1))
    run()
    assert told_of(message) == [("EXPIRED", None)]


def test_a_refusal_is_not_final_while_another_route_was_only_away(caller):
    """Without the other route it would have been sent an hour later; so it is with it."""
    route("first", options={"says": "PROVIDER_UNAVAILABLE"}, prefixes=["2"])
    route("second", options={"says": "SENDER_NOT_ALLOWED"})
    message = store(caller)
    run(2)
    assert told_of(message) == [("QUEUED", "second")]
    entry = DispatchEntry.objects.get(message=message)
    message.refresh_from_db()
    assert (entry.route_id, entry.due_at > message.updated_at) == (Route.objects.get(name="first").id, True)
    route("first", prefixes=["2"])
    run()
    assert told_of(message) == [("SENT", "first")]


def test_nor_while_another_one_cannot_be_used_at_present(caller):
    """It was never asked."""
    route("first", is_paused=True, prefixes=["2"])
    route("second", options={"says": "NO_ROUTE"})
    message = store(caller)
    run(2)
    assert Message.objects.get(id=message.id).status == "QUEUED"
    route("first", is_paused=False)
    run(2)
    assert told_of(message) == [("SENT", "first")]


def test_what_all_routes_refuse_for_good_is_final(caller):
    """Each of them once."""
    route("first", options={"says": "NO_ROUTE"}, prefixes=["2"])
    route("second", options={"says": "SENDER_NOT_ALLOWED"})
    message = store(caller)
    run(3)
    assert told_of(message) == [("REJECTED", "second")]
    assert list(SubmitAttempt.objects.order_by("number").values_list("provider", flat=True)) == ["first", "second"]
