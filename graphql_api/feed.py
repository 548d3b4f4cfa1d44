"""Follow everything that happens in an account, from any place on (see docs/adr/0007-accounts-lists-feeds.md)."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from graphql_api.live import hub
from graphql_api.tail import CHANGES, LATEST, TEXTS, Source, Tail
from sms.errors import InvalidCursor, Unavailable
from sms.feed import AT_ONCE, FeedEvent, Wanted, newest_only
from sms.feed_cursors import Cursor, InboundCursor
from sms.inbound import InboundEvent

HEARTBEAT = 30.0  # seconds without an item, after which one without an event is sent
SKIPPED: Final = 1_000  # events in a row that are not wanted, after which one is sent, too
IN_A_ROW: Final = 10  # items of one feed, before others have their turn

Place = TypeVar("Place", Cursor, InboundCursor)
Event = TypeVar("Event", FeedEvent, InboundEvent)


@dataclass(frozen=True, slots=True)
class Item(Generic[Place, Event]):
    """A step of a feed: an event, or just how far the feed has come."""

    cursor: Place
    event: Event | None = None


def follow(
    account_id: UUID, *, after: Cursor | None, wanted: Wanted, coalesce: bool
) -> AsyncGenerator[Item[Cursor, FeedEvent], None]:
    """Yield every wanted change of the account after a cursor, in order, each once, and never end.

    Without a cursor the first item is where the feed ends now. With `coalesce`, of several changes of one message in a
    read only the last one is told. Raises InvalidCursor, and Unavailable if the database cannot be asked at the start.
    Later it waits for the database.
    """

    def choose(events: Sequence[FeedEvent]) -> Sequence[FeedEvent]:
        told = wanted.among(events)
        return newest_only(told) if coalesce else told

    return _follow(account_id, CHANGES, after, choose)


def follow_texts(
    account_id: UUID, *, after: InboundCursor | None, is_test: bool | None
) -> AsyncGenerator[Item[InboundCursor, InboundEvent], None]:
    """Yield every text to the account after a cursor, as `follow` does changes: all, or test texts only."""

    def choose(events: Sequence[InboundEvent]) -> Sequence[InboundEvent]:
        return [one for one in events if is_test in (None, one.text.is_test)]

    return _follow(account_id, TEXTS, after, choose)


async def _follow(
    account_id: UUID,
    source: Source,
    after: Place | None,
    choose: Callable[[Sequence[Event]], Sequence[Event]],
) -> AsyncGenerator[Item[Place, Event], None]:
    with hub().tail(account_id, source) as tail:
        await tail.look()
        if after is not None and after.position >= tail.horizon:
            raise InvalidCursor.from_the_future()
        reader = _Reader(account_id, source, tail, tail.until if after is None else after)
        if after is None:
            yield Item(reader.place)
        due_at, skipped = _now() + HEARTBEAT, 0
        while True:
            events = await reader.next(until=due_at)
            told = choose(events)
            for number, event in enumerate(told, start=1):
                yield Item(event.cursor, event)  # type: ignore[arg-type]
                if number % IN_A_ROW == 0:
                    await asyncio.sleep(0)
            skipped = 0 if told else skipped + len(events)
            if skipped >= SKIPPED or (not told and _now() >= due_at):
                yield Item(reader.place)
                skipped = 0
            if not skipped:  # something was said
                due_at = _now() + HEARTBEAT


class _Reader:
    """One reader's place in a feed. It keeps no events: the next are read when those before are taken."""

    def __init__(self, account_id: UUID, source: Source, tail: Tail, place: Any) -> None:
        self.place = place  # behind everything that was returned, or passed over
        self._account_id = account_id
        self._source = source
        self._tail = tail

    async def next(self, *, until: float) -> list[Any]:
        """Wait for events, until a time of the loop; return those there are, up to AT_ONCE."""
        events: list[Any] = []
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while not events:
                    if self._tail.failure is not None:
                        raise self._tail.failure
                    events = await (self._read() if self.place < self._tail.since else self._take())
        return events

    async def _take(self) -> list[Any]:
        """Return what the tail has, or nothing when it has grown."""
        events, self.place = self._tail.after(self.place, limit=AT_ONCE)
        if not events:
            await self._tail.grown.wait()
        return events

    async def _read(self) -> list[Any]:
        """Return what the tail has no more. A few at a time do so, or nobody else would have a thread."""
        try:
            async with hub().catching_up:
                page = await self._source.read(self._account_id, self.place)
        except Unavailable:
            await asyncio.sleep(LATEST)
            return []
        self.place = page.end
        return page.events


def _now() -> float:
    return asyncio.get_running_loop().time()
