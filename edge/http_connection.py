"""One HTTP connection, as uvicorn serves it, with bounds for what comes in and no bound for what an answer may take.

An application behind ASGI hears neither that the process is told to stop nor that its client takes nothing any more,
and cannot drop a connection. And while an answer goes on, uvicorn keeps every request that the client sends behind it,
and tells only the last of them that the client has gone.

By itself uvicorn also takes headers without end, waits without end for the rest of a request and for a client that does
not read its answer, and gives what stands behind a body (trailers) to the application as if it were headers.
"""

import asyncio
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from edge import problems
from sms.errors import ErrorCode

LINE: Final = "line"  # the name of a Line in a request's `state`
UNACKNOWLEDGED: Final = 20_000  # milliseconds until the kernel gives up a client that vanished; some 15 minutes without
# Seconds after which a process that stops ends endless answers, and closes its sockets: what is under way is told
# first, and clients who come back at once do not all come at the same time.
STOPS_FROM: Final = 0.5
STOPS_TO: Final = 2.5

LARGEST_HEAD: Final = 64 * 1024  # bytes of a request's line and headers, and of whatever else stands around its body
PIECE: Final = 16 * 1024  # bytes that are read before they are counted
WHOLE_WITHIN: Final = 60.0  # seconds that a request has to come, or the first one to begin: 4 MiB at half a megabit
TAKEN_WITHIN: Final = 60.0  # seconds that a client has to take what waits for it, but for a few kilobytes


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


class HeadWithBody(asyncio.Transport):
    """What one answer is written to: its head goes out together with what follows at once.

    Uvicorn writes them one after the other, and to wake the client twice takes longer than to make a small answer.
    """

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head: bytes | None = None  # empty when it has gone

    def write(self, data: bytes) -> None:  # type: ignore[override]
        """Send what is given, the first of it with the second, or soon."""
        if self._head is None:
            self._head = data
            self._loop.call_soon(self._let_go)
        elif self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        else:
            self._transport.write(data)

    def _let_go(self) -> None:
        if self._head and not self._transport.is_closing():
            self.write(b"")

    def is_closing(self) -> bool:
        """Whether the connection is closed, or about to be."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close the connection once all is sent."""
        self._let_go()
        self._transport.close()


class HttpConnection(HttpToolsProtocol):
    """Serves one connection for uvicorn's `http` option."""

    line: Line
    _read = 0  # bytes since a head was complete or something of a body came
    _since: float | None = None  # when the client began what it has not ended
    _watch: asyncio.TimerHandle
    _stalled: asyncio.TimerHandle | None = None  # while much waits for the client

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        self.line = Line(transport)
        self.app_state = {**self.app_state, LINE: self.line}
        self._since = self.loop.time()
        self._watch = self.loop.call_later(WHOLE_WITHIN, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever still answers that nobody listens."""
        self._watch.cancel()
        self._takes_again()
        super().connection_lost(exc)
        self.line.end()

    def data_received(self, data: bytes) -> None:
        """Read a request. Who sends one behind another whose answer has no end is cut off: it would have to be kept."""
        if self.line.is_held:
            self.line.cut()
        elif len(data) <= PIECE:
            self._take(data)
        else:
            for start in range(0, len(data), PIECE):
                if not self._is_ours:
                    return
                self._take(data[start : start + PIECE])

    def _take(self, data: bytes) -> None:
        self._read += len(data)
        super().data_received(data)
        if self._read > LARGEST_HEAD and self._is_ours:
            detail = f"The headers are larger than {LARGEST_HEAD} bytes."
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)

    @property
    def _is_ours(self) -> bool:
        """Whether there is more to read here: the connection is open, and has not become a websocket."""
        return not self.transport.is_closing() and self.transport.get_protocol() is self

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._since = self.loop.time()

    def on_headers_complete(self) -> None:
        """Its headers are there. What comes behind the body must not be taken for one (RFC 9110, section 6.5.1)."""
        self._read = 0
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            self.headers = []
            if self.scope["method"] != "HEAD":  # of that there is only the head
                self.cycle.transport = HeadWithBody(self.transport, self.loop)

    def on_body(self, body: bytes) -> None:
        """Some of its body is there; `edge.bodies` counts that."""
        self._read = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._read = 0
        self._since = None
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the protocol of websockets, and nothing behind: a socket may live for a day."""
        super().handle_websocket_upgrade()
        self._watch.cancel()
        del self.parser  # it holds us, and we hold it

    def _look(self) -> None:
        """See whether the client takes too long; uvicorn's own timer ends a connection between two requests."""
        if not self._is_ours:
            return
        now = self.loop.time()
        late = WHOLE_WITHIN if self._since is None else self._since + WHOLE_WITHIN - now
        if late > 0:
            self._watch = self.loop.call_later(late, self._look)
        elif not (self._read or self.cycle):
            self.transport.close()  # not a word was said
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"The request was not complete after {WHOLE_WITHIN:g} seconds.")

    def pause_writing(self) -> None:
        """The client takes no more at the moment: wait, but not for ever."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(TAKEN_WITHIN, self._give_up)

    def resume_writing(self) -> None:
        """The client has taken most of it."""
        self._takes_again()
        super().resume_writing()

    def _takes_again(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _give_up(self) -> None:
        if self.transport.get_protocol() is self:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer what will not become a request, and close; never within another request's answer, or in its place."""
        if self._may_answer:
            answer = problems.problem(status, ErrorCode.INVALID_REQUEST, detail, headers={"Connection": "close"})
            fields = [b"%b: %b\r\n" % field for field in answer.raw_headers]
            self.transport.write(b"".join([STATUS_LINE[status], *fields, b"\r\n", answer.body]))
        self.transport.close()

    @property
    def _may_answer(self) -> bool:
        if not self.cycle:
            return True
        if self.cycle.scope is not self.scope:  # what is wrong comes behind it
            return self.cycle.response_complete
        return self.cycle.more_body and not self.cycle.response_started and not self.pipeline

    def shutdown(self) -> None:
        """Finish soon, as the process is told to stop; until then everything goes on."""
        super().shutdown()
        self.line.end(within=random.uniform(STOPS_FROM, STOPS_TO))  # noqa: S311  no secret
