"""The web process sleeps while nothing happens, and wakes when told to stop."""

import asyncio
import signal

import pytest
import uvicorn

from config import serve


@pytest.fixture
def server():
    """A server that has loaded its application, and serves nobody."""
    config = uvicorn.Config(lambda: None, log_config=None)
    config.load()
    return serve.Server(config)


async def test_a_signal_wakes_it(server, monkeypatch):
    """It is not told at the end of its sleep: that would be in an hour here."""
    monkeypatch.setattr(serve, "TICK", 3_600.0)
    serving = asyncio.create_task(server.main_loop())
    await asyncio.sleep(0.05)
    assert not serving.done()
    server.handle_exit(signal.SIGTERM, None)
    async with asyncio.timeout(5):
        await serving


async def test_a_signal_while_it_starts_is_not_lost(server):
    """Then there is no sleep to wake it from."""
    server.handle_exit(signal.SIGTERM, None)
    async with asyncio.timeout(5):
        await server.main_loop()


async def test_answers_keep_the_date_of_the_day(server, monkeypatch):
    """Each time it wakes, the date that all answers bear is renewed."""
    monkeypatch.setattr(serve, "TICK", 0.001)
    serving = asyncio.create_task(server.main_loop())
    for _ in range(2):
        server.server_state.default_headers = []
        async with asyncio.timeout(5):
            while not server.server_state.default_headers:
                await asyncio.sleep(0.001)
        assert server.server_state.default_headers[0][0] == b"date"
    server.handle_exit(signal.SIGTERM, None)
    await serving
