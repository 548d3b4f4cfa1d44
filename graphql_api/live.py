"""Follow messages as they change: everything that happened, in order, each once (see docs/adr/0002-live-updates.md).

The database has the truth. The channel layer carries changes as they are committed; where one is lost there is a gap in
the sequence, and the database is asked. What was lost last, the hub notices by itself within CHECK_EVERY seconds.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog

from graphql_api import metrics
from graphql_api.listener import Listener, Watching
from graphql_api.reader import ChangeReader
from graphql_api.tail import CHANGES, TEXTS, Source, Tail
from sms import selectors
from sms.errors import MessageNotFound, Unavailable
from sms.records import EventRecord
from sms.statuses import FINAL, HARD_FINAL, Status

log = structlog.get_logger(__name__)

CHECK_EVERY = 10.0  # seconds
MOST_TOLD = 16  # changes that a watcher keeps: more than a message has in its life
CATCHING_UP = 2  # reads of feeds that are far behind which a process does at a time: fewer than there are threads


async def follow(
    account_id: UUID, message_id: UUID, *, after: int | None, include_late: bool
) -> AsyncGenerator[EventRecord, None]:
    """Yield a message's present status, or all changes after `after`, and then every change, each once.

    Ends after a final status; with `include_late` only after one that nothing can correct. Raises MessageNotFound, and
    Unavailable if the database cannot be asked at the start. Later it waits for the database.
    """
    with hub().watch(account_id, message_id) as watcher:  # first listen, then look: so nothing falls in between
        changes = await watcher.all_changes()
        if after is None:
            after, changes = 0, changes[-1:]
        while True:
            for change in changes:
                if _sequence(change) > after:
                    yield change
            watcher.sequence = _sequence(changes[-1])
            if _is_over(changes[-1], include_late=include_late):
                return
            changes = await watcher.next_changes()


def _sequence(change: EventRecord) -> int:
    assert change.sequence is not None  # it is no note
    return change.sequence


def _is_over(last: EventRecord, *, include_late: bool) -> bool:
    return Status(last.status) in (HARD_FINAL if include_late else FINAL)


class Watcher:
    """One subscriber's place in one message's history.

    It keeps a few changes that it was told of, and otherwise only how far the message has come: it reads what it lacks
    when it can take it.
    """

    def __init__(self, account_id: UUID, message_id: UUID, reader: ChangeReader) -> None:
        self.message_id = message_id
        self._about = account_id, message_id
        self.sequence = 0  # of the last change that was taken
        self._hinted = 0
        self._told: list[EventRecord] = []  # without a gap
        self._woken = asyncio.Event()
        self._reader = reader

    def hint(self, sequence: int) -> None:
        """Learn that the message has reached `sequence`."""
        if sequence > self._hinted:
            self._hinted = sequence
            self._woken.set()

    def tell(self, change: EventRecord) -> None:
        """Learn of a change."""
        sequence = _sequence(change)
        if sequence > self._hinted:
            if len(self._told) < MOST_TOLD:
                if self._told and _sequence(self._told[-1]) != sequence - 1:
                    self._told.clear()
                self._told.append(change)
            self.hint(sequence)

    async def all_changes(self) -> list[EventRecord]:
        """Return all changes there are. Raises MessageNotFound if the account has no such message, and Unavailable."""
        if changes := await self._reader.changes_after(self._about, 0):
            return changes
        raise MessageNotFound

    async def next_changes(self) -> list[EventRecord]:
        """Wait for changes after `self.sequence`, and return all there are, in order."""
        while True:
            while self._hinted <= self.sequence:
                self._woken.clear()
                await self._woken.wait()
            if told := self._take_told():
                return told
            hinted = self._hinted
            with suppress(Unavailable):
                if changes := await self._reader.changes_after(self._about, self.sequence):
                    return changes
            if self._hinted == hinted:  # what cannot be confirmed now is forgotten; the next look will tell
                self._hinted = self.sequence

    def _take_told(self) -> list[EventRecord]:
        """Return the next changes, where it was told of them."""
        told = [change for change in self._told if _sequence(change) > self.sequence]
        self._told.clear()
        return told if told and _sequence(told[0]) == self.sequence + 1 else []


class Hub:
    """All watchers and feeds of one process: a listener for each account that has some, and a regular look."""

    def __init__(self) -> None:
        self.catching_up = asyncio.Semaphore(CATCHING_UP)
        self._listeners: dict[UUID, Listener] = {}
        self._tails: dict[tuple[UUID, Source], Tail] = {}
        self._reader = ChangeReader()
        self._looking: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @contextmanager
    def watch(self, account_id: UUID, message_id: UUID) -> Iterator[Watcher]:
        """Let a watcher hear of its message for a while."""
        watcher = Watcher(account_id, message_id, self._reader)
        with self._listening(account_id) as listener, metrics.WATCHERS.track_inprogress():
            listener.add(watcher)
            try:
                yield watcher
            finally:
                listener.discard(watcher)

    @contextmanager
    def tail(self, account_id: UUID, source: Source = CHANGES) -> Iterator[Tail]:
        """Let one of the account's feeds be read for a while."""
        with self._listening(account_id), metrics.FEEDS.track_inprogress():
            tail = self._tails.get((account_id, source))
            if tail is None or tail.failure is not None:
                tail = self._tails[account_id, source] = Tail(account_id, source)
            tail.users += 1
            try:
                yield tail
            finally:
                tail.users -= 1
                if not tail.users:
                    self._end(tail.task)
                    if self._tails.get((account_id, source)) is tail:
                        del self._tails[account_id, source]

    @contextmanager
    def _listening(self, account_id: UUID) -> Iterator[Listener]:
        """Let there be a listener for an account, and a regular look, while anyone needs them."""
        listener = self._listeners.get(account_id)
        if listener is None:
            listener = Listener(account_id, on_joined=self._look_for, on_hint=self._wake)
            self._listeners[account_id] = listener
            metrics.LISTENERS.inc()
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_regularly())
        listener.users += 1
        try:
            yield listener
        finally:
            listener.users -= 1
            if not listener.users:
                del self._listeners[account_id]
                metrics.LISTENERS.dec()
                self._end(listener.task)
            if not self._listeners:
                self._end(self._looking)
                self._looking = None

    @property
    def is_idle(self) -> bool:
        """Whether nobody watches, and nothing of those who did is left."""
        return not self._listeners and not self._ending and self._looking is None and self._reader.is_idle

    def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _look_regularly(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY)
            for tail in self._tails.values():
                tail.wake()
            await self._look([watcher for listener in self._listeners.values() for watcher in listener])

    async def _look_for(self, listener: Listener) -> None:
        """Look for what happened before a listener could hear of it."""
        self._wake(listener.account_id, CHANGES)
        self._wake(listener.account_id, TEXTS)
        await self._look(listener)

    def _wake(self, account_id: UUID, source: Source) -> None:
        if (tail := self._tails.get((account_id, source))) is not None:
            tail.wake()

    async def _look(self, watchers: Iterable[Watching]) -> None:
        """Compare what watchers know with the database, and wake those that missed something."""
        watchers = list(watchers)
        try:
            reached = await selectors.sequences({watcher.message_id for watcher in watchers})
        except Unavailable:
            return  # the next look will tell
        except Exception:
            log.exception("look_failed")
            return
        for watcher in watchers:
            watcher.hint(reached.get(watcher.message_id, 0))


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if (found := _hubs.get(loop)) is None:
        found = _hubs[loop] = Hub()
    return found
