"""Web is told to stop while sockets and streams are open: each client learns of it, after what was under way."""

import asyncio
import json
import signal
import time

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from config.serve import LEAVE
from devstack.processes import free_port
from edge.http_connection import STOPS_TO
from tests.event_streams import following
from tests.sockets import WATCH
from tests.webhooks.test_receipts import report

SOCKETS = STREAMS = 40
CHANGES = 3  # of a message until it is SENT


@pytest.fixture
def second_web(stack):
    """Another web process of the same service, for this test to stop; yields the process and where it listens."""
    port = free_port()
    web = stack._child("second", "-m", "config.serve")
    web.env = {**stack.environment, "PORT": str(port)}
    web.start()
    try:
        end = time.monotonic() + 30
        while "Uvicorn running" not in web.log_tail():
            assert time.monotonic() < end, web.log_tail()
            time.sleep(0.05)
        yield web, f"127.0.0.1:{port}"
    finally:
        web.stop()


async def listen(url, message_id, *, started):
    """Follow one message to the end of the socket; return the sequences, the close code, and when it came."""
    async with connect(url, subprotocols=["graphql-transport-ws"]) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        payload = {"query": WATCH, "variables": {"id": message_id, "after": 0}}
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        seen = []
        try:
            async for frame in socket:
                message = json.loads(frame)
                if message["type"] == "next":
                    seen.append(message["payload"]["data"]["messageStatus"]["sequence"])
                    started.put_nowait(seen[-1])
        except ConnectionClosed:
            pass
        return seen, socket.close_code, time.monotonic()


async def test_every_socket_is_told_to_come_back_when_web_stops(stack, second_web):
    """1012 on all of them, not all at once, and before it the change that was being told when the signal came."""
    web, host = second_web
    message = await asyncio.to_thread(stack.send, recipient="233200000905")
    found = await asyncio.to_thread(stack.wait_for, message.json()["id"], "SENT")
    started = asyncio.Queue()
    url = f"ws://{host}/graphql/"
    listening = [asyncio.create_task(listen(url, found["id"], started=started)) for _ in range(SOCKETS)]
    async with asyncio.timeout(30):
        for _ in range(3 * SOCKETS):
            await started.get()
        receipt = {"provider_reference": found["provider_reference"], "status": "UNDELIVERED"}
        await asyncio.to_thread(report, stack, receipt)
        await started.get()  # the first of them knows, the others are being told
        web.send(signal.SIGTERM)
        ended = await asyncio.gather(*listening)
    assert {tuple(seen) for seen, _, _ in ended} == {(1, 2, 3, 4)}
    assert {code for _, code, _ in ended} == {1012}
    times = [at for _, _, at in ended]
    assert max(times) - min(times) > 0.5
    while web.is_running:
        await asyncio.sleep(0.05)
    assert "timeout graceful shutdown exceeded" not in web.log_tail()


async def read(host, message_id, *, key, started):
    """Read one stream until it is cut; return the sequences, and when it was cut."""
    async with following(f"http://{host}", message_id, key=key, after=0) as stream:
        seen = []
        while len(seen) < CHANGES:
            sequence, _ = await stream.change()
            seen.append(sequence)
            started.put_nowait(sequence)
        assert await stream.is_cut()
        return seen, time.monotonic()


async def test_every_stream_is_cut_when_web_stops(stack, second_web):
    """In the middle, so that nobody takes it for complete; not all at once, and without holding up the stop."""
    web, host = second_web
    message = await asyncio.to_thread(stack.send, recipient="233200000905")
    found = await asyncio.to_thread(stack.wait_for, message.json()["id"], "SENT")
    started = asyncio.Queue()
    async with asyncio.timeout(30):
        reading = [
            asyncio.create_task(read(host, found["id"], key=stack.api_key, started=started)) for _ in range(STREAMS)
        ]
        for _ in range(CHANGES * STREAMS):
            await started.get()
        web.send(signal.SIGTERM)
        begun = time.monotonic()
        ended = await asyncio.gather(*reading)
        while web.is_running:
            await asyncio.sleep(0.05)
    assert {tuple(seen) for seen, _ in ended} == {(1, 2, 3)}
    times = [at for _, at in ended]
    assert max(times) - min(times) > 0.5
    assert time.monotonic() - begun < LEAVE + STOPS_TO + 2
    assert "timeout graceful shutdown exceeded" not in web.log_tail()
    assert "without completing response" not in web.log_tail()
