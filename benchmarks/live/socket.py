"""One websocket that speaks graphql-transport-ws."""

import asyncio
import base64
import os
from collections.abc import Callable
from typing import Any, cast

import orjson

from benchmarks.live import frames
from benchmarks.live.frames import FrameParser
from benchmarks.requests import API_KEY

WATCH = "subscription Watch($id: ID!) { messageStatus(id: $id) { sequence status final } }"
HANDSHAKE = """GET /graphql/ HTTP/1.1\r
Host: 127.0.0.1\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Protocol: graphql-transport-ws\r
Sec-WebSocket-Key: {key}\r
\r
"""
Told = Callable[[str, dict[str, Any]], None]


class Socket(asyncio.Protocol):
    """Calls `told` with the operation and its event; `ready` is done when the server has acknowledged us."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._head: bytes | None = b""  # None once the handshake is over
        self._parser = FrameParser()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def watch(self, operation: str, message_id: str) -> None:
        """Subscribe to a message."""
        self.subscribe(operation, WATCH, {"id": message_id})

    def subscribe(self, operation: str, query: str, variables: dict[str, Any]) -> None:
        """Subscribe to the one field of a document."""
        payload = {"query": query, "variables": variables}
        self._send({"type": "subscribe", "id": operation, "payload": payload})

    def close(self) -> None:
        """Hang up."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands."""
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(HANDSHAKE.format(key=key).encode())

    def data_received(self, data: bytes) -> None:
        """Take what comes."""
        if self._head is not None:
            head, found, data = (self._head + data).partition(b"\r\n\r\n")
            if not found:
                self._head = head
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._head = None
            self._send({"type": "connection_init", "payload": {"authorization": f"Bearer {API_KEY}"}})
        for opcode, payload in self._parser.feed(data):
            self._take(opcode, payload)

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody will acknowledge us any more."""
        if not self.ready.done():
            self.ready.set_exception(error or ConnectionResetError())

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == frames.PING:
            self._transport.write(frames.encode(payload, frames.PONG))
        if opcode != frames.TEXT:
            return
        frame = orjson.loads(payload)
        if frame["type"] == "next":
            (told,) = frame["payload"]["data"].values()
            self._told(frame["id"], told)
        elif frame["type"] == "connection_ack":
            self.ready.set_result(None)
        elif frame["type"] == "ping":
            self._send({"type": "pong"})

    def _send(self, frame: dict[str, Any]) -> None:
        self._transport.write(frames.encode(orjson.dumps(frame)))


async def connect(host: str, port: int, told: Told) -> Socket:
    """Open a socket and wait until the server has acknowledged us. Raises OSError."""
    _, socket = await asyncio.get_running_loop().create_connection(lambda: Socket(told), host, port)
    await socket.ready
    return socket
