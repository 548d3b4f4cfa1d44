"""Sends a signed receipt for each message, one a request, over a few kept connections."""

import asyncio
import time
from collections import deque

from benchmarks import requests
from benchmarks.load.answers import Answer
from benchmarks.load.connection import Connection, connect

TRY_AGAIN_AFTER = 0.2


class Outbox:
    """Receipts leave `delay` seconds after their message was taken; one that is not answered 2xx leaves again."""

    def __init__(self, *, host: str, port: int, connections: int, delay: float) -> None:
        self._host, self._port, self._number = host, port, connections
        self._delay = delay
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._under_way: dict[Connection, tuple[str, bytes]] = {}
        self._idle: list[Connection] = []
        self._opened = 0
        self.sent_at: dict[str, float] = {}  # recipient → when its receipt left first, by the monotonic clock
        self.open = 0

    def report(self, *, reference: str, client_reference: str, to: str) -> None:
        """Send a receipt in a while."""
        self.open += 1
        request = requests.receipt(reference=reference, client_reference=client_reference).encode()
        asyncio.get_running_loop().call_later(self._delay, self._send_soon, (to, request))

    def _send_soon(self, receipt: tuple[str, bytes]) -> None:
        self._waiting.append(receipt)
        if self._idle:
            self._send_next(self._idle.pop())
        elif self._opened < self._number:
            self._opened += 1
            asyncio.ensure_future(self._open())  # noqa: RUF006  it ends with a connection that is kept

    async def _open(self) -> None:
        self._send_next(await connect(self._host, self._port, self._answered))

    def _send_next(self, connection: Connection) -> None:
        if not self._waiting:
            self._idle.append(connection)
            return
        receipt = self._waiting.popleft()
        self.sent_at.setdefault(receipt[0], time.monotonic())
        self._under_way[connection] = receipt
        connection.send(receipt[1])

    def _answered(self, connection: Connection, answer: Answer | None) -> None:
        receipt = self._under_way.pop(connection)
        if answer is not None and 200 <= answer.status < 300:
            self.open -= 1
        else:
            asyncio.get_running_loop().call_later(TRY_AGAIN_AFTER, self._send_soon, receipt)
        if connection.is_open:
            self._send_next(connection)
        else:
            self._opened -= 1
