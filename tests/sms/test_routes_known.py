"""What a process knows of the routes, and what it does with those that are set up wrongly."""

from decimal import Decimal

import pytest

from sms.errors import RouteNotFound, Unavailable
from sms.models import Route
from sms.providers import registry
from sms.routing import snapshot
from sms.services import routes
from sms.services.new_message import check
from sms.services.plan import plan
from sms.services.receive import provider_of_route


@pytest.fixture(autouse=True)
def _made_anew():
    registry.forget()
    yield
    registry.forget()


def add(name, **fields):
    """Store a route."""
    return Route.objects.create(name=name, **{"kind": "simulator", **fields})


def test_what_was_known_stays_until_the_database_is_asked_again(transactional_db):
    """To know of no route for a moment would let live messages by to the simulator, and answer a provider with 404."""
    add("first")
    before = [one.name for one in snapshot.current().routes]
    snapshot.forget()
    assert [one.name for one in snapshot.last().routes] == before == ["first"]
    add("second")
    assert [one.name for one in snapshot.current().routes] == ["first", "second"]


@pytest.mark.parametrize(
    "fields",
    [{"kind": "of a later release"}, {"options": {"url": ["a", "list"]}}, {"options": {}}, {"credentials": b"broken"}],
    ids=["kind", "types", "missing", "encrypted"],
)
async def test_a_provider_is_told_to_come_again_where_its_route_cannot_be_used(transactional_db, fields):
    """It is an operator who has to act, and what the provider has to say must not be lost meanwhile."""
    await Route.objects.acreate(**{"name": "first", "kind": "simulator", **fields})
    with pytest.raises(Unavailable):
        await provider_of_route("first")
    with pytest.raises(RouteNotFound):
        await provider_of_route("second")


def test_a_plan_tells_of_a_route_that_cannot_be_used_yet(caller):
    """A message is accepted all the same; the worker finds another way, or waits."""
    add("first", kind="of a later release")
    snapshot.current()
    planned = plan(caller=caller, sender_id="MyCorp", recipient="+233200000901", text="Hello")
    assert (planned.accepted, planned.route.provider, planned.route.takes_batches) == (True, "first", False)


def test_a_price_is_that_of_the_last_choice(caller):
    """A set that the database refuses is assigned and stored again, in halves."""
    priced = add("first", price=Decimal("0.02"), currency="USD")
    new = check(caller, sender_id="MyCorp", recipient="+233200000901", text="Hello")
    assert routes.assign([new]) == {}
    assert (new.route_id, new.price, new.currency) == (priced.id, Decimal("0.02"), "USD")
    Route.objects.filter(id=priced.id).update(is_paused=True)
    free = add("second")
    snapshot.forget()
    assert routes.assign([new]) == {}
    assert (new.route_id, new.price, new.currency) == (free.id, None, None)
