"""A subscriber who stops reading while it asks for more and more, and comes back later."""

import asyncio
from collections import defaultdict
from contextlib import suppress

from websockets.frames import Opcode

from tests.raw_sockets import RawSocket

ASKED = 1000  # answers
ANSWER = 60_000  # bytes
CATCHES_UP_WITHIN = 30  # seconds


class SlowReader:
    """Follows some messages on one socket, until it takes nothing any more."""

    def __init__(self, url: str, api_key: str, message_ids: list[str]) -> None:
        self.asked = 0  # bytes of answers that the server was asked for
        self.seen: defaultdict[str, list[int]] = defaultdict(list)
        self._url, self._api_key = url, api_key
        self._message_ids = message_ids

    async def begin(self) -> int:
        """Follow all messages, read what there is so far, and return our port."""
        self._socket = await self._follow_all()
        while len({message_id for message_id, _ in self._socket.events}) < len(self._message_ids):
            await self._socket.read()
        return self._socket.port

    async def ask_without_reading(self) -> None:
        """Ask for tens of megabytes and for a pong with each; ends when the connection does."""
        with suppress(OSError):
            for number in range(ASKED):
                self._socket.protocol.send_ping(b"%0125d" % number)
                await self._socket.send({"type": "ping", "payload": {"x": "x" * ANSWER}})
                self.asked += ANSWER

    async def read_on(self) -> int | None:
        """Read all that is left, and return the close code, or None where the connection just ended."""
        code = await self._socket.closed(within=20)
        self._leave()
        return code

    async def come_back(self) -> None:
        """Continue on another socket after what was seen, until every message has come to its end."""
        self._leave()
        self._socket = await self._follow_all()
        ended = 0
        async with asyncio.timeout(CATCHES_UP_WITHIN):
            while ended < len(self._message_ids):
                frames = await self._socket.read()
                ended += sum(frame.opcode is Opcode.TEXT and b'"complete"' in frame.data for frame in frames)
        self._leave()

    async def _follow_all(self) -> RawSocket:
        socket = RawSocket(self._url, self._api_key)
        await socket.open()
        for message_id in self._message_ids:
            await socket.follow(message_id, op=message_id, after=max(self.seen[message_id], default=0))
        return socket

    def _leave(self) -> None:
        for message_id, sequence in self._socket.events:
            self.seen[message_id].append(sequence)
        self._socket.events.clear()
        self._socket.socket.close()
