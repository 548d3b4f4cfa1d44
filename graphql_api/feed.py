"""Follow everything that happens in an account, from any place on (see docs/adr/0007-accounts-lists-feeds.md)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from graphql_api.live import hub
from graphql_api.tail import LATEST, Tail
from sms import feed
from sms.errors import InvalidCursor, Unavailable
from sms.feed import AT_ONCE, FeedEvent, Wanted, newest_only
from sms.feed_cursors import Cursor

HEARTBEAT = 30.0  # seconds without an item, after which one without an event is sent
SKIPPED: Final = 1_000  # events in a row that are not wanted, after which one is sent, too
IN_A_ROW: Final = 10  # items of one feed, before others have their turn


@dataclass(frozen=True, slots=True)
class Item:
    """A step of a feed: an event, or just how far the feed has come."""

    cursor: Cursor
    event: FeedEvent | None = None


async def follow(
    account_id: UUID, *, after: Cursor | None, wanted: Wanted, coalesce: bool
) -> AsyncGenerator[Item, None]:
    """Yield every wanted change of the account after a cursor, in order, each once, and never end.

    Without a cursor the first item is where the feed ends now. With `coalesce`, of several changes of one message in a
    read only the last one is told. Raises InvalidCursor, and Unavailable if the database cannot be asked at the start.
    Later it waits for the database.
    """
    with hub().tail(account_id) as tail:
        await tail.look()
        if after is not None and after.position >= tail.horizon:
            raise InvalidCursor.from_the_future()
        reader = _Reader(account_id, tail, tail.until if after is None else after)
        if after is None:
            yield Item(reader.place)
        due_at, skipped = _now() + HEARTBEAT, 0
        while True:
            events = await reader.next(until=due_at)
            told = wanted.among(events)
            for number, event in enumerate(newest_only(told) if coalesce else told, start=1):
                yield Item(event.cursor, event)
                if number % IN_A_ROW == 0:
                    await asyncio.sleep(0)
            skipped = 0 if told else skipped + len(events)
            if skipped >= SKIPPED or (not told and _now() >= due_at):
                yield Item(reader.place)
                skipped = 0
            if not skipped:  # something was said
                due_at = _now() + HEARTBEAT


class _Reader:
    """One feed's place. It keeps no events: the next are read when those before are taken."""

    def __init__(self, account_id: UUID, tail: Tail, place: Cursor) -> None:
        self.place = place  # behind everything that was returned, or passed over
        self._account_id = account_id
        self._tail = tail

    async def next(self, *, until: float) -> list[FeedEvent]:
        """Wait for events, until a time of the loop; return those there are, up to AT_ONCE."""
        events: list[FeedEvent] = []
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while not events:
                    if self._tail.failure is not None:
                        raise self._tail.failure
                    events = await (self._read() if self.place < self._tail.since else self._take())
        return events

    async def _take(self) -> list[FeedEvent]:
        """Return what the tail has, or nothing when it has grown."""
        events, self.place = self._tail.after(self.place, limit=AT_ONCE)
        if not events:
            await self._tail.grown.wait()
        return events

    async def _read(self) -> list[FeedEvent]:
        """Return what the tail has no more. A few at a time do so, or nobody else would have a thread."""
        try:
            async with hub().catching_up:
                page = await feed.read(self._account_id, self.place)
        except Unavailable:
            await asyncio.sleep(LATEST)
            return []
        self.place = page.end
        return page.events


def _now() -> float:
    return asyncio.get_running_loop().time()
