"""Sends a signed receipt for each message over a few kept connections."""

import asyncio
import time
from collections import deque

from benchmarks import requests
from benchmarks.load.answers import Answer
from benchmarks.load.connection import Connection, connect

TRY_AGAIN_AFTER = 0.2


Receipt = tuple[str, dict[str, str]]  # whom its message was to, and what it says


class Outbox:
    """Receipts leave `delay` seconds after their message was taken, at most `most` in a request.

    What is not answered 2xx leaves again.
    """

    def __init__(self, *, host: str, port: int, connections: int, delay: float, most: int) -> None:
        self._host, self._port, self._number = host, port, connections
        self._delay, self._most = delay, most
        self._waiting: deque[Receipt] = deque()
        self._under_way: dict[Connection, list[Receipt]] = {}
        self._idle: list[Connection] = []
        self._opened = 0
        self.sent_at: dict[str, float] = {}  # recipient → when its receipt left first, by the monotonic clock
        self.open = 0

    def report(self, *, reference: str, client_reference: str, to: str) -> None:
        """Send a receipt in a while."""
        self.open += 1
        receipt = requests.receipt_of(reference=reference, client_reference=client_reference)
        asyncio.get_running_loop().call_later(self._delay, self._send_soon, (to, receipt))

    def _send_soon(self, receipt: Receipt) -> None:
        self._waiting.append(receipt)
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                self._send_next(connection)
                return
            self._opened -= 1  # the service closes those that rest for long
        if self._opened < self._number:
            self._opened += 1
            asyncio.ensure_future(self._open())  # noqa: RUF006  it ends with a connection that is kept

    async def _open(self) -> None:
        self._send_next(await connect(self._host, self._port, self._answered))

    def _send_next(self, connection: Connection) -> None:
        if not self._waiting:
            self._idle.append(connection)
            return
        some = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        now = time.monotonic()
        for to, _ in some:
            self.sent_at.setdefault(to, now)
        self._under_way[connection] = some
        connection.send(requests.receipts([told for _, told in some]).encode())

    def _answered(self, connection: Connection, answer: Answer | None) -> None:
        some = self._under_way.pop(connection)
        if answer is not None and 200 <= answer.status < 300:
            self.open -= len(some)
        else:
            for receipt in some:
                asyncio.get_running_loop().call_later(TRY_AGAIN_AFTER, self._send_soon, receipt)
        if connection.is_open:
            self._send_next(connection)
        else:
            self._opened -= 1
