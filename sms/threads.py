"""A few threads for work that blocks, and bounded waiting for them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sms.errors import Overloaded, Unanswered

T = TypeVar("T")

# Seconds that a request waits for its turn, and then for the answer. Together shorter than what clients are willing to
# wait: a clear "try again" in time is better than their own timeout.
TURN_WITHIN = 2.0
ANSWER_WITHIN = 5.0


class Threads:
    """Runs blocking work on threads of its own.

    At most `waiting` calls wait for a thread, none of them longer than TURN_WITHIN; and none waits at all once no
    thread has come free for as long.
    """

    def __init__(self, name: str, *, count: int, waiting: int) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._free = asyncio.Semaphore(count)
        self._waiting = 0
        self._most_waiting = waiting
        self._moved_at = 0.0  # when a thread was last taken or came free

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """Return what `work` returns.

        Raises Overloaded if there is no thread for it: then it did not run. Raises Unanswered if it takes too long: it
        runs on, and nobody learns how it ended.
        """
        loop = asyncio.get_running_loop()
        await self._take_turn(loop)
        self._moved_at = loop.time()
        running = loop.run_in_executor(self._executor, work, *args)
        running.add_done_callback(self._let_go)
        done, _ = await asyncio.wait((running,), timeout=ANSWER_WITHIN)
        if not done:
            raise Unanswered
        return running.result()

    async def _take_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._free.locked():
            is_stalled = loop.time() - self._moved_at > TURN_WITHIN
            if is_stalled or self._waiting >= self._most_waiting:
                raise Overloaded
        self._waiting += 1
        try:
            async with asyncio.timeout(TURN_WITHIN):
                await self._free.acquire()
        except TimeoutError:
            raise Overloaded from None
        finally:
            self._waiting -= 1

    def _let_go(self, ended: "asyncio.Future[Any]") -> None:
        self._moved_at = ended.get_loop().time()
        self._free.release()
        if not ended.cancelled():
            ended.exception()  # perhaps nobody waits for it any more
