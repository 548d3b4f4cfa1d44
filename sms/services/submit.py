"""Keep a provider busy: claim while there is room, hand over, and record what came of it as it comes.

A request that hangs holds up its own message, not its neighbours, and no transaction is open while the network is
waited for.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from queue import Empty, SimpleQueue

import structlog
from django.conf import settings

from sms import faults, throughput
from sms.errors import Unavailable
from sms.providers.base import Outcome, Provider
from sms.providers.http import client
from sms.providers.registry import provider_of
from sms.providers.unusable import Unusable
from sms.routing import snapshot
from sms.routing.records import RouteRecord
from sms.services import dispatch
from sms.services.dispatch import Claimed

log = structlog.get_logger(__name__)

BATCH = 500
GATHER = 0.02  # seconds for more answers to come, when many are under way: a commit for each would be slower for all
STUCK = 0.5  # seconds between two looks at messages that no route can take
TRY_AGAIN = 0.5  # seconds, to write what is known while the database is away


def submit_due(*, keep_going: Callable[[], bool]) -> None:
    """Submit what is due until nothing is, or `keep_going` says no; what is under way is finished in either case.

    Safe to run many at once: one thread of a process does the work, and the others tell it to look again. Raises
    Unavailable.
    """
    _pump.ask()
    while keep_going() and _pump.is_asked and _one_at_a_time.acquire(blocking=False):
        try:
            _pump.run(keep_going)
        finally:
            _one_at_a_time.release()


class Lane:
    """What this process has under way on one route."""

    def __init__(self, route: RouteRecord, provider: Provider) -> None:
        self.route = route
        self.provider = provider
        self.under_way = 0
        self.looked_at = 0  # which of the pump's asks this lane has looked for
        self.rests_until = 0.0  # by the monotonic clock: it may have something to do, but not yet

    def rest(self, seconds: float) -> None:
        """Look again, but not before."""
        self.looked_at, self.rests_until = 0, time.monotonic() + seconds

    @property
    def room(self) -> int:
        """How many messages it may take now. A few are not worth a claim, unless nothing else is going on."""
        room = self.provider.window - self.under_way
        return room if room >= self.provider.window // 4 or not self.under_way else 0


class Pump:
    """What this process has under way, in a lane for each route."""

    def __init__(self, *, serves: Callable[[Provider], bool]) -> None:
        """`serves`: which providers are this process's business."""
        self._serves = serves
        self._asked = 1
        self._followed = 0  # which ask the routes were looked at for
        self._asking = threading.Lock()
        self._is_woken = False
        self._lanes: dict[int, Lane] = {}
        self._unusable: dict[int, tuple[RouteRecord, Provider]] = {}
        self._under_way = 0
        self._came: SimpleQueue[Sequence[tuple[Lane, Claimed, Outcome]]] = SimpleQueue()

    @property
    def is_asked(self) -> bool:
        """Whether there may be something due."""
        return self._followed != self._asked or any(one.looked_at != self._asked for one in list(self._lanes.values()))

    def ask(self) -> None:
        """Let the pump look for what is due, also while it waits for answers."""
        with self._asking:  # of two at once each counts
            self._asked += 1
            if not self._is_woken:
                self._is_woken = True
                self._came.put(())

    def run(self, keep_going: Callable[[], bool]) -> None:
        """Work until nothing is due and nothing under way."""
        while True:
            goes_on, now = keep_going(), time.monotonic()
            lane = self._next_lane(now) if goes_on else None
            rest = self._rest(now) if goes_on else None
            if lane is not None:
                self._claim(lane)
            elif self._under_way or rest is not None:
                self._record(self._take(rest))
            else:
                return

    def _next_lane(self, now: float) -> Lane | None:
        """Return a lane that was not looked at since somebody asked, and that has room."""
        asked = self._asked
        self._follow_routes()
        self._followed = asked
        wanted = (one for one in self._lanes.values() if one.looked_at != self._asked and one.rests_until <= now)
        return next((one for one in wanted if one.room), None)

    def _rest(self, now: float) -> float | None:
        """Return after how many seconds the first of the lanes that rest may be looked at; None where none does."""
        ends = [one.rests_until for one in self._lanes.values() if one.rests_until > now]
        return min(ends) - now if ends else None

    def _follow_routes(self) -> None:
        """Have a lane for each route, and its provider as it is set up now."""
        for route in snapshot.current().all:
            provider = self._provider_of(route)
            if not self._serves(provider):
                self._lanes.pop(route.id, None)  # where it could not be made before, it was
                continue
            lane = self._lanes.setdefault(route.id, Lane(route, provider))
            lane.route, lane.provider = route, provider

    def _provider_of(self, route: RouteRecord) -> Provider:
        """Return a route's provider; where it cannot be made, one that refuses, lest what is queued there be lost."""
        known, stand_in = self._unusable.get(route.id, (None, None))
        if stand_in is not None and known == route:
            return stand_in
        try:
            provider = provider_of(route)
        except ValueError as error:  # one route that is set up wrongly stops no other one
            log.error("route_unusable", route=route.name, error=str(error))  # noqa: TRY400  the sentence says it
            provider = Unusable(route.name)
            self._unusable[route.id] = route, provider
        else:
            self._unusable.pop(route.id, None)
        return provider

    def _claim(self, lane: Lane) -> None:
        # Who asks from here on may mean something that this claim does not see.
        lane.looked_at, lane.rests_until = self._asked, 0.0
        limit = self._allowed(lane)
        if not limit:
            return
        lease_ends = time.monotonic() + settings.SMS_LEASE_SECONDS
        claimed: Sequence[Claimed] = ()
        try:
            claimed = dispatch.claim(lane.route, limit=limit, when_stuck=partial(lane.rest, STUCK))
        except Unavailable:
            if not self._under_way:
                raise
            return  # what is under way can perhaps be written when it comes; beat asks again
        finally:
            throughput.give_back(lane.route, limit - len(claimed))
        if len(claimed) == limit:
            lane.looked_at = 0
        if claimed:
            faults.reach("claimed")
            self._under_way += len(claimed)
            lane.under_way += len(claimed)
            client.start(self._carry(lane, claimed, lease_ends=lease_ends))

    def _allowed(self, lane: Lane) -> int:
        """Return how many messages a lane may claim now: none, and it rests, where its route has had its share."""
        limit = min(BATCH, lane.room)
        taken, wait = throughput.take(lane.route, limit)
        if not taken:
            lane.rest(wait)
        return taken

    async def _carry(self, lane: Lane, claimed: Sequence[Claimed], *, lease_ends: float) -> None:
        """Hand over a set, and bring every outcome back, whatever the adapter does."""
        provider = lane.provider
        awaited = {one.submission.attempt_id: one for one in claimed}
        submissions = [one.submission for one in claimed]
        reason = "no word from the adapter"
        try:
            async with asyncio.timeout(lease_ends - time.monotonic()):
                async for outcomes in provider.submit(submissions, deadline=lease_ends - provider.patience):
                    told = outcomes.items()  # of what was told before, or was never asked, there is nothing to record
                    self._came.put([(lane, awaited.pop(one), outcome) for one, outcome in told if one in awaited])
        except Exception as error:  # a bug in an adapter: nobody knows what has left
            log.exception("submit_failed", provider=provider.name, messages=len(awaited))
            reason = f"our own error: {type(error).__name__}"
        if awaited:
            self._came.put([(lane, one, Outcome.maybe_sent(reason)) for one in awaited.values()])

    def _take(self, rest: float | None) -> list[tuple[Lane, Claimed, Outcome]]:
        """Wait for outcomes, or until a lane has rested, and return all that have come."""
        try:
            came = list(self._came.get(timeout=rest))
        except Empty:
            return []
        self._is_woken = False
        if came and len(came) < self._under_way // 4:
            time.sleep(GATHER)
        while True:
            try:
                came += self._came.get_nowait()
            except Empty:
                return came

    def _record(self, came: Sequence[tuple[Lane, Claimed, Outcome]]) -> None:
        if not came:
            return
        self._under_way -= len(came)
        faults.reach("answered")
        by_lane: dict[Lane, list[tuple[Claimed, Outcome]]] = {}
        for lane, one, outcome in came:
            by_lane.setdefault(lane, []).append((one, outcome))
        with ExitStack() as recording:  # what cannot be written of one lane keeps nothing of another from it
            for lane, theirs in by_lane.items():
                lane.under_way -= len(theirs)
                recording.callback(_record_surely, [one for one, _ in theirs], [outcome for _, outcome in theirs])


def _record_surely(claimed: Sequence[Claimed], outcomes: Sequence[Outcome]) -> None:
    give_up = time.monotonic() + settings.SMS_LEASE_SECONDS / 2
    while True:
        try:
            dispatch.record(claimed, outcomes)
        except Unavailable:  # to write it twice does no harm, and not at all leaves them uncertain
            if time.monotonic() > give_up:
                raise
            time.sleep(TRY_AGAIN)
        else:
            return


_pump = Pump(serves=lambda provider: not provider.HAS_OWN_PROCESS)
_one_at_a_time = threading.Lock()
