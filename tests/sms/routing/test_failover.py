"""Where a message goes when its route does not take it: at once elsewhere, each route once, and never for a perhaps."""

from datetime import UTC, datetime, timedelta

import pytest

from sms.models import DispatchEntry, Message, RouteBreaker, SubmitAttempt
from sms.providers.base import Outcome
from sms.providers.errors import BACKOFFS, ELSEWHERE, ProviderError
from sms.routing.choose import PINNED
from sms.services import dispatch
from tests.messages import store
from tests.sms.routing.routes import AWAY, no


def entry(message):
    """Its queue entry."""
    return DispatchEntry.objects.get(message=message)


def tried(message):
    """The routes it was tried on, with what came of it and why it went there."""
    made = SubmitAttempt.objects.filter(message=message).order_by("number")
    return [(one.provider, one.outcome, one.reason) for one in made]


def status(message):
    """As stored."""
    return Message.objects.get(id=message.id).status


@pytest.fixture
def two(told):
    """Two routes: everything goes by the first as long as it can."""
    told.route("first", countries=["GH"])
    told.route("second")
    return told


def test_what_one_does_not_take_another_one_does_at_once(two, caller):
    """In one go, and each attempt says why it went there."""
    two.provider("first").says = AWAY
    message = store(caller)
    assert entry(message).reason == "its place is the nearest"
    two.run()
    assert tried(message) == [
        ("first", "NOT_SENT", "its place is the nearest"),
        ("second", "SENT", "the only one that can take it; first said PROVIDER_UNAVAILABLE"),
    ]
    assert (status(message), Message.objects.get(id=message.id).provider) == ("SENT", "second")


@pytest.mark.parametrize("error", sorted(ELSEWHERE))
def test_these_errors_are_one_providers_own(two, caller, error):
    """Its credentials, our money there, what it does not serve."""
    two.provider("first").says = no(error)
    message = store(caller)
    two.run()
    assert [one[:2] for one in tried(message)] == [("first", "NOT_SENT"), ("second", "SENT")]


@pytest.mark.parametrize("error", sorted(set(ProviderError) - ELSEWHERE))
def test_all_others_are_the_messages_or_pass(two, caller, error):
    """Nobody else is asked: it is retried where it was, or it is final."""
    two.provider("first").says = no(error)
    message = store(caller)
    two.run()
    assert [one[:2] for one in tried(message)] == [("first", "NOT_SENT")]
    assert (status(message) == "QUEUED") is (error in BACKOFFS)


def test_who_waits_for_a_code_does_not_wait_for_a_throttled_route(two, caller):
    """Others do: it is only a moment, and their own route is the one that was wanted."""
    two.provider("first").says = no(ProviderError.PROVIDER_THROTTLED, retry_after=30.0)
    urgent, other = store(caller, priority="OTP"), store(caller)
    two.run()
    assert (status(urgent), status(other)) == ("SENT", "QUEUED")
    assert Message.objects.get(id=urgent.id).provider == "second"


def test_a_perhaps_goes_nowhere(two, caller):
    """The first one may have it, so nobody gets it a second time."""
    two.provider("first").says = Outcome.maybe_sent("no answer")
    message = store(caller)
    two.run()
    two.run()
    assert (status(message), tried(message)) == ("UNCERTAIN", [("first", "MAYBE_SENT", "its place is the nearest")])
    assert two.provider("second").taken == {}


def test_each_route_is_tried_once_and_then_there_is_a_wait(told, caller):
    """Until a later try, on the one that was last."""
    for name in ("one", "two", "three"):
        told.route(name)
        told.provider(name).says = AWAY
    message = store(caller)
    told.run()
    assert sorted(one[0] for one in tried(message)) == ["one", "three", "two"]
    assert status(message) == "QUEUED"
    assert entry(message).due_at > datetime.now(UTC) - timedelta(seconds=1)
    assert sum(sum(told.provider(name).taken.values()) for name in ("one", "two", "three")) == 3


def test_with_one_route_only_it_is_retried_there(told, caller):
    """There is nobody else, and the simulator is not one."""
    told.route("only")
    told.provider("only").says = AWAY
    message = store(caller)
    told.run()
    assert [one[:2] for one in tried(message)] == [("only", "NOT_SENT")]
    assert status(message) == "QUEUED"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"is_paused": True}, "first is paused"),
        ({"countries": ["KE"]}, "first does not take such messages any more"),
        ({"sender_ids": ["Other"]}, "first does not take such messages any more"),
    ],
)
def test_what_waits_goes_elsewhere_when_its_route_is_taken_away(two, caller, change, why):
    """In the claim, at once; no attempt is made where it was."""
    message = store(caller)
    two.route("first", **change)
    two.run()
    assert tried(message) == [("second", "SENT", f"the only one that can take it; {why}")]


def test_hours_are_looked_at_in_the_claim(two, caller):
    """Closed now, and around midnight as at any time."""
    message, now = store(caller), datetime.now(UTC)
    two.route("first", opens_at=(now - timedelta(hours=2)).time(), closes_at=(now - timedelta(hours=1)).time())
    two.run()
    assert tried(message) == [("second", "SENT", "the only one that can take it; first is closed at this hour")]
    two.route("first", opens_at=(now - timedelta(hours=1)).time(), closes_at=(now + timedelta(hours=22)).time())
    message = store(caller)
    two.run()
    assert tried(message) == [("first", "SENT", "its place is the nearest")]


def test_what_nobody_can_take_waits_and_says_so(told, caller):
    """Five seconds, without using up an attempt; then it goes."""
    told.route("only", is_paused=True)
    message = store(caller)
    told.run()
    waiting = entry(message)
    assert (status(message), tried(message), waiting.reason) == ("QUEUED", [], "only is paused")
    assert timedelta(seconds=4) < waiting.due_at - datetime.now(UTC) < timedelta(seconds=6)
    told.route("only", is_paused=False)
    DispatchEntry.objects.update(due_at=message.created_at)
    told.run()
    assert tried(message) == [("only", "SENT", "only is paused")]


def test_a_backlog_that_nobody_can_take_is_looked_at_slowly(told, caller):
    """A whole set of it is enough for one claim, which says so."""
    row = told.route("only", is_paused=True)
    for _ in range(7):
        store(caller)
    stuck = []
    route = told.snapshot.current().by_id(row.id)
    assert dispatch.claim(route, limit=3, when_stuck=lambda: stuck.append(1)) == []
    assert stuck == [1]
    assert DispatchEntry.objects.filter(reason="only is paused").count() == 3


def test_what_an_operator_sends_by_a_route_goes_by_it_or_not_at_all(two, caller):
    """Also while it is paused, or broken, and whatever its rules say; and nobody else is asked."""
    message, row = store(caller), two.route("first", is_paused=True, countries=["KE"])
    DispatchEntry.objects.filter(message=message).update(reason=PINNED, route_id=row.id)
    RouteBreaker.objects.create(route=row, country="001", probe_at=datetime.now(UTC), reason="r")
    two.provider("first").says = AWAY
    two.run()
    assert tried(message) == [("first", "NOT_SENT", PINNED)]
    assert (status(message), entry(message).route_id) == ("QUEUED", row.id)
    assert two.provider("second").taken == {}
