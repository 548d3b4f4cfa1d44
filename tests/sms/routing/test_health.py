"""A route's health is a percentage of its weight, moved by what its last messages show."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from sms.database import execute, rows
from sms.models import Message, Route, SubmitAttempt
from sms.services import health
from tests.messages import store

NOW = "now() - make_interval(secs => %s)"


def id_at(seconds_ago, number):
    """An attempt's id of that time."""
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return UUID(int=(int(at.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | number)


@pytest.fixture
def happened(caller, told):
    """Let attempts have happened on a route."""
    message = store(caller)

    def let(name, count, *, ago=20, outcome="SENT", error=None, delivered_after=None):
        for _ in range(count):
            number = SubmitAttempt.objects.count()
            copy = Message.objects.get(id=message.id)
            copy.pk, copy.status = id_at(ago, number), "SENT" if delivered_after is None else "DELIVERED"
            copy.save(force_insert=True)
            made = SubmitAttempt.objects.create(
                id=id_at(ago, number), message=copy, number=1, provider=name, outcome=outcome, error_code=error
            )
            execute(f"UPDATE sms_submitattempt SET finished_at = {NOW} WHERE id = %s", ago, made.id)
            delivered = ago if delivered_after is None else ago - delivered_after
            execute(f"UPDATE sms_message SET updated_at = {NOW} WHERE id = %s", delivered, copy.id)

    return let


def look_after():
    """As beat has it done, a while after the last time."""
    execute("UPDATE sms_route SET health_at = now() - interval '1 minute'")
    return health.look_after()


def health_of(name):
    """Its health now."""
    return Route.objects.get(name=name).health


@pytest.mark.parametrize(
    ("outcome", "error"), [("MAYBE_SENT", "PROVIDER_TIMEOUT"), *(("NOT_SENT", one.value) for one in health.ERRORS)]
)
def test_failures_of_the_provider_take_ten_away(told, happened, outcome, error):
    """A fifth of the attempts is too many; each move says why, and nobody else's moves."""
    told.route("well")
    told.route("ill")
    happened("well", 20)
    happened("ill", 16)
    happened("ill", 4, outcome=outcome, error=error)
    assert look_after() == 1
    assert (health_of("ill"), health_of("well")) == (90, 100)
    assert told.changes("ill") == [("health", "health 100 → 90", "4 of 20 attempts failed in two minutes")]
    assert told.changes("well") == []


def test_it_goes_down_to_ten_and_up_again_by_five(told, happened):
    """Never to nothing, or it could not show that it is well."""
    told.route("ill", health=25)
    happened("ill", 10, outcome="MAYBE_SENT", error="PROVIDER_TIMEOUT")
    found = []
    for _ in range(4):
        look_after()
        found.append(health_of("ill"))
    execute("DELETE FROM sms_submitattempt")
    for _ in range(19):
        look_after()
        found.append(health_of("ill"))
    assert found == [15, 10, 10, 10, *range(15, 101, 5), 100]
    assert told.changes("ill")[-1] == ("health", "health 95 → 100", "all is well")


@pytest.mark.parametrize(
    ("count", "fields"),
    [
        (9, {"outcome": "MAYBE_SENT"}),
        (20, {"outcome": "NOT_SENT", "error": "INVALID_DESTINATION"}),
        (20, {"outcome": "MAYBE_SENT", "ago": 200}),
        (20, {"outcome": "MAYBE_SENT", "ago": 700}),
    ],
    ids=["too few", "the messages' own", "minutes ago", "long ago"],
)
def test_these_say_nothing_of_the_route(told, happened, count, fields):
    """Its health stays."""
    told.route("r")
    happened("r", count, **fields)
    assert (look_after(), health_of("r")) == (0, 100)


def test_slow_deliveries_are_told_by_what_is_usual(told, happened):
    """What takes three times as long as usual is late, and half of them is too many."""
    told.route("r", usual_delivery=20.0)
    happened("r", 10, ago=100, delivered_after=15)
    happened("r", 9, ago=100, delivered_after=90)
    happened("r", 50, ago=30)
    assert (look_after(), health_of("r")) == (0, 100)
    happened("r", 5, ago=100)
    assert (look_after(), health_of("r")) == (1, 90)
    ((_, _, reason),) = told.changes("r")
    assert reason.startswith("14 of 24 were not delivered in ")


def test_what_is_usual_is_learned_slowly(told, happened):
    """At first from what is seen, then a tenth at a time; without receipts there is nothing usual."""
    told.route("r")
    told.route("silent")
    happened("r", 20, ago=100, delivered_after=2)
    happened("silent", 20, ago=100)
    look_after()
    assert Route.objects.get(name="r").usual_delivery == pytest.approx(2.0, abs=0.1)
    Route.objects.filter(name="r").update(usual_delivery=12.0)
    look_after()
    assert Route.objects.get(name="r").usual_delivery == pytest.approx(11.0, abs=0.1)
    assert (Route.objects.get(name="silent").usual_delivery, health_of("silent")) == (None, 100)


def test_two_at_once_are_as_good_as_one(told, happened):
    """It moves once in half the time between two looks."""
    told.route("ill")
    happened("ill", 10, outcome="MAYBE_SENT")
    assert [look_after(), health.look_after(), health.look_after()] == [1, 0, 0]
    assert health_of("ill") == 90


def test_without_routes_there_is_nothing_to_do(transactional_db):
    """The simulator is always well."""
    assert health.look_after() == 0


def test_it_walks_along_the_primary_key(told, happened):
    """However many attempts there are: a slice is a range of ids."""
    happened("r", 1)
    edges = health._edges(datetime.now(UTC))
    execute("SET enable_seqscan = off")
    try:
        plan = "\n".join(
            row[0]
            for row in rows(
                "EXPLAIN " + health.LOOK, 30.0, 3.0, edges[:-1], edges[1:], 100, 120.0, 120.0, ["PROVIDER_TIMEOUT"]
            )
        )
    finally:
        execute("RESET enable_seqscan")
    assert "Index Scan using sms_submitattempt_pkey" in plan
    assert "Index Scan using sms_message_pkey" in plan
