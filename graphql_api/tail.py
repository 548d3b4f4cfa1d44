"""The newest events of one of an account's feeds, read once for all readers of a process that have come so far."""

import asyncio
from bisect import bisect_right
from contextlib import suppress
from operator import attrgetter
from typing import Any, Final, Protocol
from uuid import UUID

import structlog

from sms import feed, inbound
from sms.errors import InvalidCursor, Unavailable
from sms.horizon import Page

log = structlog.get_logger(__name__)

SOONEST: Final = 0.02  # seconds between two looks at the database; doubles while an older transaction holds them back
LATEST: Final = 1.0
KEPT: Final = 500  # events, up to twice as many; a feed that is further behind reads for itself

_place_of = attrgetter("cursor")


class Source(Protocol):
    """A feed that every account has, of events with a `cursor`; its cursors compare, and have a `position`."""

    start: Any  # a cursor before every event

    async def read(self, account_id: UUID, after: Any) -> Page[Any, Any]:
        """Return the next events after a cursor; without one none, and where the feed ends now.

        Raises InvalidCursor, Unavailable.
        """


class _Changes:
    """What becomes of messages."""

    start = feed.START

    async def read(self, account_id: UUID, after: Any) -> Page[Any, Any]:
        return await feed.read(account_id, after)


class _Texts:
    """What comes from handsets."""

    start = inbound.START

    async def read(self, account_id: UUID, after: Any) -> Page[Any, Any]:
        return await inbound.read(account_id, after)


CHANGES: Final[Source] = _Changes()
TEXTS: Final[Source] = _Texts()


class Tail:
    """Reads an account's feed as it grows, and keeps the last events of it for whoever can take them.

    A hint says only that something was committed. It is looked for until the horizon has passed everything that was
    committed when the looking began, so what an older transaction holds back is late, and never left out.
    """

    def __init__(self, account_id: UUID, source: Source = CHANGES) -> None:
        self.users = 0
        self.since: Any = source.start
        self.until: Any = source.start  # everything behind `since`, and up to `until`, is kept
        self.horizon = 0  # of the last look
        self.grown = asyncio.Event()  # another one each time that events came
        self.failure: Exception | None = None  # why nothing more will come: the database was put back, or a bug
        self._account_id = account_id
        self._source = source
        self._events: list[Any] = []
        self._woken = asyncio.Event()
        self._asked: list[asyncio.Future[None]] = []
        self._is_asked = asyncio.Event()
        self.task = asyncio.create_task(self._follow())

    def wake(self) -> None:
        """Look for what may have been committed by now."""
        self._woken.set()

    async def look(self) -> None:
        """Return when somebody has looked at the database since. Raises Unavailable, or InvalidCursor."""
        if self.failure is not None:
            raise self.failure
        answer = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._is_asked.set()
        self._woken.set()
        await answer

    def after(self, place: Any, *, limit: int) -> tuple[list[Any], Any]:
        """Return up to `limit` events after a place that is not before `since`, and the place behind them."""
        first = bisect_right(self._events, place, key=_place_of)
        found = self._events[first : first + limit]
        is_all = first + limit >= len(self._events)
        return found, max(place, self.until) if is_all else found[-1].cursor

    async def _follow(self) -> None:
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                await self._catch_up()
                await self._pause(SOONEST)
        except Exception as error:  # noqa: BLE001  it is raised in every feed
            self.failure = error
            self.grown.set()
            _answer(self._asked, error)

    async def _catch_up(self) -> None:
        """Read everything that was committed when this began."""
        goal: int | None = None
        wait = SOONEST
        while True:
            before = self.horizon
            page = await self._look()
            if page is None:
                wait = LATEST
            elif not page.is_last:
                continue
            else:
                if goal is None or page.horizon < before:  # after a crash PostgreSQL gives numbers away again
                    goal = page.newest
                if page.horizon > goal:
                    return
                if page.horizon == before and wait < LATEST <= 2 * wait:
                    log.warning("feed_held_back", account=str(self._account_id), horizon=page.horizon)
                wait = SOONEST if page.horizon > before else min(2 * wait, LATEST)
            await self._pause(wait)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when somebody asks for a look."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_asked.wait()

    async def _look(self) -> Page[Any, Any] | None:
        """Read on once, and tell those who asked; return None if the database could not be asked."""
        asked, self._asked = self._asked, []
        self._is_asked.clear()
        try:
            page = await self._source.read(self._account_id, self.until if self.horizon else None)
        except Exception as error:
            _answer(asked, error)
            if isinstance(error, InvalidCursor):
                raise
            if not isinstance(error, Unavailable):
                log.exception("feed_failed")
            return None
        self._keep(page)
        _answer(asked, None)
        return page

    def _keep(self, page: Page[Any, Any]) -> None:
        if not self.horizon:
            self.since = page.end
        self.until, self.horizon = page.end, page.horizon
        self._events += page.events
        if len(self._events) > 2 * KEPT:
            self.since = self._events[-KEPT - 1].cursor
            del self._events[:-KEPT]
        if page.events:
            self.grown.set()
            self.grown = asyncio.Event()


def _answer(asked: list[asyncio.Future[None]], error: Exception | None) -> None:
    for one in asked:
        if one.done():  # it went away
            continue
        if error is None:
            one.set_result(None)
        else:
            one.set_exception(error)
