"""A websocket that does nothing by itself: it reads when it is told to, and answers neither a ping nor a close."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager

from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from tests.sockets import WATCH

SMALL = 4096  # bytes that the kernel takes in for a client that does not read


class RawSocket:
    """One TCP connection and what the websocket protocol says about its bytes."""

    def __init__(self, url, api_key):
        self.protocol = ClientProtocol(parse_uri(url), subprotocols=["graphql-transport-ws"])
        self.events = []  # (operation, sequence) of all that were read
        self._api_key = api_key
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        self.socket.setblocking(False)
        self._loop = asyncio.get_running_loop()

    @property
    def port(self):
        """Our own."""
        return self.socket.getsockname()[1]

    async def open(self):
        """Connect, say hello, and read the answer."""
        uri = self.protocol.uri
        await self._loop.sock_connect(self.socket, (uri.host, uri.port))
        self.protocol.send_request(self.protocol.connect())
        await self.flush()
        while self.protocol.state is State.CONNECTING:
            await self.read()
        await self.send({"type": "connection_init", "payload": {"authorization": f"Bearer {self._api_key}"}})
        while not any(frame.opcode is Opcode.TEXT for frame in await self.read()):
            pass

    async def send(self, message):
        """Send a message."""
        self.protocol.send_text(json.dumps(message).encode())
        await self.flush()

    async def follow(self, message_id, *, op="1", after=0):
        """Start to follow a message."""
        payload = {"query": WATCH, "variables": {"id": str(message_id), "after": after}}
        await self.send({"type": "subscribe", "id": op, "payload": payload})

    async def flush(self):
        """Send what the protocol has to send."""
        await self._loop.sock_sendall(self.socket, b"".join(self.protocol.data_to_send()))

    async def read(self):
        """Read once, and return the frames that came; what they ask for is not done."""
        data = await self._loop.sock_recv(self.socket, 65_536)
        if not data:
            raise EOFError
        self.protocol.receive_data(data)
        frames = self.protocol.events_received()
        if self.protocol.state is not State.CONNECTING:
            self.protocol.data_to_send()
        for frame in frames:
            self._note(frame)
        return frames

    def _note(self, frame):
        message = json.loads(frame.data) if getattr(frame, "opcode", None) is Opcode.TEXT else {}
        if message.get("type") == "next":
            self.events.append((message["id"], message["payload"]["data"]["messageStatus"]["sequence"]))

    async def closed(self, *, within=5):
        """Read to the end, and return the close code, or None if the connection just ended."""
        async with asyncio.timeout(within):
            try:
                while self.protocol.close_rcvd is None:
                    await self.read()
            except (EOFError, OSError):
                return None
        return self.protocol.close_rcvd.code


@asynccontextmanager
async def raw(url, api_key):
    """Open a raw socket that has said hello."""
    one = RawSocket(url, api_key)
    try:
        await one.open()
        yield one
    finally:
        one.socket.close()
