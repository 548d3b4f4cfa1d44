"""Clients that stop reading, stop answering or vanish: each is let go, told to come back, and leaves nothing behind."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from channels.layers import get_channel_layer
from prometheus_client import REGISTRY

from config import serve
from graphql_api import connection, live, metrics
from sms.database import in_thread
from tests.graphql_api.conftest import KEY, change, serving
from tests.graphql_api.sockets import left_in, opened
from tests.messages import store
from tests.raw_sockets import raw

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_is_left")]

MUCH = {"type": "ping", "payload": {"x": "x" * 60_000}}  # answered with as much
MANY = 50


async def eventually(condition, *, within=10):
    """Wait until something is true."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


def ours(served, client):
    """Return the server's side of a socket, or None when it is gone."""
    found = [one for one in served.server.server_state.connections if one.client and one.client[1] == client.port]
    return found[0] if found else None


def closed(code, why):
    """How many sockets have ended this way."""
    return REGISTRY.get_sample_value("sms_websockets_closed_total", {"code": code, "why": why}) or 0


async def stall(served, client):
    """Ask for much more than fits on the way, and read none of it."""
    for _ in range(20):
        await client.send(MUCH)
        if ours(served, client)._stalled is not None:
            return
    await eventually(lambda: ours(served, client)._stalled is not None)


@pytest.fixture
async def message(account):
    """A message that was just accepted."""
    return await in_thread(store, account)


@pytest.fixture
async def impatient(account):
    """A server that pings often and waits shortly for the answer."""
    async with serving(ws_ping_interval=0.2, ws_ping_timeout=0.3) as served:
        yield served


async def test_a_slow_reader_is_told_to_come_back_and_misses_nothing(served, message, monkeypatch):
    """4205 as soon as it reads on; others are served meanwhile; `afterSequence` brings what it missed."""
    monkeypatch.setattr(connection, "TAKES_WITHIN", 0.3)
    before = closed("4205", "slow_reader")
    async with raw(served.socket_url, KEY) as client, opened(served, init=True) as other:
        await client.follow(message.id)
        await other.follow(message)
        assert (await other.event())["sequence"] == 1
        await stall(served, client)
        await change(message, "SENDING")
        assert (await other.event())["sequence"] == 2
        await eventually(lambda: ours(served, client).close_sent)
        await change(message, "SENT")
        assert (await other.event())["sequence"] == 3
        assert await client.closed() == 4205
    async with opened(served, init=True) as again:
        await again.follow(message, after=1)
        assert [(await again.event())["sequence"] for _ in range(2)] == [2, 3]
    await eventually(lambda: closed("4205", "slow_reader") == before + 1)


@pytest.mark.parametrize("last", ["nothing", "close", "end"])
async def test_who_never_reads_is_dropped(served, message, monkeypatch, last):
    """Also after a close frame or the end of its own half: no connection, no task, no watcher is left."""
    monkeypatch.setattr(connection, "TAKES_WITHIN", 0.2)
    monkeypatch.setattr(connection, "LEAVES_WITHIN", 0.2)
    tasks = len(asyncio.all_tasks())
    async with raw(served.socket_url, KEY) as client:
        await client.follow(message.id)
        await stall(served, client)
        if last == "close":
            client.protocol.send_close(1000)
            await client.flush()
        elif last == "end":
            client.socket.shutdown(1)
        await eventually(lambda: ours(served, client) is None and live.hub().is_idle)
        await eventually(lambda: len(asyncio.all_tasks()) <= tasks)
        assert await client.closed() is None  # what we had for it went with the connection


async def test_pongs_for_nobody_are_not_kept(served, account):
    """A flood of pings whose answers are not read fills no buffer."""
    async with raw(served.socket_url, KEY) as client:
        for number in range(40_000):
            client.protocol.send_ping(b"%0125d" % number)
        client.protocol.send_text(b"last", fin=False)
        await client.flush()  # five megabytes
        await eventually(lambda: ours(served, client).frames == [b"last"])
        assert ours(served, client).transport.get_write_buffer_size() < 500_000


async def test_empty_pieces_of_a_message_are_not_kept(served, account):
    """They count for no limit of size; the message that they are sent among still arrives whole."""
    async with raw(served.socket_url, KEY) as client:
        client.protocol.send_text(b'{"type": ', fin=False)
        for _ in range(5_000):
            client.protocol.send_continuation(b"", fin=False)
        client.protocol.send_continuation(b' "pi', fin=False)
        await client.flush()
        await eventually(lambda: b' "pi' in ours(served, client).frames)
        assert ours(served, client).frames == [b'{"type": ', b' "pi']
        client.protocol.send_continuation(b'ng"}', fin=True)
        await client.flush()
        (answer,) = await client.read()
        assert answer.data == b'{"type":"pong"}'


async def test_who_reads_but_answers_no_ping_is_told_to_come_back(impatient, message):
    """4205, where uvicorn alone says 1011 and clients stay away."""
    before = closed("4205", "no_pong")
    async with raw(impatient.socket_url, KEY) as client:
        await client.follow(message.id)
        assert await client.closed() == 4205
    await eventually(lambda: closed("4205", "no_pong") == before + 1)


async def test_many_who_vanish_without_a_word_leave_nothing(impatient, account, monkeypatch):
    """No FIN, no RST, no pong: afterwards there is no connection, task, watcher, group or channel more than before."""
    monkeypatch.setattr(connection, "LEAVES_WITHIN", 0.3)
    messages = [await in_thread(store, account) for _ in range(5)]
    layer, tasks = get_channel_layer(), len(asyncio.all_tasks())
    async with AsyncExitStack() as at_the_end:
        for number in range(MANY):
            client = await at_the_end.enter_async_context(raw(impatient.socket_url, KEY))
            for one in messages:
                await client.follow(one.id, op=f"{number} {one.id}")
        await eventually(lambda: not impatient.server.server_state.connections, within=20)
        await eventually(lambda: live.hub().is_idle and len(asyncio.all_tasks()) <= tasks)
        assert left_in(layer) == (set(), set())


async def test_what_a_process_holds_can_be_seen_from_outside(served, account):
    """Gauges rise with sockets, operations and watchers, and are back when these have gone."""
    gauges = (metrics.SOCKETS, metrics.OPERATIONS, metrics.WATCHERS, metrics.LISTENERS)

    def levels():
        return [gauge._value.get() for gauge in gauges]

    await eventually(lambda: levels() == [0, 0, 0, 0])
    messages = [await in_thread(store, account) for _ in range(3)]
    async with opened(served, init=True) as socket, opened(served, init=True):
        for one in messages:
            await socket.follow(one, op=str(one.id))
            await socket.event(op=str(one.id))
        assert levels() == [2, 3, 3, 1]
    await eventually(lambda: levels() == [0, 0, 0, 0])
    metrics.count_tasks_of(asyncio.get_running_loop())
    assert await asyncio.to_thread(REGISTRY.get_sample_value, "sms_asyncio_tasks") >= 1


def test_sockets_are_closed_within_the_time_to_drain():
    """What is set here has to fit into what uvicorn gives."""
    assert 0 < connection.STOPS_FROM < connection.STOPS_TO < connection.STOPS_TO + connection.STOPS_WITHIN < serve.DRAIN
