"""One HTTP connection, as uvicorn serves it, made to carry answers that have no end of their own.

An application behind ASGI hears neither that the process is told to stop nor that its client takes nothing any more,
and cannot drop a connection. And while an answer goes on, uvicorn keeps every request that the client sends behind it,
and tells only the last of them that the client has gone.
"""

import asyncio
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LINE: Final = "line"  # the name of a Line in a request's `state`
UNACKNOWLEDGED: Final = 20_000  # milliseconds until the kernel gives up a client that vanished; some 15 minutes without
# Seconds after which a process that stops ends endless answers, and closes its sockets: what is under way is told
# first, and clients who come back at once do not all come at the same time.
STOPS_FROM: Final = 0.5
STOPS_TO: Final = 2.5


class Line:
    """The way to one client, for an answer without an end of its own. Without a transport it only keeps time."""

    def __init__(self, transport: asyncio.Transport | None = None) -> None:
        self.is_held = False
        self._transport = transport
        self._life: asyncio.Timeout | None = None
        self._ends_at: float | None = None

    @contextmanager
    def held(self, life: asyncio.Timeout) -> Iterator[None]:
        """Let `life` end at once when the client has gone, and soon after the process is told to stop.

        Meanwhile `send` waits for whatever the kernel does not take at once, and the client may only listen. Let go of
        the line before the last piece of the answer: what comes after that is the next request.
        """
        self.is_held, self._life = True, life
        if self._ends_at is not None:
            life.reschedule(self._ends_at)
        self._be_strict(UNACKNOWLEDGED, high=0)
        try:
            yield
        finally:
            self.is_held, self._life = False, None
            self._be_strict(0, high=None)  # both as they were

    def end(self, *, within: float = 0.0) -> None:
        """Let what holds the line end after some seconds, also if it only begins later."""
        self._ends_at = asyncio.get_running_loop().time() + within
        if self._life is not None and not self._life.expired():
            self._life.reschedule(self._ends_at)

    def cut(self) -> None:
        """Drop the connection, whatever waits on it: its client sees that the answer is not whole."""
        if self._transport is not None:
            self._transport.abort()

    def _be_strict(self, unacknowledged: int, *, high: int | None) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.set_write_buffer_limits(high)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # on Linux
            to_client = self._transport.get_extra_info("socket")
            to_client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unacknowledged)


def line_of(scope: Scope) -> Line:
    """Return the line to the client of a request, as far as its server has one."""
    line = scope.get("state", {}).get(LINE)
    return line if isinstance(line, Line) else Line()


class HttpConnection(HttpToolsProtocol):
    """Serves one connection for uvicorn's `http` option."""

    line: Line

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        self.line = Line(transport)
        self.app_state = {**self.app_state, LINE: self.line}

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever still answers that nobody listens."""
        super().connection_lost(exc)
        self.line.end()

    def data_received(self, data: bytes) -> None:
        """Read a request. Who sends one behind another whose answer has no end is cut off: it would have to be kept."""
        if self.line.is_held:
            self.line.cut()
        else:
            super().data_received(data)

    def shutdown(self) -> None:
        """Finish soon, as the process is told to stop; until then everything goes on."""
        super().shutdown()
        self.line.end(within=random.uniform(STOPS_FROM, STOPS_TO))  # noqa: S311  no secret
