"""One websocket's connection, as uvicorn serves it, made to end when its client takes or answers nothing any more.

By itself uvicorn waits without end for a client that does not read, also when it wants to close; it keeps every pong
that such a client asks for; and it ends a silent socket with a code after which clients stay away. Here nothing waits
in the process for longer than said, and nothing but a frame or two for each operation.
"""

import asyncio
import random
import socket
from typing import Final

import structlog
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import State

from edge.http_connection import STOPS_FROM, STOPS_TO
from graphql_api import metrics
from graphql_api.close_codes import CloseCode

log = structlog.get_logger(__name__)

TAKES_WITHIN: Final = 10.0  # seconds that a client has to take what waits for it
LEAVES_WITHIN: Final = 10.0  # seconds from our close frame to the end of the connection, answered or not
UNREAD: Final = 128 * 1024  # bytes that the kernel keeps for a client that does not read; up to 4 MB without this
STOPS_WITHIN: Final = 1.5  # seconds for the same when the process stops; with STOPS_TO less than `config.serve.DRAIN`

NORMAL: Final = {1000, 1001, 1005}  # codes of clients that are counted by themselves


class Connection(WebSocketsSansIOProtocol):
    """Serves one websocket for uvicorn's `ws` option."""

    transport: asyncio.Transport
    _stalled: asyncio.TimerHandle | None = None  # while something waits for the client
    _leaves: asyncio.TimerHandle | None = None  # once we have said goodbye
    _why = "server"  # the server closed: the application, where nothing else is said

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, with buffers so small that a client that does not read is noticed."""
        super().connection_made(transport)
        metrics.SOCKETS.inc()
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD)
        self.transport.set_write_buffer_limits(high=0)  # what the kernel does not take makes us wait
        if self.transport.get_write_buffer_size():  # of a request before this one; the transport told its protocol
            self.pause_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count what has ended."""
        code, why = self._how_it_ended()
        metrics.CLOSED.labels(code, why).inc()
        metrics.SOCKETS.dec()
        self._takes_again()
        if self._leaves is not None:
            self._leaves.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client takes no more at the moment: wait, but not for ever."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(TAKES_WITHIN, self._give_up)

    def resume_writing(self) -> None:
        """The client has taken all there was."""
        self._takes_again()
        super().resume_writing()

    def _takes_again(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _give_up(self) -> None:
        if self._is_open:
            self._say_goodbye(CloseCode.RECONNECT, "Too slow a reader; connect again", why="slow_reader")
        else:
            self.transport.abort()

    def handle_ping(self) -> None:
        """Answer, unless the client does not even read the answers."""
        if self._stalled is None:
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_cont(self, event: Frame) -> None:
        """Take a piece of a message. Empty ones count for no limit, and would be kept without end."""
        if event.data or event.fin:
            super().handle_cont(event)

    def keepalive_timeout(self) -> None:
        """End a socket whose client has not answered a ping."""
        self.pong_timer = None
        if self._is_open:
            self._say_goodbye(CloseCode.RECONNECT, "No answer to a ping; connect again", why="no_pong")

    def shutdown(self) -> None:
        """Close soon, as the process is told to stop; until then everything goes on."""
        if self._is_open:
            self.loop.call_later(random.uniform(STOPS_FROM, STOPS_TO), self._stop)  # noqa: S311  no secret
        else:
            super().shutdown()

    def _stop(self) -> None:
        if self._is_open:
            self._say_goodbye(CloseCode.RESTART, "Restarting; connect again", why="restart")

    @property
    def _is_open(self) -> bool:
        return self.handshake_complete and not self.close_sent and not self.transport.is_closing()

    def _say_goodbye(self, code: CloseCode, reason: str, *, why: str) -> None:
        """Send a close frame, end what runs, and drop the connection when it is answered, or else after a while."""
        self._why = why
        within = STOPS_WITHIN if code is CloseCode.RESTART else LEAVES_WITHIN
        if code is CloseCode.RECONNECT:
            log.info("websocket_closed", code=int(code), why=why)
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._leaves = self.loop.call_later(within, self.transport.abort)
        # Uvicorn cancels its own timer when the client answers, although the rest may still be unread.
        self.close_timer = self.loop.call_later(within, self.transport.abort)
        self.writable.set()  # whoever waits to send learns that it is over
        self.transport.resume_reading()  # for the answer; anything else is thrown away from now on

    def _how_it_ended(self) -> tuple[str, str]:
        sent, received = self.conn.close_sent, self.conn.close_rcvd
        if sent is not None and not self.conn.close_rcvd_then_sent:
            return str(int(sent.code)), self._why
        if received is not None:
            return str(int(received.code)) if received.code in NORMAL else "other", "client"
        return ("none", "refused") if self.conn.state is State.CONNECTING else ("1006", "lost")
