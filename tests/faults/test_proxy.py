"""The proxy does to a connection what a network does."""

import asyncio

import pytest

from tests.faults.proxy import Proxy


@pytest.fixture
async def echo():
    """A server that says what it hears; yields its port."""

    async def serve(reader, writer):
        while piece := await reader.read(100):
            writer.write(piece)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@pytest.fixture
async def proxy(echo):
    """A proxy before it, after a port where nobody listens."""
    opened = await Proxy(1, echo).open()
    yield opened
    await opened.close()


async def say(streams, words=b"hello"):
    """Send and return what comes back."""
    reader, writer = streams
    writer.write(words)
    return await asyncio.wait_for(reader.read(100), 5)


async def open_connection(proxy):
    """Connect to the proxy."""
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def test_it_passes_everything_on_and_tries_the_next_backend(proxy):
    """Where one backend refuses, another one serves."""
    for _ in range(3):
        streams = await open_connection(proxy)
        assert await say(streams) == b"hello"
        streams[1].close()


async def test_a_cut_is_a_reset(proxy):
    """Both sides learn at once that the connection is gone."""
    streams = await open_connection(proxy)
    assert await say(streams) == b"hello"
    assert proxy.cut() == 1
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(streams[0].read(100), 5)
    streams[1].close()


async def test_a_swallowed_answer_is_lost_with_its_connection(proxy):
    """The question has arrived, the answer never does."""
    proxy.swallow = 1
    streams = await open_connection(proxy)
    with pytest.raises(ConnectionResetError):
        await say(streams)
    streams[1].close()
    again = await open_connection(proxy)
    assert await say(again) == b"hello"
    again[1].close()


async def test_a_delay_holds_every_piece_back(proxy):
    """Question and answer each wait."""
    proxy.delay = 0.05
    streams = await open_connection(proxy)
    begun = asyncio.get_running_loop().time()
    assert await say(streams) == b"hello"
    assert asyncio.get_running_loop().time() - begun >= 0.1
    streams[1].close()


async def test_silence_reaches_neither_side(proxy):
    """Nothing passes, and nobody learns that the other is gone; later everything arrives."""
    streams = await open_connection(proxy)
    assert await say(streams) == b"hello"
    proxy.vanish()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await say(streams)
    proxy.behave()
    assert await asyncio.wait_for(streams[0].read(100), 5) == b"hello"
    streams[1].close()
