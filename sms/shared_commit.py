"""Concurrent callers share a commit: the cost of one fsync is divided by everyone who was waiting for it."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
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

    A set is what has gathered while the last one was written. The thread takes it itself: by way of the loop, which has
    answers to write just then, it would rest meanwhile. Nobody waits on a timer. An item that the database refuses
    fails alone: its set is written again in halves. Waiting for one's turn is bounded, in number and in time. So is
    waiting for the end, but what the thread has taken may be stored all the same.
    """

    def __init__(
        self, write: Callable[[Sequence[Item]], Sequence[Result | Exception]], *, at_once: int, waiting: int
    ) -> None:
        self._write = write
        self._at_once = at_once
        self._most_waiting = waiting
        self._lock = threading.Lock()  # for all that the thread and the loop both change
        self._waiting: deque[Waiting[Item, Result]] = deque()
        self._taken: Sequence[Waiting[Item, Result]] = ()  # what the thread writes
        self._taken_at = 0.0
        self._is_writing = False  # or is about to: then the thread will look for what waits
        self._looking: asyncio.AbstractEventLoop | None = None  # which loop looks at times who has waited for too long
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shared commit")  # reads can never hold it up

    async def __call__(self, item: Item) -> Result:
        """Return the item's result once it is committed.

        Raises what the write says of it; Overloaded if it was not even tried; Unanswered if nobody knows.
        """
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        is_stalled = self._taken and now - self._taken_at > TURN_WITHIN
        if is_stalled or len(self._waiting) >= self._most_waiting:
            raise Overloaded
        waiting: Waiting[Item, Result] = Waiting(item, loop.create_future(), now)
        with self._lock:
            self._waiting.append(waiting)
            rested, self._is_writing = not self._is_writing, True
        if rested:
            loop.call_soon(self._begin, loop)  # and not at once: whoever asks in this very moment is in the first set
        return await waiting.answer

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._thread.submit(self._write_what_waits)
        if self._looking is not loop:
            self._looking = loop
            loop.call_later(LOOKS_EVERY, self._look, loop)

    def _write_what_waits(self) -> None:
        while taken := self._take():
            results = self._write_set([one.item for one in taken])
            self._taken = ()  # nobody finds it stalled who hears of the end
            with suppress(RuntimeError):  # the loop has ended, and so has everybody who waited
                taken[0].answer.get_loop().call_soon_threadsafe(_settle_all, taken, results)

    def _take(self) -> Sequence[Waiting[Item, Result]]:
        with self._lock:
            self._taken_at = time.monotonic()  # before the next: callers look at both without the lock
            self._taken = [self._waiting.popleft() for _ in range(min(self._at_once, len(self._waiting)))]
            self._is_writing = bool(self._taken)
            return self._taken

    def _write_set(self, items: Sequence[Item]) -> Sequence[Result | Exception]:
        try:
            return write_in_halves(self._write, items)
        except Exception as error:  # noqa: BLE001  whatever it is, every caller must get an answer
            return [error] * len(items)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer those who have waited for too long: for their turn, or for the end of what the thread has taken."""
        now = time.monotonic()
        with self._lock:
            late = []
            while self._waiting and now - self._waiting[0].since > TURN_WITHIN:
                late.append(self._waiting.popleft())
            unanswered = self._taken if now - self._taken_at > ANSWER_WITHIN else ()
            is_writing = self._is_writing
        for one in late:
            _settle(one.answer, Overloaded())
        for one in unanswered:
            _settle(one.answer, Unanswered())
        self._looking = loop if is_writing else None
        if is_writing:
            loop.call_later(LOOKS_EVERY, self._look, loop)


def _settle_all(taken: Sequence[Waiting[Item, Result]], results: Sequence[Result | Exception]) -> None:
    for one, result in zip(taken, results, strict=True):
        _settle(one.answer, result)


def _settle(future: "asyncio.Future[Result]", result: Result | Exception) -> None:
    if future.done():  # the caller went away, or was told that nobody knows; what it asked for is stored all the same
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
