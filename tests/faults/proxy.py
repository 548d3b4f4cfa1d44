"""A TCP proxy on loopback that stands between two parts, and cuts, swallows and delays what passes."""

import asyncio
import contextlib
import socket
import struct
from typing import Self

PIECE = 65_536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: a close becomes a RST


class Proxy:
    """Passes connections on to the first of `backends` that takes them, starting with another one each time.

    It belongs to the loop that opened it: change it there only.
    """

    def __init__(self, *backends: int) -> None:
        self.backends = backends
        self.delay = 0.0  # seconds that every piece of an answer or a question is held back
        self.swallow = 0  # so many of the next answers are lost, each with its connection
        self.passed = 0  # connections so far
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> Self:
        """Begin to listen, on a port of its own."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=PIECE)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        """Stop listening and drop what is open."""
        self._server.close()
        self.cut()
        self.behave()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    def cut(self) -> int:
        """Reset every connection, and return how many there were."""
        cut = len(self._open)
        for writer in list(self._open):
            _reset(writer)
        return cut // 2

    def behave(self) -> None:
        """Pass everything on, at once, from now on."""
        self.delay, self.swallow = 0.0, 0
        self._flows.set()

    def vanish(self) -> None:
        """Pass nothing on any more, in neither direction, and tell nobody, until it behaves again."""
        self._flows.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        onward = await self._connect()
        if onward is None:
            _reset(writer)
            return
        self._open |= {writer, onward[1]}
        try:
            await self._pass_both_ways((reader, writer), onward)
        finally:
            self._open -= {writer, onward[1]}

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        self.passed += 1
        first, backends = self.passed, list(self.backends)  # both may change while we wait
        for number in range(len(backends)):
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(
                    "127.0.0.1", backends[(first + number) % len(backends)], limit=PIECE
                )
        return None

    async def _pass_both_ways(
        self,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        ways = {
            asyncio.create_task(self._pass(near[0], far[1], are_answers=False)),
            asyncio.create_task(self._pass(far[0], near[1], are_answers=True)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
            for writer in (near[1], far[1]):
                writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, are_answers: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(PIECE):
                await self._flows.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                if are_answers and self.swallow:
                    self.swallow -= 1
                    _reset(writer)
                    return
                writer.write(piece)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ValueError):  # closed already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()
