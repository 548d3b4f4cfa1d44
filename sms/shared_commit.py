"""Concurrent callers share a commit: the cost of one fsync is divided by everyone who was waiting for it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from django.db import DataError, IntegrityError

from sms.database import in_thread
from sms.errors import Overloaded

Item = TypeVar("Item")
Result = TypeVar("Result")


class SharedCommit(Generic[Item, Result]):
    """Writes items in sets, each set in one commit.

    A flush takes what has gathered while the last one ran; nobody waits on a timer. An item that the database refuses
    fails alone: its set is written again in halves.
    """

    def __init__(
        self, write: Callable[[Sequence[Item]], Sequence[Result | Exception]], *, at_once: int, waiting: int
    ) -> None:
        self._write = write
        self._at_once = at_once
        self._most_waiting = waiting
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._flusher: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Result:
        """Return the item's result once it is committed. Raises what the write says of it, or Overloaded."""
        if len(self._waiting) >= self._most_waiting:
            raise Overloaded
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return await future

    async def _flush(self) -> None:
        try:
            while self._waiting:
                taken = [self._waiting.popleft() for _ in range(min(self._at_once, len(self._waiting)))]
                results = await self._write_set([item for item, _ in taken])
                for (_, future), result in zip(taken, results, strict=True):
                    _settle(future, result)
        finally:
            self._flusher = None

    async def _write_set(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        try:
            return await in_thread(self._write, items)
        except (DataError, IntegrityError, ValueError) as error:  # psycopg2 raises ValueError for a NUL
            if len(items) == 1:
                return [error]
            half = len(items) // 2
            return [*await self._write_set(items[:half]), *await self._write_set(items[half:])]
        except Exception as error:  # noqa: BLE001  whatever it is, every caller must get an answer
            return [error] * len(items)


def _settle(future: "asyncio.Future[Result]", result: Result | Exception) -> None:
    if future.done():  # the caller went away; what it asked for is stored all the same
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
