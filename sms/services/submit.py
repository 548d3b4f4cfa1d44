"""Keep a provider busy: claim while there is room, hand over, and record what came of it as it comes.

A request that hangs holds up its own message, not its neighbours, and no transaction is open while the network is
waited for.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from queue import Empty, SimpleQueue
from uuid import UUID

import structlog
from django.conf import settings

from sms import faults
from sms.errors import Unavailable
from sms.providers.base import Outcome, Provider
from sms.providers.http import client
from sms.providers.registry import default_provider
from sms.services import dispatch
from sms.services.dispatch import Claimed

log = structlog.get_logger(__name__)

BATCH = 500
GATHER = 0.02  # seconds for more answers to come, when many are under way: a commit for each would be slower for all
TRY_AGAIN = 0.5  # seconds, to write what is known while the database is away


def submit_due(*, keep_going: Callable[[], bool]) -> None:
    """Submit what is due until nothing is, or `keep_going` says no; what is under way is finished in either case.

    Safe to run many at once: one thread of a process does the work, and the others tell it to look again. Raises
    Unavailable.
    """
    _pump.ask()
    while keep_going() and _pump.is_asked and _one_at_a_time.acquire(blocking=False):
        try:
            _pump.run(default_provider(), keep_going)
        finally:
            _one_at_a_time.release()


class Pump:
    """What this process has under way."""

    def __init__(self) -> None:
        self.is_asked = False  # there may be something due
        self._under_way = 0
        self._came: SimpleQueue[Sequence[tuple[Claimed, Outcome]]] = SimpleQueue()

    def ask(self) -> None:
        """Let the pump look for what is due, also while it waits for answers."""
        if not self.is_asked:
            self.is_asked = True
            self._came.put(())

    def run(self, provider: Provider, keep_going: Callable[[], bool]) -> None:
        """Work until nothing is due and nothing under way."""
        while True:
            room = provider.window - self._under_way
            if self.is_asked and keep_going() and (room >= provider.window // 4 or not self._under_way):
                self._claim(provider, limit=min(BATCH, room))
            elif self._under_way:
                self._record(self._take())
            else:
                return

    def _claim(self, provider: Provider, *, limit: int) -> None:
        self.is_asked = False  # who asks from here on may mean something that this claim does not see
        lease_ends = time.monotonic() + settings.SMS_LEASE_SECONDS
        try:
            claimed = dispatch.claim(provider, limit=limit)
        except Unavailable:
            if not self._under_way:
                raise
            return  # what is under way can perhaps be written when it comes; beat asks again
        if len(claimed) == limit:
            self.is_asked = True
        if claimed:
            faults.reach("claimed")
            self._under_way += len(claimed)
            for carrier, theirs in _by_provider(claimed):
                client.start(self._carry(carrier, theirs, lease_ends=lease_ends))

    async def _carry(self, provider: Provider, claimed: Sequence[Claimed], *, lease_ends: float) -> None:
        """Hand over a set, and bring every outcome back, whatever the adapter does."""
        awaited = {one.submission.attempt_id: one for one in claimed}
        submissions = [one.submission for one in claimed]
        reason = "no word from the adapter"
        try:
            async with asyncio.timeout(lease_ends - time.monotonic()):
                async for outcomes in provider.submit(submissions, deadline=lease_ends - provider.patience):
                    self._came.put(_matched(awaited, outcomes))
        except Exception as error:  # a bug in an adapter: nobody knows what has left
            log.exception("submit_failed", provider=provider.name, messages=len(awaited))
            reason = f"our own error: {type(error).__name__}"
        if awaited:
            self._came.put([(one, Outcome.maybe_sent(reason)) for one in awaited.values()])

    def _take(self) -> list[tuple[Claimed, Outcome]]:
        """Wait for outcomes, and return all that have come."""
        came = list(self._came.get())
        if came and len(came) < self._under_way // 4:
            time.sleep(GATHER)
        while True:
            try:
                came += self._came.get_nowait()
            except Empty:
                return came

    def _record(self, came: Sequence[tuple[Claimed, Outcome]]) -> None:
        if not came:
            return
        self._under_way -= len(came)
        faults.reach("answered")
        outcomes = {one.submission.attempt_id: outcome for one, outcome in came}
        for provider, claimed in _by_provider([one for one, _ in came]):
            _record_surely(provider, claimed, [outcomes[one.submission.attempt_id] for one in claimed])


def _record_surely(provider: Provider, claimed: Sequence[Claimed], outcomes: Sequence[Outcome]) -> None:
    give_up = time.monotonic() + settings.SMS_LEASE_SECONDS / 2
    while True:
        try:
            dispatch.record(provider, claimed, outcomes)
        except Unavailable:  # to write it twice does no harm, and not at all leaves them uncertain
            if time.monotonic() > give_up:
                raise
            time.sleep(TRY_AGAIN)
        else:
            return


def _by_provider(claimed: Sequence[Claimed]) -> Iterable[tuple[Provider, Sequence[Claimed]]]:
    """Return the messages of each provider; there are two at most, and mostly one."""
    found: dict[Provider, list[Claimed]] = {}
    for one in claimed:
        found.setdefault(one.provider, []).append(one)
    return found.items()


def _matched(awaited: dict[UUID, Claimed], outcomes: Mapping[UUID, Outcome]) -> Sequence[tuple[Claimed, Outcome]]:
    return [(awaited.pop(attempt_id), outcome) for attempt_id, outcome in outcomes.items()]


_pump = Pump()
_one_at_a_time = threading.Lock()
