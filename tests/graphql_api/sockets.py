"""A client of `graphql-transport-ws` that does exactly what it is told."""

import asyncio
import json
from contextlib import asynccontextmanager

import websockets
from websockets.asyncio.client import connect

from graphql_api.listener import AWAKE
from tests.graphql_api.conftest import KEY

PROTOCOL = "graphql-transport-ws"
PATIENCE = 5  # seconds

FOLLOW = """
subscription ($id: ID!, $after: Int, $late: Boolean) {
  messageStatus(id: $id, afterSequence: $after, includeLate: $late) {
    messageId sequence status final late conflict providerStatus errorCode occurredAt
  }
}
"""

FEED = """
subscription ($filter: StatusFeedFilter, $after: String, $coalesce: Boolean) {
  statusFeed(filter: $filter, after: $after, coalesce: $coalesce) {
    cursor clientReference event { messageId sequence status final }
  }
}
"""


class Socket:
    """One open websocket."""

    def __init__(self, connection):
        self.connection = connection

    async def send(self, message):
        """Send a frame; what is neither text nor bytes is sent as JSON."""
        await self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def receive(self, *, within=PATIENCE):
        """Return the next frame."""
        async with asyncio.timeout(within):
            return json.loads(await self.connection.recv())

    async def closed(self, *, within=PATIENCE):
        """Wait for the close, skipping frames, and return its code and reason."""
        async with asyncio.timeout(within):
            try:
                while True:
                    await self.connection.recv()
            except websockets.ConnectionClosed:
                return self.connection.close_code, self.connection.close_reason

    async def is_silent(self, *, for_=0.2):
        """Whether nothing comes for a while."""
        try:
            async with asyncio.timeout(for_):
                frame = await self.connection.recv()
        except TimeoutError:
            return True
        raise AssertionError(frame)

    async def init(self, **payload):
        """Say hello, and return the answer."""
        await self.send({"type": "connection_init", "payload": payload or {"authorization": f"Bearer {KEY}"}})
        return await self.receive()

    async def start(self, query, variables=None, *, op="1", **parts):
        """Start an operation."""
        await self.send({"type": "subscribe", "id": op, "payload": {"query": query, "variables": variables, **parts}})

    async def run(self, query, variables=None, *, op="1"):
        """Run an operation with one result, and return that."""
        await self.start(query, variables, op=op)
        result = await self.receive()
        assert result["type"] == "next", result
        assert await self.receive() == {"type": "complete", "id": op}
        return result["payload"]

    async def follow(self, message, *, op="1", after=None, late=False):
        """Start to follow a message."""
        await self.start(FOLLOW, {"id": str(message.id), "after": after, "late": late}, op=op)

    async def feed(self, *, op="1", after=None, coalesce=False, **wanted):
        """Start to follow the account's feed."""
        await self.start(FEED, {"after": after, "coalesce": coalesce, "filter": wanted or None}, op=op)

    async def item(self, *, op="1", within=PATIENCE):
        """Return the next item of a feed, which must be the next frame."""
        frame = await self.receive(within=within)
        assert (frame["type"], frame["id"]) == ("next", op), frame
        assert "errors" not in frame["payload"], frame
        return frame["payload"]["data"]["statusFeed"]

    async def items(self, count, *, op="1"):
        """Return the (message id, sequence) of the next items, all of which must have an event, and the last cursor."""
        found = [await self.item(op=op) for _ in range(count)]
        return [(one["event"]["messageId"], one["event"]["sequence"]) for one in found], found[-1]["cursor"]

    async def event(self, *, op="1"):
        """Return the next event of a subscription, which must be the next frame."""
        frame = await self.receive()
        assert (frame["type"], frame["id"]) == ("next", op), frame
        assert "errors" not in frame["payload"], frame
        return frame["payload"]["data"]["messageStatus"]

    async def events(self, *, op="1"):
        """Return the (sequence, status) of all events until the subscription completes."""
        found = []
        while (frame := await self.receive())["type"] != "complete":
            assert frame["id"] == op
            event = frame["payload"]["data"]["messageStatus"]
            found.append((event["sequence"], event["status"]))
        return found


@asynccontextmanager
async def opened(served, *, protocols=(PROTOCOL,), headers=None, init=False, path="", **options):
    """Open a socket; `init` also says hello."""
    url = served.socket_url + path
    async with connect(
        url, subprotocols=protocols, additional_headers=headers, close_timeout=1, **options
    ) as connection:
        socket = Socket(connection)
        if init:
            assert await socket.init() == {"type": "connection_ack"}
        yield socket


def left_in(layer):
    """Return the groups and channels that a channel layer holds for somebody."""
    return set(layer.groups), {name for name in layer.channels if AWAKE not in name}
