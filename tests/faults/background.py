"""One event loop in a thread of its own: load, subscribers and proxies run there.

The main thread strikes and starts processes; a child dies with the thread that started it (see `devstack.processes`).
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Self, TypeVar

import uvloop

T = TypeVar("T")

LONGEST_CALL = 60.0  # seconds


class Background:
    """A loop that runs while it is entered. What is still under way at the end is cancelled and waited for."""

    def __enter__(self) -> Self:
        """Start the loop."""
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="background", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the loop, and leave nothing behind."""
        self.run(self._cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LONGEST_CALL)
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Let `work` run, and return its future."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T], *, within: float = LONGEST_CALL) -> T:
        """Run `work` and wait for its result."""
        return self.start(work).result(within)

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function in the loop's thread and return its result."""

        async def inside() -> T:
            return function(*args)

        return self.run(inside())

    async def _cancel_all(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=5)
