"""The routes as a process knows them."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from sms.errors import Unavailable
from sms.models import Route, RouteBreaker
from sms.routing import snapshot
from sms.routing.records import SIMULATOR, RouteRecord

SOON = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)


def test_a_route_is_known_with_all_it_has(told):
    """And which of its breakers are open."""
    row = told.route(
        "gh",
        options={"url": "http://127.0.0.1:1"},
        credentials=b"encrypted",
        is_paused=True,
        sender_ids=["MyCorp"],
        countries=["GH"],
        prefixes=["233"],
        priorities=[1],
        weight=7,
        health=90,
        price=Decimal("0.025"),
        currency="GHS",
        throughput=20,
        opens_at=time(22),
        closes_at=time(6, 30),
        time_zone="Africa/Accra",
    )
    RouteBreaker.objects.create(route=row, country="GH", probe_at=SOON, reason="r")
    known = snapshot.current()
    assert known.routes == (
        RouteRecord(
            id=row.id,
            name="gh",
            kind="told",
            options={"url": "http://127.0.0.1:1"},
            credentials=b"encrypted",
            is_paused=True,
            sender_ids=frozenset({"MyCorp"}),
            countries=frozenset({"GH"}),
            prefixes=("233",),
            priorities=frozenset({1}),
            weight=7,
            health=90,
            price=Decimal("0.025"),
            currency="GHS",
            throughput=20,
            opens_at=time(22),
            closes_at=time(6, 30),
            time_zone="Africa/Accra",
        ),
    )
    assert known.broken == {(row.id, "GH"): SOON}
    assert list(known.all) == [SIMULATOR, *known.routes]
    assert known.by_name("gh") is known.by_id(row.id)
    assert "encrypted" not in repr(known.routes)


def test_it_is_asked_for_again_after_a_second(told, monkeypatch):
    """Not for each message."""
    told.route("one")
    first = snapshot.current()
    Route.objects.create(name="two", kind="told")
    assert snapshot.current() is first
    at, known = snapshot._known
    monkeypatch.setattr(snapshot, "_known", (at - timedelta(seconds=1.1).total_seconds(), known))
    assert [one.name for one in snapshot.current().routes] == ["one", "two"]


def test_while_the_database_is_away_the_last_is_good(told, monkeypatch):
    """Who never knew any says so: it must not send live texts to the simulator."""

    def away():
        raise Unavailable

    told.route("one")
    known = snapshot.current()
    monkeypatch.setattr(snapshot, "_load", away)
    monkeypatch.setattr(snapshot, "_known", (0.0, known))
    assert snapshot.current() is known
    snapshot.begin_anew()
    with pytest.raises(Unavailable):
        snapshot.current()
    assert snapshot.last().routes == ()


@pytest.fixture
def one_route(told):
    """A route of the name "one"."""
    return told.route("one")


async def test_an_event_loop_asks_on_a_thread(one_route):
    """And then knows it as everybody does."""
    found = await snapshot.fresh()
    assert [one.name for one in found.routes] == ["one"]
    assert snapshot.last() is found is await snapshot.fresh()
