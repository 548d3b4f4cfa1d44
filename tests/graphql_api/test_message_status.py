"""`messageStatus`: first what is, then every change in order, each once, whatever gets lost on the way."""

import asyncio
import gc
import types
import uuid

import pytest
from channels.layers import get_channel_layer
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

from graphql_api import live
from graphql_api.listener import AWAKE
from sms.database import in_thread
from sms.models import ApiKey
from sms.services import authenticate
from tests.accounts import make_caller
from tests.graphql_api.conftest import change
from tests.graphql_api.sockets import left_in, opened
from tests.messages import store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_is_left")]


@pytest.fixture
async def message(account):
    """A message that was just accepted."""
    return await in_thread(store, account)


@pytest.fixture
async def socket(served, account):
    """A socket that has said hello."""
    async with opened(served, init=True) as socket:
        yield socket


@pytest.fixture
def looks_often(monkeypatch):
    """Let the hub look at the database ten times a second."""
    monkeypatch.setattr(live, "CHECK_EVERY", 0.1)


async def joined():
    """Wait until every listener has joined its group."""
    async with asyncio.timeout(3):
        while not all(listener.has_joined for listener in live.hub()._listeners.values()):
            await asyncio.sleep(0.01)


async def test_the_present_status_comes_first_and_then_every_change(message, socket):
    """Each event tells all that is known of the change; the final one is the last."""
    await change(message, "SENDING")
    await socket.follow(message)
    first = await socket.event()
    assert first.pop("occurredAt")
    assert first == {
        "messageId": str(message.id),
        "sequence": 2,
        "status": "SENDING",
        "final": False,
        "late": False,
        "conflict": False,
        "providerStatus": None,
        "errorCode": None,
    }
    await change(message, "SENT", provider="simulator", provider_reference="r")
    assert (await socket.event())["status"] == "SENT"
    await change(message, "REJECTED", provider_status="REJECTED", error_code="spam")
    last = await socket.event()
    assert (last["sequence"], last["status"], last["final"]) == (4, "REJECTED", True)
    assert (last["providerStatus"], last["errorCode"]) == ("REJECTED", "spam")
    assert await socket.receive() == {"type": "complete", "id": "1"}


async def test_a_final_message_has_one_event(message, socket):
    """It comes, and the subscription completes."""
    await change(message, "SENT", "DELIVERED")
    await socket.follow(message)
    assert await socket.events() == [(3, "DELIVERED")]


@pytest.mark.parametrize(
    ("after", "events"),
    [
        (0, [(1, "QUEUED"), (2, "SENDING"), (3, "SENT"), (4, "DELIVERED")]),
        (2, [(3, "SENT"), (4, "DELIVERED")]),
        (-5, [(1, "QUEUED"), (2, "SENDING"), (3, "SENT"), (4, "DELIVERED")]),
        (4, []),
        (100, []),
        (None, [(4, "DELIVERED")]),
    ],
)
async def test_what_came_after_a_sequence_is_replayed(message, socket, after, events):
    """All of it, in order, and no snapshot; nothing if there was nothing. Then a final message's end."""
    await change(message, "SENDING", "SENT", "DELIVERED")
    await socket.follow(message, after=after)
    assert await socket.events() == events


async def test_after_a_replay_come_the_live_changes(message, socket):
    """Without a gap and without a repetition."""
    await change(message, "SENDING")
    await socket.follow(message, after=1)
    assert (await socket.event())["sequence"] == 2
    await change(message, "SENT", "DELIVERED")
    assert await socket.events() == [(3, "SENT"), (4, "DELIVERED")]


async def test_who_has_seen_everything_waits_for_something_new(message, socket):
    """With `afterSequence` at the last one nothing comes until something changes."""
    await socket.follow(message, after=1)
    assert await socket.is_silent()
    await change(message, "SENT")
    assert (await socket.event())["sequence"] == 2


async def test_a_sequence_from_the_future_hides_what_is_older(message, socket):
    """A client that claims to have seen more than there is gets nothing twice, and learns of the end."""
    await socket.follow(message, after=3)
    await change(message, "SENDING", "SENT", "DELIVERED")
    assert await socket.events() == [(4, "DELIVERED")]


async def test_late_corrections_come_to_those_who_asked(message, socket):
    """`includeLate` outlives a soft final and ends with a hard one."""
    await change(message, "SENT", "EXPIRED")
    await socket.follow(message, late=True)
    soft = await socket.event()
    assert (soft["status"], soft["final"], soft["late"]) == ("EXPIRED", True, False)
    await change(message, "DELIVERED", provider_status="DELIVERED")
    late = await socket.event()
    assert (late["status"], late["final"], late["late"]) == ("DELIVERED", True, True)
    assert await socket.receive() == {"type": "complete", "id": "1"}


async def test_without_asking_a_soft_final_is_the_end(message, socket):
    """The subscription completes with it."""
    await change(message, "SENT")
    await socket.follow(message)
    await socket.event()
    await change(message, "EXPIRED")
    assert await socket.events() == [(3, "EXPIRED")]


async def test_a_correction_that_is_known_already_is_replayed(message, socket):
    """A replay has every change there is, also those after a soft final."""
    await change(message, "SENT", "EXPIRED", "DELIVERED")
    await socket.follow(message, after=2)
    assert await socket.events() == [(3, "EXPIRED"), (4, "DELIVERED")]


async def test_notes_are_no_events(message, socket):
    """What moved nothing stays in the history."""
    await socket.follow(message)
    await socket.event()
    await change(message, None, provider_status="ENROUTE")
    await change(message, "SENT")
    assert (await socket.event())["sequence"] == 2


async def test_another_accounts_message_does_not_exist(served, socket):
    """An error for this operation, the same as for an id that nobody has; and nothing of it ever comes."""
    other = await in_thread(store, await in_thread(make_caller, "other"))
    for message_id in (other.id, uuid.uuid4()):
        await socket.start("subscription ($id: ID!) { messageStatus(id: $id) { status } }", {"id": str(message_id)})
        frame = await socket.receive()
        assert (frame["type"], frame["id"]) == ("error", "1")
        assert frame["payload"][0]["extensions"] == {"code": "MESSAGE_NOT_FOUND"}
    await change(other, "SENT")
    assert await socket.is_silent()


async def test_subscriptions_of_one_socket_are_kept_apart(account, message, socket):
    """Each gets the changes of its own message, in its own order."""
    other = await in_thread(store, account)
    await socket.follow(message, op="one")
    await socket.follow(other, op="two")
    assert {(await socket.receive())["id"] for _ in range(2)} == {"one", "two"}
    await change(other, "SENT")
    assert (await socket.event(op="two"))["messageId"] == str(other.id)
    await change(message, "SENT")
    assert (await socket.event(op="one"))["messageId"] == str(message.id)


async def test_many_followers_of_many_messages_miss_nothing(served, account):
    """A burst over 100 messages, each followed twice, told in a jumble of hints: every change once and in order."""
    messages = [await in_thread(store, account) for _ in range(100)]

    async def follow(some):
        async with opened(served, init=True) as socket:
            for one in some:
                await socket.follow(one, op=str(one.id), after=0)
            found = {str(one.id): [] for one in some}
            ended = 0
            while ended < len(some):
                frame = await socket.receive()
                if frame["type"] == "complete":
                    ended += 1
                else:
                    found[frame["id"]].append(frame["payload"]["data"]["messageStatus"]["sequence"])
            return found

    groups = [messages[start : start + 20] for start in range(0, 100, 20)] * 2
    following = asyncio.gather(*map(follow, groups))
    await asyncio.sleep(0.1)
    for status in ("SENDING", "SENT", "DELIVERED"):
        for one in messages:
            await change(one, status)
    for found in await following:
        assert set(map(tuple, found.values())) == {(1, 2, 3, 4)}


async def test_a_lost_hint_is_made_up_for(message, socket, looks_often):
    """What the bus loses, the hub finds in the database by itself."""
    await socket.follow(message)
    await socket.event()
    await change(message, "SENDING", "SENT", told=False)
    assert [(await socket.event())["sequence"] for _ in range(2)] == [2, 3]


async def test_a_gap_between_hints_is_filled(message, socket):
    """A hint for the fourth change brings the second and the third as well."""
    await socket.follow(message)
    await socket.event()
    await joined()
    await change(message, "SENDING", "SENT", told=False)
    await change(message, "DELIVERED")
    assert await socket.events() == [(2, "SENDING"), (3, "SENT"), (4, "DELIVERED")]


async def test_hints_that_are_not_true_do_no_harm(message, socket):
    """An old, a repeated and an invented hint bring nothing, and garbage does not stop the listening."""
    await socket.follow(message)
    await socket.event()
    await joined()
    layer, group = get_channel_layer(), f"account.{message.account_id}"
    for hint in ([[str(message.id), 1, "QUEUED"]] * 3, [[str(message.id), 99, "DELIVERED"]], "garbage"):
        await layer.group_send(group, {"type": "sms.changed", "changes": hint})
    assert await socket.is_silent(for_=0.5)
    await joined()
    await change(message, "SENT")
    assert (await socket.event())["sequence"] == 2


async def test_a_change_during_the_subscribing_is_not_lost(message, socket, monkeypatch):
    """Also between the first look and the first wait, and before the listener has joined its group."""
    look = live.selectors.changes

    async def look_slowly(asked):
        found = await look(asked)
        monkeypatch.undo()
        await change(message, "SENDING", "SENT")
        return found

    monkeypatch.setattr(live.selectors, "changes", look_slowly)
    await socket.follow(message)
    assert [(await socket.event())["sequence"] for _ in range(3)] == [1, 2, 3]


async def test_a_subscription_waits_while_the_database_is_away(message, socket, looks_often, monkeypatch):
    """It neither ends nor misses anything."""
    await socket.follow(message)
    await socket.event()
    await joined()
    await change(message, "SENDING", told=False)

    def lost(*_):
        raise OperationalError("the server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(CursorWrapper, "_execute", lost)
        await get_channel_layer().group_send(
            f"account.{message.account_id}", {"type": "sms.changed", "changes": [[str(message.id), 2, "SENDING"]]}
        )
        assert await socket.is_silent(for_=0.3)
    assert (await socket.event())["sequence"] == 2


async def test_without_the_database_a_subscription_cannot_begin(message, socket, monkeypatch):
    """The operation is told to come back; the socket stays."""

    def lost(*_):
        raise OperationalError("the server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(CursorWrapper, "_execute", lost)
        await socket.follow(message)
        frame = await socket.receive()
    assert (frame["type"], frame["payload"][0]["extensions"]) == ("error", {"code": "SERVICE_UNAVAILABLE"})
    await socket.follow(message)
    assert (await socket.event())["sequence"] == 1


async def test_a_revoked_key_ends_its_subscriptions(account, message, socket):
    """Nothing more is told to its owner, though the socket was opened with a good key."""
    await socket.follow(message)
    await socket.event()
    await in_thread(lambda: ApiKey.objects.update(revoked_at="2020-01-01T00:00Z"))
    authenticate.forget()  # what a few seconds would do
    await change(message, "SENT")
    frame = await socket.receive()
    assert (frame["type"], frame["payload"][0]["extensions"]) == ("error", {"code": "UNAUTHENTICATED"})
    await socket.follow(message, op="2")
    assert (await socket.receive())["payload"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


def generators():
    """Return every asynchronous generator of a subscription that is still there."""
    gc.collect()
    names = {"follow", "message_status"}
    found = (
        one for one in gc.get_objects() if type(one) is types.AsyncGeneratorType
    )  # a lazy object would answer isinstance
    return [one for one in found if one.ag_code.co_name in names]


@pytest.mark.parametrize("abrupt", [False, True])
async def test_a_client_that_goes_away_leaves_nothing(served, account, abrupt):
    """No generator, no task, no watcher, no group, no channel: after a close, and after a cut connection."""
    messages = [await in_thread(store, account) for _ in range(10)]
    before = len(asyncio.all_tasks())
    async with opened(served, init=True) as socket:
        for one in messages:
            await socket.follow(one, op=str(one.id))
            await socket.event(op=str(one.id))
        await joined()
        assert len(generators()) == 20
        layer = get_channel_layer()
        assert [len(some) for some in left_in(layer)] == [1, 1]
        if abrupt:
            socket.connection.transport.abort()
    async with asyncio.timeout(3):
        while not live.hub().is_idle or generators() or len(asyncio.all_tasks()) > before:
            await asyncio.sleep(0.02)
    assert left_in(layer) == (set(), set())


async def test_the_layer_listens_on_when_the_last_watcher_has_left(served, account):
    """Else what the next one is to hear waits until the layer looks again whether anybody listens: 100 ms at most."""
    layer, held = get_channel_layer(), []
    for _ in range(3):
        async with opened(served, init=True) as socket:
            await socket.follow(await in_thread(store, account))
            await socket.event()
            await joined()
        async with asyncio.timeout(3):
            while not live.hub().is_idle:
                await asyncio.sleep(0.01)
        held.append(set(layer.channels))
    assert held == [held[0]] * 3
    assert [AWAKE in name for name in held[0]] == [True]


async def test_a_client_that_goes_away_at_once_leaves_nothing(served, account):
    """However far the subscribing had come."""
    message = await in_thread(store, account)
    layer = get_channel_layer()
    for number in range(30):
        async with opened(served, init=True) as socket:
            await socket.follow(message)
            await asyncio.sleep(number / 5000)
            socket.connection.transport.abort()
    async with asyncio.timeout(3):
        while not live.hub().is_idle or generators():
            await asyncio.sleep(0.02)
    assert left_in(layer) == (set(), set())


async def test_the_last_follower_of_an_account_ends_its_listener(served, message, socket):
    """While there is another one, it goes on."""
    async with opened(served, init=True) as other:
        await other.follow(message)
        await other.event()
        await socket.follow(message)
        await socket.event()
    await change(message, "SENT")
    assert (await socket.event())["sequence"] == 2
    assert len(live.hub()._listeners) == 1
    await socket.send({"type": "complete", "id": "1"})
    async with asyncio.timeout(3):
        while not live.hub().is_idle:
            await asyncio.sleep(0.01)
