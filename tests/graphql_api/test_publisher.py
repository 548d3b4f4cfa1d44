"""The publisher: says on the wire what the channel layer would say, faster."""

import asyncio
import time
import uuid
from datetime import UTC, datetime

import pytest
import redis
from channels.layers import get_channel_layer
from django.conf import settings

from devstack.processes import free_port
from graphql_api import publisher
from graphql_api.hints import from_hint, group_of, to_event, to_hint
from sms.events import StatusChanged
from sms.records import EventRecord
from sms.statuses import Status

URL = settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"][0]["address"]


def changes(count, *, account=None):
    """Return some changes of one account."""
    account = account or uuid.uuid4()
    return [
        StatusChanged(account, EventRecord(uuid.uuid4(), number, Status.SENT, datetime.now(UTC), late=number % 2 == 0))
        for number in range(1, count + 1)
    ]


@pytest.fixture
def ear():
    """A plain Redis subscriber to all groups."""
    with redis.Redis.from_url(URL) as client, client.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.psubscribe("sms__group__*")
        pubsub.get_message(timeout=1)  # that it is subscribed
        yield pubsub


def heard(ear, group, count):
    """Return the next payloads for a group."""
    found, end = [], time.monotonic() + 3
    while len(found) < count and time.monotonic() < end:
        message = ear.get_message(timeout=0.1)
        if message is not None and message["channel"].decode().endswith(group):
            found.append((message["channel"], message["data"]))
    return found


async def test_the_wire_form_is_the_channel_layers(ear):
    """Channel and bytes are equal to what `RedisPubSubChannelLayer.group_send` emits, so the layer can read ours."""
    some = changes(3)
    group = group_of(some[0].account_id)
    await get_channel_layer().group_send(group, to_hint(some))
    await asyncio.to_thread(publisher.publish, some)
    theirs, ours = await asyncio.to_thread(heard, ear, group, 2)
    assert ours == theirs


async def test_the_layer_delivers_what_we_publish():
    """A member of the group receives the hint."""
    layer = get_channel_layer()
    some = changes(2)
    channel = await layer.new_channel()
    await layer.group_add(group_of(some[0].account_id), channel)
    await asyncio.to_thread(publisher.publish, some)
    hint = await asyncio.wait_for(layer.receive(channel), 3)
    await layer.group_discard(group_of(some[0].account_id), channel)
    assert [to_event(told) for _, told in from_hint(hint)] == [one.event for one in some]
    assert [message_id for message_id, _ in from_hint(hint)] == [str(one.event.message_id) for one in some]
    await layer.flush()


def test_each_account_hears_of_its_own_messages_only(ear):
    """One message to each account, with its changes in order."""
    mine, yours = changes(2), changes(1)
    publisher.publish([mine[0], yours[0], mine[1]])
    decode = get_channel_layer().deserialize
    assert [decode(data) for _, data in heard(ear, group_of(mine[0].account_id), 1)] == [to_hint(mine)]


def test_a_huge_batch_comes_in_parts(ear):
    """500 changes to a message, so that no one is large."""
    many = changes(1201)
    publisher.publish(many)
    found = heard(ear, group_of(many[0].account_id), 3)
    decoded = [get_channel_layer().deserialize(data)["changes"] for _, data in found]
    assert [len(part) for part in decoded] == [500, 500, 201]
    assert [one for part in decoded for one in part] == to_hint(many)["changes"]


def test_without_redis_it_fails_soon(settings):
    """The caller learns of it, and does not wait."""
    layer = settings.CHANNEL_LAYERS["default"]
    nowhere = {**layer["CONFIG"], "hosts": [{"address": f"redis://127.0.0.1:{free_port()}"}]}
    settings.CHANNEL_LAYERS = {"default": {**layer, "CONFIG": nowhere}}
    begun = time.monotonic()
    with pytest.raises(redis.ConnectionError):
        publisher.publish(changes(1))
    assert time.monotonic() - begun < 1


def test_a_connection_that_died_is_replaced(ear):
    """After Redis was away, the first publish is not lost to the old connection."""
    publisher.publish(changes(1))
    with redis.Redis.from_url(URL) as client:
        for one in client.client_list(_type="normal"):
            if one["cmd"] == "publish":
                client.client_kill(one["addr"])
    some = changes(1)
    publisher.publish(some)
    assert len(heard(ear, group_of(some[0].account_id), 1)) == 1
