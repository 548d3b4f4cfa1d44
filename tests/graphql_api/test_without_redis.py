"""Live updates while Redis is away, and when it comes back."""

import asyncio
import logging

import pytest
from channels.layers import get_channel_layer

from devstack.redis import Redis
from graphql_api import listener, live
from sms.database import in_thread
from tests.graphql_api.conftest import change
from tests.graphql_api.sockets import left_in, opened
from tests.graphql_api.test_message_status import joined
from tests.messages import store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_is_left")]


@pytest.fixture
def redis(tmp_path, settings):
    """A Redis of the test's own, which the channel layer and the publisher use."""
    server = Redis(tmp_path)
    server.start()
    layer = settings.CHANNEL_LAYERS["default"]
    hosts = [{**layer["CONFIG"]["hosts"][0], "address": server.url}]
    settings.CHANNEL_LAYERS = {"default": {**layer, "CONFIG": {**layer["CONFIG"], "hosts": hosts}}}
    yield server
    server.stop()


@pytest.fixture(autouse=True)
async def _layer_is_closed(redis):
    yield
    await get_channel_layer().flush()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(live, "CHECK_EVERY", 0.3)
    monkeypatch.setattr(listener, "LONGEST_WAIT", 0.3)


@pytest.fixture
async def message(account):
    """A message that was just accepted."""
    return await in_thread(store, account)


async def test_a_restart_of_redis_loses_nothing(served, redis, message, caplog):
    """What changes while it is away comes by the hub's own look; afterwards hints are heard again, by themselves."""
    async with opened(served, init=True) as socket:
        await socket.follow(message)
        await socket.event()
        await joined()
        redis.stop()
        await change(message, "SENDING")  # the hint fails, which is logged and nothing else
        assert (await socket.event())["sequence"] == 2
        await asyncio.sleep(1.5)
        redis.start()
        await change(message, "SENT")
        assert (await socket.event())["sequence"] == 3
        live.CHECK_EVERY = 60
        await asyncio.sleep(1.5)  # now only hints can tell
        await change(message, "DELIVERED")
        assert await socket.events() == [(4, "DELIVERED")]
    lines = [record for record in caplog.records if record.name == "channels_redis.pubsub"]
    assert len(lines) <= 1
    assert not any(record.exc_info for record in lines)


async def test_following_can_begin_without_redis(served, redis, message, caplog):
    """Changes arrive later than usual, and live again once Redis is there."""
    redis.stop()
    async with opened(served, init=True) as socket:
        await socket.follow(message)
        assert (await socket.event())["sequence"] == 1
        await change(message, "SENDING")
        assert (await socket.event())["sequence"] == 2
        assert not live.hub()._listeners[message.account_id].has_joined
        redis.start()
        await joined()
        live.CHECK_EVERY = 60
        await asyncio.sleep(0.5)
        await change(message, "SENT")
        assert (await socket.event())["sequence"] == 3
    told = [record for record in caplog.records if "live_updates_delayed" in str(record.msg)]
    assert len(told) == 1


async def test_a_restart_of_redis_takes_nothing_from_a_feed(served, redis, message):
    """What changes while it is away comes by the regular look, afterwards by hints again; all of it in order."""
    async with opened(served, init=True) as socket:
        await socket.feed()
        await socket.item()
        await joined()
        redis.stop()
        await change(message, "SENDING")
        assert (await socket.items(1))[0] == [(str(message.id), 2)]
        await asyncio.sleep(1.5)
        redis.start()
        await change(message, "SENT")
        assert (await socket.items(1))[0] == [(str(message.id), 3)]
        live.CHECK_EVERY = 60
        await asyncio.sleep(1.5)  # now only hints can tell
        await change(message, "DELIVERED")
        assert (await socket.items(1))[0] == [(str(message.id), 4)]


async def test_a_feed_can_begin_without_redis(served, redis, message):
    """Changes arrive later than usual."""
    redis.stop()
    async with opened(served, init=True) as socket:
        await socket.feed()
        assert (await socket.item())["event"] is None
        await change(message, "SENDING", "SENT")
        assert (await socket.items(2))[0] == [(str(message.id), 2), (str(message.id), 3)]


async def test_trying_to_join_leaves_nothing(served, redis, message):
    """Each try takes a channel of the layer, and gives it back."""
    redis.stop()
    async with opened(served, init=True) as socket:
        await socket.follow(message)
        await socket.event()
        await asyncio.sleep(1)
    layer = get_channel_layer()
    async with asyncio.timeout(3):
        while not live.hub().is_idle:
            await asyncio.sleep(0.01)
    assert left_in(layer) == (set(), set())


def test_one_outage_is_one_line(caplog):
    """The layer's own lines about a second without Redis are kept apart by a minute."""
    logger = logging.getLogger("channels_redis.pubsub")
    (filter_,) = [one for one in logger.filters if isinstance(one, listener._OneLineAnOutage)]
    filter_._quiet_until = 0.0
    for _ in range(3):
        logger.error("Unexpected exception in receive task", exc_info=ConnectionError("refused"))
    assert [record.getMessage() for record in caplog.records] == ["Unexpected exception in receive task: refused"]
