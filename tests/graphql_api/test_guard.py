"""An open socket whose key is good no longer is closed, also when nothing happens on it."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.functions import Now

from graphql_api import guard as guard_module
from graphql_api.guard import guard
from sms.database import in_thread
from sms.models import ApiKey
from sms.services import authenticate, keys
from tests.graphql_api.conftest import KEY
from tests.graphql_api.sockets import opened
from tests.messages import store

pytestmark = pytest.mark.usefixtures("nothing_is_left")

SOON = 30  # seconds; five are promised, but machines are shared
TURNED_OUT = (4403, "This API key is no longer valid")


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(guard_module, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(authenticate, "FRESH", 0.1)


async def say_hello(socket, secret):
    """Say hello with a key."""
    assert await socket.init(authorization=f"Bearer {secret}") == {"type": "connection_ack"}


CHANGES = {
    "revoked": {"revoked_at": Now()},
    "expired": {"expires_at": Now()},
    "not for here any more": {"allowed_networks": ["203.0.113.0/24"]},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_silent_socket_is_closed(served, account, change):
    """With the code for a key that is not good; one with another key stays."""
    other = await in_thread(lambda: keys.create("graphql"))
    async with opened(served, init=True) as socket, opened(served) as staying:
        await say_hello(staying, other.secret)
        await in_thread(lambda: ApiKey.objects.exclude(id=other.key.id).update(**change))
        assert await socket.closed(within=SOON) == TURNED_OUT
        assert await staying.is_silent()


async def test_what_runs_on_it_ends(served, account):
    """And leaves nothing behind."""
    message = await in_thread(store, account)
    async with opened(served, init=True) as socket:
        await socket.follow(message)
        assert (await socket.event())["status"] == "QUEUED"
        await in_thread(lambda: ApiKey.objects.update(revoked_at=Now()))
        assert await socket.closed(within=SOON) == TURNED_OUT


async def test_a_key_that_came_with_the_handshake_is_watched_too(served, account):
    """However it was given."""
    async with opened(served, headers={"Authorization": f"Bearer {KEY}"}) as socket:
        await socket.send({"type": "connection_init"})
        assert (await socket.receive())["type"] == "connection_ack"
        await in_thread(lambda: ApiKey.objects.update(revoked_at=Now()))
        assert await socket.closed(within=SOON) == TURNED_OUT


async def test_a_good_key_keeps_its_sockets(served, account):
    """Also one that expires some day, and one that is good from here only."""
    later = datetime.now(UTC) + timedelta(days=1)
    await in_thread(lambda: ApiKey.objects.update(expires_at=later, allowed_networks=["127.0.0.1"]))
    async with opened(served, init=True) as socket:
        assert await socket.is_silent(for_=1.0)
        assert not guard().is_idle
    while not guard().is_idle:  # `nothing_is_left` would say so, too
        await asyncio.sleep(0.01)


async def test_one_look_is_enough_for_all_sockets_of_a_key(served, account):
    """All of them are closed, and one task has looked after them."""
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(opened(served, init=True)) for _ in range(20)]
        assert sum(task.get_coro().__qualname__ == "Guard._look_regularly" for task in asyncio.all_tasks()) == 1
        await in_thread(lambda: ApiKey.objects.update(revoked_at=Now()))
        assert {await socket.closed(within=SOON) for socket in sockets} == {TURNED_OUT}
