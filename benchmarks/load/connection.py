"""One kept connection that has at most one request under way."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

from benchmarks.load.answers import Answer, AnswerParser, NotUnderstood

Answered = Callable[["Connection", Answer | None], None]


class Connection(asyncio.Protocol):
    """Calls `answered` after each answer, or with None when the connection was lost under a request."""

    def __init__(self, answered: Answered) -> None:
        self._answered = answered
        self._parser = AnswerParser()
        self._transport: asyncio.Transport | None = None
        self.is_busy = False
        self.begun = 0.0  # when the request under way was due, by the performance counter

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None

    def send(self, request: bytes, *, due: float | None = None) -> None:
        """Send a request; its latency counts from when it was `due`, else from now."""
        assert self._transport is not None
        self.is_busy = True
        self.begun = time.perf_counter() if due is None else due
        self._transport.write(request)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take a piece of an answer."""
        try:
            answer = self._parser.feed(data)
        except NotUnderstood:
            self.close()
            return
        if answer is not None:
            self.is_busy = False
            self._answered(self, answer)

    def connection_lost(self, _: Exception | None) -> None:
        """Tell that the request under way will not be answered."""
        self._transport, self._parser = None, AnswerParser()
        if self.is_busy:
            self.is_busy = False
            self._answered(self, None)


async def connect(host: str, port: int, answered: Answered) -> Connection:
    """Open a connection. Raises OSError."""
    _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(answered), host, port)
    return connection
