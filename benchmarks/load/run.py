"""Some connections that send as fast as they are answered, or at a rate, for a time or a number of requests."""

import asyncio
import time
from array import array
from collections import Counter
from typing import TypedDict

from benchmarks.load.answers import Answer
from benchmarks.load.connection import Connection, connect
from benchmarks.load.sources import Source
from benchmarks.percentiles import Spread, spread

TICK = 0.002  # seconds between two looks at what is due, when sending at a rate
UNANSWERED_AFTER = 60.0


class Result(TypedDict):
    """What a run came to."""

    answered: int
    unexpected: dict[str, int]  # by status; "lost" for connections that broke under a request
    seconds: float
    latency: Spread | None


class Load:
    """N connections to one server, kept from run to run."""

    def __init__(self, host: str, port: int, *, connections: int, source: Source, status: int, expect: bytes) -> None:
        """Count an answer as good that has `status` and `expect` in its body."""
        self._host, self._port, self._number = host, port, connections
        self._source = source
        self._status, self._expect = status, expect
        self._connections: list[Connection] = []
        self._reopening: set[asyncio.Task[None]] = set()

    async def run(self, *, seconds: float | None, count: int | None, rate: float | None) -> Result:
        """Send until the time is over, the number reached, or the source empty; return when all are answered."""
        await self._open()
        self._latencies = array("d")
        self._unexpected: Counter[str] = Counter()
        self._idle: list[Connection] = []
        self._left = count
        self._under_way = 0
        self._paced = rate is not None
        begun = time.perf_counter()
        self._end = None if seconds is None else begun + seconds
        self._done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        if rate is None:
            for connection in self._connections:
                self._go_on(connection, None)
        else:
            await self._pace(begun, rate)
        self._finish_if_done()
        ended = await asyncio.wait_for(self._done, UNANSWERED_AFTER)
        return {
            "answered": len(self._latencies),
            "unexpected": dict(self._unexpected),
            "seconds": ended - begun,
            "latency": spread(self._latencies),
        }

    def close(self) -> None:
        """Hang up."""
        for connection in self._connections:
            connection.close()

    async def _open(self) -> None:
        alive = [one for one in self._connections if one.is_open]
        missing = self._number - len(alive)
        opened = await asyncio.gather(*(connect(self._host, self._port, self._answered) for _ in range(missing)))
        self._connections = [*alive, *opened]

    async def _pace(self, begun: float, rate: float) -> None:
        """Send at a rate. What finds no idle connection waits for one, and its latency runs meanwhile."""
        self._idle = list(self._connections)
        sent = 0
        while self._goes_on():
            due = begun + sent / rate
            if due > time.perf_counter() or not self._idle:
                await asyncio.sleep(TICK)
            elif self._go_on(self._idle.pop(), due):
                sent += 1
        self._left = 0

    def _goes_on(self) -> bool:
        return self._left != 0 and (self._end is None or time.perf_counter() < self._end)

    def _go_on(self, connection: Connection, due: float | None) -> bool:
        if not self._goes_on():
            return False
        request = self._source()
        if request is None:
            self._left = 0
            return False
        if self._left is not None:
            self._left -= 1
        self._under_way += 1
        connection.send(request, due=due)
        return True

    def _answered(self, connection: Connection, answer: Answer | None) -> None:
        self._under_way -= 1
        if answer is not None and answer.status == self._status and self._expect in answer.body:
            self._latencies.append(time.perf_counter() - connection.begun)
        else:
            self._unexpected["lost" if answer is None else str(answer.status)] += 1
        if answer is None:
            task = asyncio.ensure_future(self._reopen(connection))
            self._reopening.add(task)
            task.add_done_callback(self._reopening.discard)
        elif self._paced:
            self._idle.append(connection)
        else:
            self._go_on(connection, None)
        self._finish_if_done()

    async def _reopen(self, lost: Connection) -> None:
        connection = await connect(self._host, self._port, self._answered)
        self._connections[self._connections.index(lost)] = connection
        if self._paced:
            self._idle.append(connection)
        else:
            self._go_on(connection, None)

    def _finish_if_done(self) -> None:
        if self._under_way == 0 and not self._goes_on() and not self._done.done():
            self._done.set_result(time.perf_counter())
