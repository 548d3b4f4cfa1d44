"""Breakers: what does not work is left alone, but for one message now and then."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from sms.models import DispatchEntry, Message, RouteBreaker
from sms.providers.base import WITHHELD, Outcome
from sms.providers.errors import ProviderError
from sms.routing import snapshot
from sms.services import breakers, dispatch
from tests.messages import store
from tests.sms.routing.routes import AWAY, no

GHANA, KENYA, NIGERIA = "+233241234567", "+254712345678", "+2348031234567"
LOST = Outcome.maybe_sent("no answer")


@pytest.fixture
def two(told):
    """Two routes: everything goes by the first as long as it can."""
    told.route("first", prefixes=["2"])
    told.route("second")
    return told


def send(caller, count=1, *, to=GHANA):
    """Accept messages."""
    return [store(caller, recipient=to) for _ in range(count)]


def providers(messages):
    """Which routes took messages."""
    return [Message.objects.get(id=one.id).provider for one in messages]


def let_it_be_probed():
    """The wait of every breaker is over."""
    RouteBreaker.objects.update(probe_at=datetime.now(UTC) - timedelta(seconds=1))
    snapshot.forget()


@pytest.mark.parametrize("outcome", [AWAY, LOST])
def test_five_failures_in_a_row_open_it_for_a_country(two, caller, outcome):
    """Once, with its reason; the country's messages do not even try it then, and others' go on."""
    two.provider("first").says = outcome
    send(caller, 5)
    two.run()
    assert two.breakers() == {("first", "GH"): 0}
    assert two.changes("first") == [("breaker", "breaker opened for GH", str(outcome.error))]
    before = sum(two.provider("first").taken.values())
    later = send(caller, 3)
    two.run()
    assert providers(later) == ["second"] * 3
    assert sum(two.provider("first").taken.values()) == before == 5
    two.provider("first").says = None
    assert providers_after(two, caller, KENYA) == ["first"]


def providers_after(told, caller, to):
    """Where a message to a number goes."""
    sent = send(caller, to=to)
    told.run()
    return providers(sent)


def test_four_do_not(two, caller):
    """Nor do refusals that are the messages' own, or that pass."""
    two.provider("first").says = AWAY
    send(caller, 4)
    two.run()
    for error in (ProviderError.INVALID_DESTINATION, ProviderError.PROVIDER_THROTTLED, ProviderError.UNCLASSIFIED):
        two.provider("first").says = no(error)
        send(caller, 8)
        two.run()
    assert two.breakers() == {}


def test_what_we_withheld_ourselves_is_not_the_providers_fault(two, caller):
    """A worker that was frozen finds its leases passed."""
    two.provider("first").says = Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, WITHHELD)
    send(caller, 8)
    two.run()
    assert two.breakers() == {}


@pytest.mark.parametrize("error", [ProviderError.PROVIDER_AUTH, ProviderError.PROVIDER_FUNDS])
def test_credentials_and_money_open_it_for_the_world_at_once(two, caller, error):
    """One failure is enough, and its code is told."""
    two.provider("first").says = no(error, provider_error="20003")
    (message,) = send(caller)
    two.run()
    assert two.breakers() == {("first", "001"): 0}
    assert two.changes("first") == [("breaker", "breaker opened for the world", f"{error}, in its words 20003")]
    assert providers([message]) == ["second"]


def test_three_countries_are_the_world(two, caller):
    """It is the route, then."""
    two.provider("first").says = AWAY
    for to, open_then in (
        (GHANA, {("first", "GH")}),
        (KENYA, {("first", "GH"), ("first", "KE")}),
        (NIGERIA, {("first", "GH"), ("first", "KE"), ("first", "001")}),
    ):
        send(caller, 5, to=to)
        two.run()
        assert set(two.breakers()) == open_then


def test_what_waits_on_a_broken_route_goes_around_it(two, caller):
    """It was chosen while it still worked."""
    waiting = send(caller, 3)
    RouteBreaker.objects.create(
        route=two.route("first"), country="GH", probe_at=datetime.now(UTC) + timedelta(minutes=1), reason="r"
    )
    two.run()
    assert providers(waiting) == ["second"] * 3
    assert two.provider("first").taken == {}


def test_one_message_finds_out_whether_it_works_again(two, caller):
    """Its success closes the breaker, for everybody, and says so."""
    two.provider("first").says = AWAY
    send(caller, 5)
    two.run()
    two.provider("first").says = None
    let_it_be_probed()
    sent = send(caller, 6)
    two.run()
    assert sorted(providers(sent)) == ["first", *["second"] * 5]
    assert two.breakers() == {}
    closed = (
        "breaker",
        "breaker closed for GH",
        "a message that was let through was taken, or refused for its own sake",
    )
    assert two.changes("first")[1:] == [closed]
    assert providers_after(two, caller, GHANA) == ["first"]


def test_a_probe_that_fails_doubles_the_wait_and_is_not_lost(two, caller):
    """It goes by the other route, as everything does; the wait is a minute at most."""
    two.provider("first").says = AWAY
    send(caller, 5)
    two.run()
    waits = []
    for tries in range(1, 7):
        let_it_be_probed()
        sent = send(caller, 3)
        two.run()
        assert providers(sent) == ["second"] * 3
        assert two.breakers() == {("first", "GH"): tries}
        waits.append((RouteBreaker.objects.get().probe_at - datetime.now(UTC)).total_seconds())
    assert sum(two.provider("first").taken.values()) == 5 + 6
    assert [round(one, -1) for one in waits] == [10, 20, 40, 60, 60, 60]
    assert len(two.changes("first")) == 1


def test_where_there_is_no_other_route_messages_wait_for_a_probe(told, caller):
    """They use up no attempts, and go when it works again."""
    told.route("only")
    told.provider("only").says = no(ProviderError.PROVIDER_FUNDS)
    send(caller)
    told.run()
    waiting = send(caller, 3)
    told.run()
    assert providers(waiting) == [None] * 3
    assert sum(told.provider("only").taken.values()) == 1
    told.provider("only").says = None
    let_it_be_probed()
    DispatchEntry.objects.update(due_at=waiting[0].created_at)
    told.run()
    assert providers(waiting).count("only") == 1
    assert told.breakers() == {}


def test_of_many_that_come_at_once_one_gets_the_probe(two, caller):
    """By the row: whoever moves its time first."""
    row = two.route("first")
    RouteBreaker.objects.create(route=row, country="GH", probe_at=datetime.now(UTC), reason="r")
    send(caller, 40)
    taken = []

    def claim():
        try:
            taken.extend(dispatch.claim(snapshot.current().by_id(row.id), limit=5))
        finally:
            connection.close()

    DispatchEntry.objects.update(route_id=row.id)
    snapshot.forget()
    threads = [threading.Thread(target=claim) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [one.probes for one in taken] == ["GH"]


def test_what_is_paused_is_not_probed(two, caller):
    """A person said that nothing goes there."""
    row = two.route("first", is_paused=True)
    RouteBreaker.objects.create(route=row, country="GH", probe_at=datetime.now(UTC), reason="r")
    assert providers_after(two, caller, GHANA) == ["second"]
    assert two.provider("first").taken == {}


def test_it_is_written_once_however_many_see_it(told, caller):
    """Two processes that count to five at the same time open one breaker, with one change."""
    told.route("first")
    told.snapshot.current()
    route = told.snapshot.current().by_name("first")
    wanted = dispatch.Wanted(GHANA, "MyCorp", 5)
    for _ in range(2):
        breakers._tally = breakers.Tally()
        told.snapshot._known = (0.0, told.snapshot.Snapshot([route]))
        breakers.heed(route, [(wanted, AWAY)] * 5, {})
    assert told.breakers() == {("first", "GH"): 0}
    assert len(told.changes("first")) == 1
