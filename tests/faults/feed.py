"""Somebody who follows the account's feed through every fault, and comes back with the last cursor when cut off."""

import asyncio
import json

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from sms.feed_cursors import Cursor
from tests.faults.stack import FaultStack
from tests.faults.subscribers import COMES_BACK_AFTER
from tests.feeds import COMMITTED, problems

FEED = """
subscription ($after: String) { statusFeed(after: $after) { cursor event { messageId sequence } } }
"""
TRY_AGAIN = {"SERVICE_UNAVAILABLE", "OVERLOADED"}


class FeedFollower:
    """One socket with the feed from the moment on at which it first got through."""

    def __init__(self, url: str, api_key: str) -> None:
        self.seen: list[tuple[Cursor, str, int]] = []  # place, message id, sequence
        self.losses = 0
        self._url, self._api_key = url, api_key
        self._start: Cursor | None = None
        self._last: str | None = None
        self._refused: list[str] = []

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        while True:
            try:
                async with connect(
                    self._url, subprotocols=["graphql-transport-ws"], open_timeout=5, close_timeout=1
                ) as socket:
                    await self._talk(socket)
            except (OSError, WebSocketException, TimeoutError, ValueError):
                self.losses += 1
            await asyncio.sleep(COMES_BACK_AFTER)

    async def _talk(self, socket: ClientConnection) -> None:
        hello = {"type": "connection_init", "payload": {"authorization": f"Bearer {self._api_key}"}}
        await socket.send(json.dumps(hello))
        if json.loads(await asyncio.wait_for(socket.recv(), 10))["type"] != "connection_ack":
            return
        payload = {"query": FEED, "variables": {"after": self._last}}
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        async for frame in socket:
            if not self._take(json.loads(frame)):
                return

    def _take(self, frame: dict) -> bool:
        """Note an item, and return whether there will be more."""
        if frame["type"] != "next":
            codes = {error["extensions"]["code"] for error in frame.get("payload", [])}
            self._refused += codes - TRY_AGAIN
            return False
        item = frame["payload"]["data"]["statusFeed"]
        self._last = item["cursor"]
        place = Cursor.parse(self._last)
        if self._start is None:
            self._start = place
        if (event := item["event"]) is not None:
            self.seen.append((place, event["messageId"], event["sequence"]))
        return True

    def has_all(self, stack: FaultStack) -> bool:
        """Whether as much came as the database has."""
        return len(self.seen) >= len(self._committed(stack))

    def problems(self, stack: FaultStack) -> list[str]:
        """Say what it missed, got twice or out of order, and with what it was refused."""
        return problems(self.seen, self._committed(stack)) + [f"refused with {code}" for code in self._refused]

    def _committed(self, stack: FaultStack) -> list[tuple]:
        start = self._start
        if start is None:
            return []
        rows = stack.query(COMMITTED, "demo")
        return [(*place, str(message_id), sequence) for *place, message_id, sequence in rows if tuple(place) > start]
