"""What is due when: a heap, one timer for its head, and a queue of what is due now."""

import asyncio
import heapq
import itertools
from typing import Generic, TypeVar

Item = TypeVar("Item")

TICK = 0.001  # seconds; uvloop's clock is no finer, and what is due within one tick goes together


class Schedule(Generic[Item]):
    """Hands out items when they are due; of one moment, first come, first served. Belongs to the running loop.

    An item that waits costs an entry in a heap, not a task or a timer of its own.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[float, int, Item]] = []
        self._arrival = itertools.count()
        self._due: asyncio.Queue[Item] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def add(self, item: Item, *, delay: float) -> None:
        """Make `item` due after `delay` seconds; at once, ahead of the timer, after none."""
        if delay <= 0:
            self._due.put_nowait(item)
            return
        heapq.heappush(self._waiting, (self._loop.time() + delay, next(self._arrival), item))
        self._set_timer()

    async def next(self) -> Item:
        """Wait for the next item that is due."""
        return await self._due.get()

    def close(self) -> None:
        """Stop the timer; nothing becomes due any more."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        head = self._waiting[0][0]
        if self._timer is not None:
            if self._timer_at <= head:
                return
            self._timer.cancel()
        self._timer_at = head
        self._timer = self._loop.call_later(max(TICK, head - self._loop.time()), self._release)

    def _release(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            self._due.put_nowait(heapq.heappop(self._waiting)[-1])
        if self._waiting:
            self._set_timer()
