"""Concurrent callers share a commit: the cost of one fsync is divided by everyone who was waiting for it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import DataError, IntegrityError

from sms.errors import Overloaded, Unanswered
from sms.threads import ANSWER_WITHIN, TURN_WITHIN

Item = TypeVar("Item")
Result = TypeVar("Result")

LOOKS_EVERY = 0.2  # seconds between two looks at who has waited for too long


def write_in_halves(
    write: Callable[[Sequence[Item]], Sequence[Result | Exception]], items: Sequence[Item]
) -> Sequence[Result | Exception]:
    """Write a set; where the database refuses an item, its neighbours are written, and its result is the error.

    Raises whatever else `write` raises, and then nothing is written, or nobody knows.
    """
    try:
        return write(items)
    except (DataError, IntegrityError, ValueError) as error:  # psycopg2 raises ValueError for a NUL
        if len(items) == 1:
            return [error]
        half = len(items) // 2
        return [*_write_half(write, items[:half]), *_write_half(write, items[half:])]


def _write_half(
    write: Callable[[Sequence[Item]], Sequence[Result | Exception]], items: Sequence[Item]
) -> Sequence[Result | Exception]:
    try:
        return write_in_halves(write, items)
    except Exception as error:  # noqa: BLE001  the other half may be written: that has to be told
        return [error] * len(items)


@dataclass(slots=True)
class Waiting(Generic[Item, Result]):
    """An item, who waits for it, and since when."""

    item: Item
    answer: asyncio.Future[Result]
    since: float


class SharedCommit(Generic[Item, Result]):
    """Writes items in sets, each set in one commit, on a thread of its own.

    A flush takes what has gathered while the last one ran; nobody waits on a timer. An item that the database refuses
    fails alone: its set is written again in halves. Waiting for a flush is bounded, in number and in time. So is
    waiting for its end, but what a flush has taken may be stored all the same.
    """

    def __init__(
        self, write: Callable[[Sequence[Item]], Sequence[Result | Exception]], *, at_once: int, waiting: int
    ) -> None:
        self._write = write
        self._at_once = at_once
        self._most_waiting = waiting
        self._waiting: deque[Waiting[Item, Result]] = deque()
        self._flusher: asyncio.Task[None] | None = None
        self._began = 0.0  # when the flush that is under way began
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shared commit")  # reads can never hold it up

    async def __call__(self, item: Item) -> Result:
        """Return the item's result once it is committed.

        Raises what the write says of it; Overloaded if it was not even tried; Unanswered if nobody knows.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        is_stalled = self._flusher is not None and now - self._began > TURN_WITHIN
        if is_stalled or len(self._waiting) >= self._most_waiting:
            raise Overloaded
        waiting: Waiting[Item, Result] = Waiting(item, loop.create_future(), now)
        self._waiting.append(waiting)
        if self._flusher is None:
            self._began = now
            self._flusher = asyncio.create_task(self._flush())
        return await waiting.answer

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                self._began = loop.time()
                taken = [self._waiting.popleft() for _ in range(min(self._at_once, len(self._waiting)))]
                writing = asyncio.create_task(self._write_set([one.item for one in taken]))
                while not (await asyncio.wait((writing,), timeout=LOOKS_EVERY))[0]:
                    self._give_up(taken, loop.time())
                for one, result in zip(taken, writing.result(), strict=True):
                    _settle(one.answer, result)
                self._refuse_late(loop.time())
        finally:
            self._flusher = None

    def _give_up(self, taken: Sequence[Waiting[Item, Result]], now: float) -> None:
        """Answer those who have waited for too long: for their turn, or for the flush that has taken them."""
        self._refuse_late(now)
        if now - self._began > ANSWER_WITHIN:
            for one in taken:
                _settle(one.answer, Unanswered())

    def _refuse_late(self, now: float) -> None:
        while self._waiting and now - self._waiting[0].since > TURN_WITHIN:
            _settle(self._waiting.popleft().answer, Overloaded())

    async def _write_set(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, write_in_halves, self._write, items)
        except Exception as error:  # noqa: BLE001  whatever it is, every caller must get an answer
            return [error] * len(items)


def _settle(future: "asyncio.Future[Result]", result: Result | Exception) -> None:
    if future.done():  # the caller went away, or was told that nobody knows; what it asked for is stored all the same
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
