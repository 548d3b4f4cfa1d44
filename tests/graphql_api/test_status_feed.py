"""`statusFeed`: every change of an account, in order, each once, from any cursor on, whatever gets lost on the way."""

import asyncio
from contextlib import aclosing, asynccontextmanager, closing

import pytest
from channels.layers import get_channel_layer
from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper

from graphql_api import feed, live, tail
from sms.database import in_thread
from sms.feed import EVERYTHING, START, read_now
from sms.feed_cursors import Cursor
from sms.models import ApiKey, MessageEvent
from sms.services import authenticate
from tests.accounts import make_caller
from tests.graphql_api.conftest import change
from tests.graphql_api.sockets import opened
from tests.graphql_api.test_message_status import joined
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


@asynccontextmanager
async def open_transaction():
    """Let somebody's transaction have its number, and stay open."""

    def begin():
        own = connection.get_new_connection(connection.get_connection_params())
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")
        return own

    with closing(await in_thread(begin)) as own:
        yield own


async def test_the_first_item_tells_where_the_feed_ends(message, socket):
    """Nothing of what was before; then every change, with all that is known of it."""
    await socket.feed()
    first = await socket.item()
    assert first.pop("cursor")
    assert first == {"clientReference": None, "event": None}
    await change(message, "SENDING")
    item = await socket.item()
    stored = await in_thread(lambda: MessageEvent.objects.get(message=message, sequence=2))
    assert item == {
        "cursor": str(Cursor(stored.position, stored.id)),
        "clientReference": None,
        "event": {"messageId": str(message.id), "sequence": 2, "status": "SENDING", "final": False},
    }


async def test_all_messages_of_the_account_are_followed(account, message, socket):
    """Also those that came later, with their first change; and with their labels."""
    await socket.feed()
    await socket.item()
    await joined()
    later = await in_thread(lambda: store(account, client_reference="order-7"))
    await change(message, "SENDING")
    await change(later, "SENDING", "SENT")
    items = [await socket.item() for _ in range(4)]
    assert [(one["event"]["messageId"], one["event"]["sequence"]) for one in items] == [
        (str(later.id), 1),
        (str(message.id), 2),
        (str(later.id), 2),
        (str(later.id), 3),
    ]
    assert [one["clientReference"] for one in items] == ["order-7", None, "order-7", "order-7"]


async def test_the_first_cursor_is_enough_to_miss_nothing(served, account, message):
    """A client that was cut off before anything happened gets all that happened since."""
    async with opened(served, init=True) as socket:
        await socket.feed()
        start = (await socket.item())["cursor"]
    await change(message, "SENDING", "SENT")
    async with opened(served, init=True) as socket:
        await socket.feed(after=start)
        seen, _ = await socket.items(2)
        assert seen == [(str(message.id), 2), (str(message.id), 3)]


async def test_it_continues_after_every_item(served, account, socket):
    """With any number of changes before, and live ones behind them, without a gap and without a repetition."""
    await socket.feed()
    cursors = [(await socket.item())["cursor"]]
    messages = [await in_thread(store, account) for _ in range(3)]
    for status in ("SENDING", "SENT"):
        for one in messages:
            await change(one, status)
    expected = [(str(one.id), sequence) for sequence in (1, 2, 3) for one in messages]
    items = [await socket.item() for _ in range(9)]
    assert [(one["event"]["messageId"], one["event"]["sequence"]) for one in items] == expected
    cursors += [one["cursor"] for one in items]
    resumed = []
    async with opened(served, init=True) as other:
        for number, cursor in enumerate(cursors):
            await other.feed(op=str(number), after=cursor)
            seen = (await other.items(9 - number, op=str(number)))[0] if number < 9 else []
            assert seen == expected[number:]
            resumed.append(str(number))
        await change(messages[0], "DELIVERED")
        frames = [await other.receive() for _ in resumed]
        assert {frame["id"] for frame in frames} == set(resumed)
        assert {frame["payload"]["data"]["statusFeed"]["event"]["sequence"] for frame in frames} == {4}


@pytest.mark.parametrize("cursor", ["", "nonsense", "AQAAAR9x-wTLAAAAAAAAACq9_nHu", "x" * 10_000])
async def test_what_is_no_cursor_is_refused(socket, account, cursor):
    """With a code of its own; the socket stays."""
    await socket.feed(after=cursor)
    frame = await socket.receive()
    assert (frame["type"], frame["payload"][0]["extensions"]) == ("error", {"code": "CURSOR_INVALID"})
    await socket.feed()
    assert (await socket.item())["event"] is None


async def test_a_cursor_from_the_future_is_refused(socket, account):
    """Else the client would wait for the database to come where it was before it was put back."""
    await socket.feed()
    now = Cursor.parse((await socket.item())["cursor"])
    await socket.feed(op="2", after=str(Cursor(now.position + 1_000_000, 1)))
    frame = await socket.receive()
    assert (frame["type"], frame["id"]) == ("error", "2")
    assert frame["payload"][0]["extensions"] == {"code": "CURSOR_INVALID"}
    assert "ahead of everything" in frame["payload"][0]["message"]


async def test_a_database_that_is_put_back_meanwhile_ends_the_feed(message, socket, monkeypatch):
    """With an error, not with silence; and a new feed begins anew."""
    await socket.feed()
    await socket.item()
    await joined()
    (followed,) = live.hub()._tails.values()
    followed.until = Cursor(followed.until.position + 1_000_000, 1)
    await change(message, "SENDING")
    frame = await socket.receive()
    assert (frame["type"], frame["payload"][0]["extensions"]) == ("error", {"code": "CURSOR_INVALID"})
    await socket.feed(op="2")
    assert (await socket.item(op="2"))["event"] is None
    await change(message, "SENT")
    assert (await socket.items(1, op="2"))[0] == [(str(message.id), 3)]


async def test_another_accounts_changes_never_come(served, account, message, socket):
    """Neither live nor with a cursor of that account, which is only a place in one's own feed."""
    other = await in_thread(make_caller, "other")
    theirs = await in_thread(store, other)
    page = await in_thread(read_now, other.account_id, START, 10)
    await socket.feed(after=str(page.events[0].cursor))
    await socket.feed(op="2")
    assert (await socket.item(op="2"))["event"] is None
    await change(theirs, "SENDING", "SENT")
    assert await socket.is_silent()
    await change(message, "SENDING")
    frames = [await socket.receive() for _ in range(2)]
    items = [frame["payload"]["data"]["statusFeed"]["event"]["messageId"] for frame in frames]
    assert items == [str(message.id)] * 2


async def test_only_what_is_wanted_is_told(account, message, socket):
    """Each filter for itself; all live, and the same with a cursor."""
    wants = {
        "statuses": {"statuses": ["SENT", "EXPIRED"]},
        "final": {"final": True},
        "open": {"final": False},
        "sender": {"senderId": "Nobody"},
        "recipient": {"recipient": "0200000901", "statuses": ["DELIVERED"]},
        "reference": {"clientReference": "a"},
    }
    for op, wanted in wants.items():
        await socket.feed(op=op, **wanted)
    started = {(frame := await socket.receive())["id"]: frame["payload"]["data"]["statusFeed"] for _ in wants}
    labelled = await in_thread(lambda: store(account, client_reference="a"))
    await change(message, "SENDING", "SENT", "DELIVERED")
    await change(labelled, "SENDING")
    expected = {
        "statuses": [(message, 3)],
        "final": [(message, 4)],
        "open": [(labelled, 1), (message, 2), (message, 3), (labelled, 2)],
        "sender": [],
        "recipient": [(message, 4)],
        "reference": [(labelled, 1), (labelled, 2)],
    }
    shown = {op: [(str(one.id), sequence) for one, sequence in events] for op, events in expected.items()}
    assert await gathered(socket, sum(map(len, shown.values()))) == {op: some for op, some in shown.items() if some}
    assert await socket.is_silent()
    for op, wanted in wants.items():
        await socket.feed(op=f"again {op}", after=started[op]["cursor"], **wanted)
    again = await gathered(socket, sum(map(len, shown.values())))
    assert again == {f"again {op}": some for op, some in shown.items() if some}


async def gathered(socket, count):
    """Return the (message id, sequence) of the next items by operation."""
    found = {}
    for _ in range(count):
        frame = await socket.receive()
        event = frame["payload"]["data"]["statusFeed"]["event"]
        found.setdefault(frame["id"], []).append((event["messageId"], event["sequence"]))
    return found


async def test_a_number_that_is_none_is_refused(socket, account):
    """As it is when sending."""
    await socket.feed(recipient="nobody")
    frame = await socket.receive()
    assert (frame["type"], frame["payload"][0]["extensions"]) == ("error", {"code": "RECIPIENT_INVALID"})


async def test_with_coalesce_only_the_newest_change_is_told(served, account, socket):
    """Of those that are waiting: with its cursor, so that nothing comes again; and live changes as they come."""
    await socket.feed()
    start = (await socket.item())["cursor"]
    one, two = [await in_thread(store, account) for _ in range(2)]
    await change(one, "SENDING")
    await change(two, "SENDING")
    await change(one, "SENT", "DELIVERED")
    await socket.items(6)
    await socket.feed(op="2", after=start, coalesce=True)
    seen, _ = await socket.items(1, op="2")
    assert seen == [(str(two.id), 2)]
    seen, cursor = await socket.items(1, op="2")
    assert seen == [(str(one.id), 4)]
    await socket.feed(op="3", after=cursor, coalesce=True)
    assert await socket.is_silent()
    await change(two, "SENT")
    assert await gathered(socket, 3) == {"1": [(str(two.id), 3)], "2": [(str(two.id), 3)], "3": [(str(two.id), 3)]}


async def test_a_silent_feed_tells_that_it_lives(account, message, socket, monkeypatch):
    """With a cursor behind all that was not wanted, so that to continue there costs nothing."""
    monkeypatch.setattr(feed, "HEARTBEAT", 0.3)
    await socket.feed(clientReference="none")
    start = await socket.item()
    assert await socket.item() == start
    await change(message, "SENDING")
    (event,) = (await in_thread(read_now, account.account_id, Cursor.parse(start["cursor"]), 10)).events
    while (item := await socket.item()) == start:
        pass
    assert item == {"cursor": str(event.cursor), "event": None, "clientReference": None}


async def test_many_changes_that_are_not_wanted_move_the_cursor(account, message, socket, monkeypatch):
    """Without waiting for the next sign of life."""
    monkeypatch.setattr(feed, "SKIPPED", 4)
    await socket.feed(final=True)
    start = Cursor.parse((await socket.item())["cursor"])
    for _ in range(6):
        await change(await in_thread(store, account), "SENDING")
    item = await socket.item()
    assert item["event"] is None
    assert Cursor.parse(item["cursor"]) > start


async def test_who_is_far_behind_catches_up(served, account, message, monkeypatch):
    """Further than what the process has in memory: in pieces from the database, and then live."""
    monkeypatch.setattr(tail, "KEPT", 3)
    monkeypatch.setattr(feed, "AT_ONCE", 4)
    expected = []
    async with opened(served, init=True) as socket:
        await socket.feed()
        start = (await socket.item())["cursor"]
        await joined()
        for _ in range(25):
            one = await in_thread(store, account)
            await change(one, "SENDING")
            expected += [(str(one.id), 1), (str(one.id), 2)]
        assert (await socket.items(50))[0] == expected
        (followed,) = live.hub()._tails.values()
        assert len(followed._events) <= 6
        for sequence, status in ((2, "SENDING"), (3, "SENT")):
            async with opened(served, init=True) as other:
                await other.feed(after=start)
                assert (await other.items(len(expected)))[0] == expected
                await change(message, status)
                expected.append((str(message.id), sequence))
                assert (await other.items(1))[0] == expected[-1:]


async def test_what_an_older_transaction_holds_back_comes_when_it_has_ended(account, message, socket):
    """Hints come long before; nothing is told out of order, and nothing waits for the next hint."""
    await socket.feed()
    await socket.item()
    await joined()
    async with open_transaction() as slow:
        await change(message, "SENDING", "SENT")
        assert await socket.is_silent(for_=0.5)
        await asyncio.to_thread(slow.commit)
        seen, _ = await socket.items(2)
    assert seen == [(str(message.id), 2), (str(message.id), 3)]


async def test_looking_becomes_rarer_while_a_transaction_stays_open(account, message, socket, monkeypatch):
    """However many hints come meanwhile: they tell nothing that could be read."""
    looks = []
    read = tail.feed.read

    async def counted(*args):
        looks.append(asyncio.get_running_loop().time())
        return await read(*args)

    await socket.feed()
    await socket.item()
    await joined()
    monkeypatch.setattr(tail.feed, "read", counted)
    hint = {"type": "sms.changed", "changes": [[str(message.id), 2, "SENDING"]]}
    async with open_transaction() as slow:
        await change(message, "SENDING")
        for _ in range(100):
            await get_channel_layer().group_send(f"account.{message.account_id}", hint)
            await asyncio.sleep(0.01)
        assert 4 <= len(looks) <= 8
        await asyncio.to_thread(slow.rollback)
    assert (await socket.items(1))[0] == [(str(message.id), 2)]


async def test_lost_hints_are_made_up_for(message, socket, looks_often):
    """What the bus loses, the regular look finds."""
    await socket.feed()
    await socket.item()
    await joined()
    await change(message, "SENDING", "SENT", told=False)
    assert (await socket.items(2))[0] == [(str(message.id), 2), (str(message.id), 3)]


async def test_a_change_before_the_listener_has_joined_is_not_lost(message, socket, monkeypatch):
    """The first item is there, and nobody listens yet: who has joined looks once more."""
    layer = get_channel_layer()
    join, may_join = layer.group_add, asyncio.Event()

    async def join_late(group, channel):
        await may_join.wait()
        await join(group, channel)

    monkeypatch.setattr(layer, "group_add", join_late)
    await socket.feed()
    await socket.item()
    await change(message, "SENDING")
    assert await socket.is_silent()
    may_join.set()
    assert (await socket.items(1))[0] == [(str(message.id), 2)]


async def test_a_feed_waits_while_the_database_is_away(message, socket, looks_often, monkeypatch):
    """It neither ends nor misses anything."""
    await socket.feed()
    await socket.item()
    await joined()
    await change(message, "SENDING", told=False)
    with monkeypatch.context() as patch:
        patch.setattr(CursorWrapper, "_execute", lost)
        await get_channel_layer().group_send(
            f"account.{message.account_id}", {"type": "sms.changed", "changes": [[str(message.id), 2, "SENDING"]]}
        )
        assert await socket.is_silent(for_=0.3)
    assert (await socket.items(1))[0] == [(str(message.id), 2)]


def lost(*_):
    """Stand for the driver while there is no database."""
    raise OperationalError("the server closed the connection unexpectedly")


async def test_without_the_database_a_feed_cannot_begin(message, socket, monkeypatch):
    """The operation is told to come back; the socket stays."""
    with monkeypatch.context() as patch:
        patch.setattr(CursorWrapper, "_execute", lost)
        await socket.feed()
        frame = await socket.receive()
    assert (frame["type"], frame["payload"][0]["extensions"]) == ("error", {"code": "SERVICE_UNAVAILABLE"})
    await socket.feed()
    assert (await socket.item())["event"] is None


async def test_a_revoked_key_ends_its_feed(account, message, socket):
    """Nothing more is told to its owner."""
    await socket.feed()
    await socket.item()
    await in_thread(lambda: ApiKey.objects.update(revoked_at="2020-01-01T00:00Z"))
    authenticate.forget()  # what a few seconds would do
    await change(message, "SENT")
    frame = await socket.receive()
    assert (frame["type"], frame["payload"][0]["extensions"]) == ("error", {"code": "UNAUTHENTICATED"})


async def test_a_key_that_may_not_read_has_no_feed(served, transactional_db):
    """It is told which scope it lacks."""
    await in_thread(lambda: make_caller("sender", key="sms_test_only_sends", granted=["messages:send"]))
    async with opened(served) as socket:
        await socket.init(authorization="Bearer sms_test_only_sends")
        await socket.feed()
        frame = await socket.receive()
        assert (frame["type"], frame["payload"][0]["extensions"]) == ("error", {"code": "PERMISSION_DENIED"})


async def test_a_client_that_goes_away_leaves_nothing(served, account, message):
    """No task, no tail, no listener, however abruptly, and with several feeds."""
    before = len(asyncio.all_tasks())
    async with opened(served, init=True) as socket:
        for number in range(5):
            await socket.feed(op=str(number))
            await socket.item(op=str(number))
        assert len(live.hub()._tails) == 1
        await socket.send({"type": "complete", "id": "0"})
        await change(message, "SENDING")
        assert set(await gathered(socket, 4)) == {"1", "2", "3", "4"}
        socket.connection.transport.abort()
    async with asyncio.timeout(3):
        while not live.hub().is_idle or len(asyncio.all_tasks()) > before:
            await asyncio.sleep(0.02)
    assert live.hub()._tails == {}


async def test_a_burst_is_read_in_sets(account, message, socket, monkeypatch):
    """Many hints, few reads: one for what has gathered within 20 ms, for all feeds of the account."""
    looks = 0
    read = tail.feed.read

    async def counted(*args):
        nonlocal looks
        looks += 1
        return await read(*args)

    for op in range(10):
        await socket.feed(op=str(op))
        await socket.item(op=str(op))
    await joined()
    monkeypatch.setattr(tail.feed, "read", counted)
    begun = asyncio.get_running_loop().time()
    messages = [await in_thread(store, account) for _ in range(50)]
    for one in messages:
        await change(one, "SENDING")
    found = await gathered(socket, 1000)
    took = asyncio.get_running_loop().time() - begun
    assert {len(seen) for seen in found.values()} == {100}
    assert looks <= 2 * took / tail.SOONEST + 2


async def test_who_takes_nothing_is_not_kept_for(account, message, monkeypatch):
    """What a client does not take stays in the database; when it takes again, it gets all of it."""
    monkeypatch.setattr(tail, "KEPT", 3)
    async with aclosing(feed.follow(account.account_id, after=None, wanted=EVERYTHING, coalesce=False)) as items:
        await anext(items)
        expected = []
        for _ in range(40):
            one = await in_thread(store, account)
            await change(one, "SENDING")
            expected += [(one.id, 1), (one.id, 2)]
        (followed,) = live.hub()._tails.values()
        await followed.look()
        assert len(followed._events) <= 6
        taken = [(await anext(items)).event.change for _ in expected]
        assert [(one.message_id, one.sequence) for one in taken] == expected


async def test_two_hundred_who_come_back_at_once_miss_nothing(served, account):
    """A restart of web: each continues from where it was, while changes go on."""
    messages = [await in_thread(store, account) for _ in range(20)]
    page = await in_thread(read_now, account.account_id, START, 1000)
    for status in ("SENDING", "SENT"):
        for one in messages:
            await change(one, status, told=False)
    expected = [(str(one.id), sequence) for sequence in (1, 2, 3, 4) for one in messages]

    async def come_back(number):
        seen = number % 20
        async with opened(served, init=True, open_timeout=30) as socket:
            await socket.feed(after=str(page.events[seen].cursor))
            found = []
            while len(found) < 79 - seen:
                event = (await socket.item(within=60))["event"]
                found.append((event["messageId"], event["sequence"]))
            return found == expected[seen + 1 :]

    coming = asyncio.gather(*map(come_back, range(200)))
    for one in messages:
        await change(one, "DELIVERED")
        await asyncio.sleep(0.02)
    assert await coming == [True] * 200
