"""One account's hints, from the channel layer to whoever watches its messages, or all of it."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Protocol
from uuid import UUID, uuid4

import structlog
from channels.layers import get_channel_layer

from graphql_api.hints import from_hint, group_of, is_of_texts, to_event
from graphql_api.tail import CHANGES, TEXTS, Source
from sms.records import EventRecord
from sms.redaction import words_of

log = structlog.get_logger(__name__)

FIRST_WAIT: Final = 0.25  # seconds before the second try to join; doubles
LONGEST_WAIT: Final = 10.0
SAY_AGAIN: Final = 60.0  # seconds between two lines about one outage
AWAKE: Final = "live.awake."  # a channel that nobody sends to


class Watching(Protocol):
    """Whoever wants to hear of one message."""

    message_id: UUID

    def hint(self, sequence: int) -> None:
        """Learn that the message has reached `sequence`."""

    def tell(self, change: EventRecord) -> None:
        """Learn of a change."""


class Listener:
    """Listens for one account while anyone watches one of its messages, or follows its feed.

    Without Redis it keeps trying to join, and the watchers live on the hub's regular look at the database.
    """

    def __init__(
        self,
        account_id: UUID,
        *,
        on_joined: Callable[["Listener"], Awaitable[None]],
        on_hint: Callable[[UUID, Source], None],
    ) -> None:
        self.account_id = account_id
        self.users = 0
        self.has_joined = False  # while it has not, hints are lost
        self._on_joined = on_joined
        self._on_hint = on_hint
        self._watchers: defaultdict[str, set[Watching]] = defaultdict(set)
        self.task = asyncio.create_task(self._listen())

    def __iter__(self) -> Iterator[Watching]:
        """Return all watchers."""
        return (watcher for watchers in self._watchers.values() for watcher in watchers)

    def add(self, watcher: Watching) -> None:
        """Let a watcher hear of its message from now on."""
        self._watchers[str(watcher.message_id)].add(watcher)

    def discard(self, watcher: Watching) -> None:
        """Let a watcher go."""
        watchers = self._watchers[str(watcher.message_id)]
        watchers.discard(watcher)
        if not watchers:
            del self._watchers[str(watcher.message_id)]

    async def _listen(self) -> None:
        layer: Any = get_channel_layer()
        wait = FIRST_WAIT
        while True:
            try:
                await _stay_awake(layer)
                async with _member(layer, group_of(self.account_id)) as channel:
                    wait, self.has_joined = FIRST_WAIT, True
                    await self._on_joined(self)  # something may have happened before we could hear of it
                    while True:
                        self._pass_on(await layer.receive(channel))
            except Exception as error:  # noqa: BLE001  whatever it is, the database still has the truth
                if wait == FIRST_WAIT:
                    log.warning("live_updates_delayed", account=str(self.account_id), error=words_of(error))
            self.has_joined = False
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _pass_on(self, hint: dict[str, Any]) -> None:
        if is_of_texts(hint):
            self._on_hint(self.account_id, TEXTS)
            return
        self._on_hint(self.account_id, CHANGES)
        for message_id, told in from_hint(hint):
            if watchers := self._watchers.get(message_id):
                change = to_event(told)
                for watcher in watchers:
                    watcher.tell(change)


@asynccontextmanager
async def _member(layer: Any, group: str) -> AsyncIterator[str]:
    """Join a group with a channel of its own, and leave nothing of either behind."""
    mark = f"live.{uuid4().hex}."
    try:
        channel = await layer.new_channel(mark)
        try:
            await layer.group_add(group, channel)
            yield channel
        finally:
            with suppress(Exception):
                await layer.group_discard(group, channel)
    finally:
        await _forget(layer, mark)  # also when it failed, the layer has remembered the channel


async def _stay_awake(layer: Any) -> None:
    """Let the layer listen on when its last listener has left.

    Otherwise it looks only ten times a second whether there is something to listen to, and what the next listener is to
    hear waits for that.
    """
    if any(AWAKE in name for name in layer.channels):
        return
    try:
        await layer.new_channel(AWAKE)
    except BaseException:
        await _forget(layer, AWAKE)
        raise


async def _forget(layer: Any, mark: str) -> None:
    """Let the layer drop what bears a mark, which it does when a receive on it is cancelled, and never otherwise."""
    for channel in [name for name in layer.channels if mark in name]:
        while channel in layer.channels:
            receiving = asyncio.ensure_future(layer.receive(channel))
            await asyncio.sleep(0)
            receiving.cancel()
            await asyncio.wait([receiving])


class _OneLineAnOutage(logging.Filter):
    """The layer logs a stack trace for every second without Redis; one line a minute says as much."""

    _quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Let one record through, without its stack trace."""
        if time.monotonic() < self._quiet_until:
            return False
        self._quiet_until = time.monotonic() + SAY_AGAIN
        if record.exc_info:
            record.msg, record.args = "%s: %s", (record.msg, record.exc_info[1])
            record.exc_info = None
        return True


logging.getLogger("channels_redis.pubsub").addFilter(_OneLineAnOutage())
