"""An event loop that lets connections in as they come, many at a time.

uvloop takes one new connection in each round of its loop, and does all that is to be done for the open ones before the
next. Behind a hundred busy ones a new client, such as a health check, would wait for seconds (ADR 5).
"""

import asyncio
import os
import socket
from typing import Any

import uvloop

AT_ONCE = 100  # connections that are let in before the open ones get their turn
PAUSE = 0.1  # seconds, when the process may open no more files


class Loop(uvloop.Loop):
    """uvloop's, but for the way in which servers accept."""

    async def create_server(self, protocol_factory: Any, *args: Any, backlog: int = 100, **options: Any) -> Any:
        """Listen as asked, and return what closes that again."""
        if options.get("ssl") is not None:
            raise ValueError("TLS ends in front of this server, not in it.")
        bound = await super().create_server(
            protocol_factory, *args, backlog=backlog, **{**options, "start_serving": False}
        )
        return Doors(self, bound, protocol_factory, backlog)


class Doors:
    """The listening sockets of one server."""

    def __init__(self, loop: asyncio.AbstractEventLoop, bound: Any, make_protocol: Any, backlog: int) -> None:
        self._loop, self._bound, self._make_protocol = loop, bound, make_protocol
        self.sockets = [socket.socket(fileno=os.dup(one.fileno())) for one in bound.sockets]
        self._entering: set[asyncio.Task[Any]] = set()
        for one in self.sockets:
            one.setblocking(False)
            one.listen(backlog)
            loop.add_reader(one, self._let_in, one)

    def close(self) -> None:
        """Let nobody in any more."""
        for one in self.sockets:
            self._loop.remove_reader(one)
            one.close()
        self.sockets = []
        self._bound.close()

    async def wait_closed(self) -> None:
        """Return when everybody who was let in has a protocol that serves him."""
        if self._entering:
            await asyncio.wait(self._entering)

    def _let_in(self, door: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _ = door.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no more files: those who wait are let in when others have gone
                self._loop.remove_reader(door)
                self._loop.call_later(PAUSE, self._open_again, door)
                return
            entering = self._loop.create_task(self._loop.connect_accepted_socket(self._make_protocol, connection))
            self._entering.add(entering)
            entering.add_done_callback(self._entering.discard)

    def _open_again(self, door: socket.socket) -> None:
        if door in self.sockets:
            self._loop.add_reader(door, self._let_in, door)
