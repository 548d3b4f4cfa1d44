"""Ends what was begun with a key that is good no longer: a socket may be silent for hours, and nobody would notice.

There is one look for each key, and not for each socket: thousands may share one. What is known of a key is shared with
the requests that come with it, so a look costs a query every few seconds at most.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

import structlog

from graphql_api.context import Context
from sms.errors import Unauthenticated, Unavailable
from sms.services.authenticate import authenticate

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = 2.0  # seconds; what is known of a key may be as old as `authenticate.FRESH` on top

End: TypeAlias = Callable[[], None]


class Guard:
    """All that is open in one process, by its key."""

    def __init__(self) -> None:
        self._open: defaultdict[str | None, dict[Context, End]] = defaultdict(dict)
        self._looking: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, context: Context, end: End) -> Iterator[None]:
        """Call `end`, once, if meanwhile the key of a context is no longer good."""
        key = context.authorization
        self._open[key][context] = end
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_regularly())
        try:
            yield
        finally:
            self._forget(key, context)

    def _forget(self, key: str | None, context: Context) -> None:
        if key in self._open:
            self._open[key].pop(context, None)
            if not self._open[key]:
                del self._open[key]
        if not self._open and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is open, and nothing of what was is left."""
        return not self._open and self._looking is None

    async def _look_regularly(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self._look()
            except Unavailable:
                pass  # without a database nobody can tell; the next look will
            except Exception:
                log.exception("look_at_keys_failed")

    async def _look(self) -> None:
        for key in list(self._open):
            for context in await self._no_longer_good(key):
                if (end := self._open.get(key, {}).pop(context, None)) is not None:
                    end()

    async def _no_longer_good(self, key: str | None) -> list[Context]:
        """Return what has to end of a key's contexts. Raises Unavailable."""
        try:
            caller = await authenticate(key)
        except Unauthenticated:
            return list(self._open.get(key, ()))
        if not caller.networks:
            return []
        return [context for context in list(self._open.get(key, ())) if not await _is_good(context)]


async def _is_good(context: Context) -> bool:
    """Whether a key is good where it is used. Raises Unavailable."""
    try:
        await context.caller()
    except Unauthenticated:
        return False
    return True


_guards: WeakKeyDictionary[asyncio.AbstractEventLoop, Guard] = WeakKeyDictionary()


def guard() -> Guard:
    """Return the guard of the running event loop."""
    loop = asyncio.get_running_loop()
    if (found := _guards.get(loop)) is None:
        found = _guards[loop] = Guard()
    return found
