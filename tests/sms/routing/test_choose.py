"""Which route a message goes by: rules, then the most particular place, then weight, then price."""

from datetime import UTC, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.routing.choose import Choice, Wanted, allowed, choose, first_choice, may_carry, why_not
from sms.routing.records import SIMULATOR, WORLD, RouteRecord, Snapshot

NOON = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
GHANA, KENYA = "+233241234567", "+254712345678"


def record(number, **fields):
    """A route by the name of its number."""
    return RouteRecord(id=number, name=f"r{number}", kind="told", **fields)


def wanted(recipient=GHANA, *, sender_id="MyCorp", priority=5, is_test=False):
    """A message."""
    return Wanted(recipient, sender_id, priority, is_test)


def name_of(routes, message=None, *, draw=0.0, now=NOON, besides=(), broken=()):
    """The name of the chosen route."""
    choice = choose(Snapshot(routes, broken), message or wanted(), now=now, draw=draw, besides=besides)
    return None if choice is None else choice.route.name


def test_without_a_route_there_is_the_simulator():
    """Once: it is not chosen again for what it could not take."""
    assert choose(Snapshot(), wanted(), now=NOON, draw=0.0) == Choice(SIMULATOR, "there is no route yet")
    assert name_of([], besides={0}) is None


def test_the_first_route_takes_live_messages_from_the_simulator_for_good():
    """Paused, it takes nothing, and the simulator nothing either."""
    assert name_of([record(1)]) == "r1"
    assert name_of([record(1, is_paused=True)]) is None


def test_test_messages_go_to_the_simulator_whatever_routes_there_are():
    """And nowhere else."""
    assert name_of([record(1)], wanted(is_test=True)) == "simulator"
    assert name_of([record(1)], wanted(is_test=True), besides={0}) is None
    assert allowed(Snapshot([record(1)]), wanted(is_test=True)) == (SIMULATOR,)


@pytest.mark.parametrize(
    ("rules", "message", "is_let_by"),
    [
        ({}, wanted(), True),
        ({"sender_ids": frozenset({"MyCorp"})}, wanted(), True),
        ({"sender_ids": frozenset({"Other"})}, wanted(), False),
        ({"priorities": frozenset({1})}, wanted(priority=1), True),
        ({"priorities": frozenset({1, 9})}, wanted(), False),
        ({"countries": frozenset({"GH"})}, wanted(), True),
        ({"countries": frozenset({"KE", "NG"})}, wanted(), False),
        ({"prefixes": ("23324",)}, wanted(), True),
        ({"prefixes": ("23320", "254")}, wanted(), False),
        ({"countries": frozenset({"KE"}), "prefixes": ("23324",)}, wanted(), True),
        ({"countries": frozenset({"KE"}), "prefixes": ("23324",)}, wanted(KENYA), True),
        ({"countries": frozenset({"GH"}), "sender_ids": frozenset({"Other"})}, wanted(), False),
    ],
)
def test_rules_let_by_what_keeps_all_of_them(rules, message, is_let_by):
    """A place is a country or a prefix: either is enough."""
    routes = Snapshot([record(1, **rules)])
    assert (choose(routes, message, now=NOON, draw=0.0) is not None) is is_let_by
    assert may_carry(routes, routes.by_id(1), message) is is_let_by
    assert [one.id for one in allowed(routes, message)] == ([1] if is_let_by else [])


def test_the_most_particular_place_comes_first():
    """The longest prefix, then a country, then the world, whatever the weights say."""
    world, country = record(1, weight=1000), record(2, countries=frozenset({"GH"}))
    short, long = record(3, prefixes=("233",)), record(4, prefixes=("233", "23324"), weight=1)
    for routes, name in (
        ([world], "r1"),
        ([world, country], "r2"),
        ([world, country, short], "r3"),
        ([long, world, country, short], "r4"),
    ):
        assert name_of(routes) == name
    assert name_of([world, country, short, long], wanted(KENYA)) == "r1"


@pytest.mark.parametrize(("draw", "name"), [(0.0, "r1"), (0.249, "r1"), (0.25, "r2"), (0.999, "r2")])
def test_a_draw_decides_by_weight(draw, name):
    """One in four goes by the one with 25 of 100."""
    assert name_of([record(1, weight=25), record(2, weight=75)], draw=draw) == name


def test_who_is_not_well_gets_less():
    """Health is a percentage of the weight."""
    routes = [record(1, health=10), record(2, health=100)]
    assert [name_of(routes, draw=draw) for draw in (0.0, 0.09, 0.1, 0.9)] == ["r1", "r1", "r2", "r2"]


def test_a_weight_of_none_is_for_when_no_other_is_left():
    """Then it is better than nothing."""
    routes = [record(1, weight=0), record(2)]
    assert {name_of(routes, draw=draw / 100) for draw in range(100)} == {"r2"}
    assert name_of(routes, besides={2}) == "r1"


def test_of_equal_weights_the_cheapest():
    """Where prices can be compared, and it is as well as the others."""
    cheap = {"price": Decimal("0.01"), "currency": "USD"}
    dear = {"price": Decimal("0.02"), "currency": "USD"}
    assert {name_of([record(1, **dear), record(2, **cheap)], draw=draw / 10) for draw in range(10)} == {"r2"}
    for other in ({"price": Decimal("0.01"), "currency": "EUR"}, {}, {**cheap, "health": 90}, {**cheap, "weight": 50}):
        assert name_of([record(1, **dear), record(2, **other)], draw=0.0) == "r1"


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (record(1, is_paused=True), "r1 is paused"),
        (record(1, opens_at=time(8), closes_at=time(12)), "r1 is closed at this hour"),
    ],
)
def test_what_keeps_a_route_from_taking_anything_is_said(route, said):
    """And nothing is chosen; but there is a first choice, which waits."""
    routes = Snapshot([route])
    assert why_not(routes, route, wanted(), now=NOON) == said
    assert choose(routes, wanted(), now=NOON, draw=0.0) is None
    assert first_choice(routes, wanted(), now=NOON, draw=0.0) == Choice(route, "none can be used now")
    assert first_choice(Snapshot([record(1, countries=frozenset({"KE"}))]), wanted(), now=NOON, draw=0.0) is None


@pytest.mark.parametrize(
    ("opens", "closes", "zone", "hours"),
    [
        (time(8), time(17), "UTC", range(8, 17)),
        (time(22), time(6), "UTC", [*range(6), 22, 23]),
        (time(0), time(0), "UTC", range(24)),
        (time(9), time(10), "Africa/Nairobi", [6]),
        (time(1), time(3), "Africa/Nairobi", [22, 23]),
    ],
)
def test_hours_are_those_of_its_time_zone_and_may_go_over_midnight(opens, closes, zone, hours):
    """It opens on the minute, and is closed on the minute."""
    route = record(1, opens_at=opens, closes_at=closes, time_zone=zone)
    assert [hour for hour in range(24) if route.is_in_hours(NOON.replace(hour=hour))] == list(hours)


def test_a_breaker_is_for_a_country_or_for_the_world():
    """And for one route."""
    routes = [record(1), record(2, weight=0)]
    assert name_of(routes, broken=[(1, "KE", NOON)]) == "r1"
    assert name_of(routes, broken=[(1, "GH", NOON)]) == "r2"
    assert name_of(routes, broken=[(1, WORLD, NOON)]) == "r2"
    assert name_of(routes, broken=[(1, WORLD, NOON), (2, "GH", NOON)]) is None
    broken = Snapshot(routes, [(1, WORLD, NOON), (2, "GH", NOON)])
    assert why_not(broken, routes[0], wanted(), now=NOON) == "r1 does not work at all at present"
    assert why_not(broken, routes[1], wanted(), now=NOON) == "r2 does not work for GH at present"


some_routes = st.lists(
    st.builds(
        dict,
        weight=st.integers(0, 200),
        health=st.integers(10, 100),
        is_paused=st.booleans(),
        countries=st.sampled_from([frozenset(), frozenset({"GH"}), frozenset({"KE", "GH"}), frozenset({"NG"})]),
        prefixes=st.sampled_from([(), ("233",), ("23324", "2"), ("254",)]),
        priorities=st.sampled_from([frozenset(), frozenset({1}), frozenset({5, 9})]),
        price=st.sampled_from([None, Decimal("0.01"), Decimal("0.02")]),
    ),
    max_size=6,
)


@given(fields=some_routes, draw=st.floats(0, 1, exclude_max=True), besides=st.sets(st.integers(0, 6)))
def test_whatever_is_chosen_may_carry_the_message_and_is_none_of_those_left_out(fields, draw, besides):
    """And nothing is chosen only when nothing could be."""
    routes = Snapshot([record(number, **one) for number, one in enumerate(fields, start=1)])
    choice = choose(routes, wanted(), now=NOON, draw=draw, besides=besides)
    could = [
        one
        for one in allowed(routes, wanted())
        if one.id not in besides and why_not(routes, one, wanted(), now=NOON) is None
    ]
    assert (choice is None) == (not could)
    if choice is not None:
        assert choice.route in could
        assert choice.reason


@given(weights=st.lists(st.integers(0, 50), min_size=1, max_size=5))
def test_shares_are_those_of_the_weights(weights):
    """Drawn evenly a thousand times, each gets its part, give or take one."""
    routes = [record(number, weight=weight) for number, weight in enumerate(weights, start=1)]
    drawn = [name_of(routes, draw=at / 1000) for at in range(1000)]
    total = sum(weights)
    for number, weight in enumerate(weights, start=1):
        if total:
            assert abs(drawn.count(f"r{number}") - 1000 * weight / total) <= 1
