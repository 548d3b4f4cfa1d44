"""Subscribers on real websockets: each follows a few messages, and comes back with `afterSequence` when cut off."""

import asyncio
import json
import time
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.sockets import WATCH

SOCKETS = 4
COMES_BACK_AFTER = 0.2  # seconds


@dataclass(slots=True)
class Followed:
    """One message as its subscriber saw it."""

    message_id: str
    events: list[tuple[int, str]] = field(default_factory=list)  # sequence, status
    is_over: bool = False
    since: float = 0.0  # when the present subscription was asked for, as the wall clock says
    heard: list[tuple[float, float]] = field(default_factory=list)  # for each event: `since`, and when it came

    @property
    def last(self) -> int:
        """The last sequence that came."""
        return self.events[-1][0] if self.events else 0

    @property
    def heard_at(self) -> float:
        """When the last event came."""
        return self.heard[-1][1] if self.heard else 0.0


class Subscriber:
    """One socket that follows several messages for as long as it takes."""

    def __init__(self, url: str, api_key: str) -> None:
        self.followed: dict[str, Followed] = {}
        self.losses = 0
        self._url, self._api_key = url, api_key
        self._wanted: asyncio.Queue[str] = asyncio.Queue()

    def follow(self, message_id: str) -> None:
        """Follow one more message, from its first event on."""
        self.followed[message_id] = Followed(message_id)
        self._wanted.put_nowait(message_id)

    @property
    def is_done(self) -> bool:
        """Whether every message came to its end."""
        return all(one.is_over for one in self.followed.values())

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
        await _send(socket, type="connection_init", payload={"authorization": f"Bearer {self._api_key}"})
        if json.loads(await asyncio.wait_for(socket.recv(), 10))["type"] != "connection_ack":
            return
        self._wanted = asyncio.Queue()
        for one in self.followed.values():
            if not one.is_over:
                self._wanted.put_nowait(one.message_id)
        asking = asyncio.create_task(self._ask(socket))
        try:
            async for frame in socket:
                self._take(json.loads(frame))
        finally:
            asking.cancel()
            await asyncio.wait([asking])

    async def _ask(self, socket: ClientConnection) -> None:
        while True:
            message_id = await self._wanted.get()
            one = self.followed[message_id]
            one.since = time.time()
            variables = {"id": message_id, "after": one.last}
            payload = {"query": WATCH, "variables": variables}
            await _send(socket, type="subscribe", id=message_id, payload=payload)

    def _take(self, frame: dict) -> None:
        one = self.followed.get(frame.get("id", ""))
        if one is None:
            return
        if frame["type"] == "next" and (data := frame["payload"].get("data")):
            event = data["messageStatus"]
            one.events.append((event["sequence"], event["status"]))
            one.heard.append((one.since, time.time()))
            one.is_over = event["final"]
        elif frame["type"] in {"error", "complete"} and not one.is_over:
            # Without a database nothing can be told at the start: asked again until it can.
            asyncio.get_running_loop().call_later(COMES_BACK_AFTER, self._wanted.put_nowait, one.message_id)


class Audience:
    """A few subscribers who share the messages among them."""

    def __init__(self, url: str, api_key: str) -> None:
        self._subscribers = [Subscriber(url, api_key) for _ in range(SOCKETS)]
        self._count = 0

    def follow(self, message_id: str) -> None:
        """Let one of them follow a message."""
        self._subscribers[self._count % SOCKETS].follow(message_id)
        self._count += 1

    async def run(self) -> None:
        """Follow until cancelled."""
        await asyncio.gather(*(one.run() for one in self._subscribers))

    @property
    def followed(self) -> list[Followed]:
        """All messages that anyone follows."""
        return [followed for one in self._subscribers for followed in one.followed.values()]

    @property
    def is_done(self) -> bool:
        """Whether everyone saw the end."""
        return all(one.is_done for one in self._subscribers)

    @property
    def losses(self) -> int:
        """How often a socket was lost."""
        return sum(one.losses for one in self._subscribers)


async def _send(socket: ClientConnection, **frame: object) -> None:
    await socket.send(json.dumps(frame))
