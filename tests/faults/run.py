"""One run: a load, one fault, and the account afterwards."""

import random
import time
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.faults.clients import Load
from tests.faults.count import Counted, count
from tests.faults.feed import FeedFollower
from tests.faults.kinds import KINDS
from tests.faults.memory import Memory
from tests.faults.plan import make_plan
from tests.faults.provider import Provider
from tests.faults.scene import Scene
from tests.faults.settled import unsettled, waiting_receipts
from tests.faults.stack import FaultStack
from tests.faults.subscribers import Audience
from tests.faults.told import longest_wait
from tests.faults.waiting import happens

LOAD_WITHIN = 120  # seconds
SETTLED_WITHIN = 90
TOLD_WITHIN = 30
WATCHED = 40


@dataclass(slots=True)
class Result:
    """What one run showed."""

    kind: str
    seed: int
    messages: int
    accepted: int = 0
    lost: int = 0
    sent_twice: int = 0
    receipts: int = 0
    receipts_not_applied: int = 0
    backwards: int = 0
    subscriber_errors: int = 0
    recovery: float | None = None  # seconds from the fault's beginning to the last end of a message
    recovery_after: float | None = None  # the same, from the moment when nothing was struck any more
    told: float | None = None  # seconds from the fault's beginning until every subscriber had seen the end
    seconds: float = 0.0
    memory: dict[str, int] = field(default_factory=dict)  # the most that each part took, in MB
    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not self.problems


def run(stack: FaultStack, kind: str, seed: int, *, number: int, messages: int) -> Result:
    """Send a load, strike, wait until nothing moves any more, and count. `number` counts the runs of this stack."""
    begun, messages = time.monotonic(), messages * KINDS[kind].times
    rng = random.Random(f"{kind} {seed} {messages}")
    plan = make_plan(rng, run=number, name=f"{kind} {seed}.{number}", seed=seed, messages=messages, watched=WATCHED)
    scene = Scene(stack, rng, plan, seed)
    result = Result(kind, seed, messages, facts=scene.facts)
    KINDS[kind].prepare(scene)
    memory = Memory(stack)
    audience = Audience(stack.websocket_url, stack.api_key)
    provider = Provider(
        stack.simulator_url, f"http://127.0.0.1:{stack.port}", plan, random.Random(rng.random()), KINDS[kind].habits
    )
    load = scene.load = Load(stack.url, stack.api_key, plan, KINDS[kind].rate)
    load.on_accepted = lambda one, message_id: audience.follow(message_id) if one.is_watched else None
    parts = [load, audience, provider, memory]
    feed = FeedFollower(stack.websocket_url, stack.api_key)
    if KINDS[kind].has_feed:
        parts.append(feed)
    tasks = [stack.background.start(one.run()) for one in parts]
    try:
        KINDS[kind].strike(scene)
        happens(tasks[0].done, within=LOAD_WITHIN)
        _wait_for_the_end(scene, audience, provider)
        happens(lambda: feed.has_all(stack), within=TOLD_WITHIN)
        KINDS[kind].check(scene)
        memory.look()
    finally:
        for task in tasks:
            task.cancel()
    _record(result, scene, audience, provider, tasks)
    _count_feed(result, stack, feed)
    result.memory = memory.most
    result.problems += memory.problems()
    _reconcile(stack, result)
    stack.mend()
    result.seconds = round(time.monotonic() - begun, 1)
    return result


def _wait_for_the_end(scene: Scene, audience: Audience, provider: Provider) -> None:
    # In this order: what the provider has just been answered is in the inbox.
    is_over = lambda: not provider.under_way and not unsettled(scene.stack, scene.plan.name)  # noqa: E731
    if not happens(is_over, within=SETTLED_WITHIN, every=0.2):
        scene.problems.append(f"after {SETTLED_WITHIN} s there is still {unsettled(scene.stack, scene.plan.name)}")
        scene.facts["waiting_receipts"] = waiting_receipts(scene.stack)
    scene.settled_at = time.time()
    if not happens(lambda: audience.is_done, within=TOLD_WITHIN):
        scene.problems.append(f"after {TOLD_WITHIN} s more a subscriber had not seen the end")


def _record(result: Result, scene: Scene, audience: Audience, provider: Provider, tasks: list[Future[None]]) -> None:
    load = scene.load
    assert load is not None
    found = count(scene.stack, plan=scene.plan, load=load, followed=audience.followed, provider=provider)
    _copy(result, found)
    result.problems += [f"refused: {one}" for one in load.refused]
    result.problems += [f"{one}: never answered" for one in load.unanswered]
    if not load.done or len(load.accepted) + len(load.unanswered) + len(load.refused) < len(scene.plan.messages):
        result.problems.append(f"the load came to {len(load.accepted)} of {len(scene.plan.messages)} only")
    result.problems += [f"a good receipt was answered {status}" for status in provider.refused]
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()):
            result.problems.append(f"the harness itself failed: {error!r}")
    if not KINDS[result.kind].needs_clocks:
        _judge_waits(scene, audience)
    result.problems += scene.problems
    scene.facts |= {
        "most_tries": load.most_tries,
        "sockets_lost": audience.losses,
        "paths": found.path,
        "outcomes": found.outcomes,
    }
    # What the database noted means nothing where its clock stepped: there all of the wait counts, slow fates too.
    last_change = scene.settled_at if KINDS[result.kind].needs_clocks else found.last_change
    if last_change is not None and scene.begun_at is not None:
        result.told = round(max([0.0, *(one.heard_at - scene.begun_at for one in audience.followed)]), 2)
        result.recovery = round(max(0.0, last_change - scene.begun_at), 2)
        result.recovery_after = round(max(0.0, last_change - (scene.ended_at or scene.begun_at)), 2)


def _count_feed(result: Result, stack: FaultStack, feed: FeedFollower) -> None:
    found = feed.problems(stack)
    result.facts |= {"feed_items": len(feed.seen), "feed_lost": feed.losses}
    result.subscriber_errors += len(found)
    result.problems += [f"feed: {one}" for one in found]


def _judge_waits(scene: Scene, audience: Audience) -> None:
    waited = scene.facts["longest_wait_connected"] = longest_wait(scene.stack, audience.followed)
    if scene.told_within is not None and waited > scene.told_within:
        scene.problems.append(f"a connected subscriber waited {waited} s for a change")


def _copy(result: Result, found: Counted) -> None:
    result.accepted, result.receipts = found.accepted, found.receipts
    result.lost, result.sent_twice = len(found.lost), len(found.sent_twice)
    result.receipts_not_applied = len(found.not_applied)
    result.backwards, result.subscriber_errors = len(found.backwards), len(found.gaps)
    for name in ("lost", "sent_twice", "not_applied", "backwards", "gaps"):
        result.problems += [f"{name}: {one}" for one in getattr(found, name)]


def _reconcile(stack: FaultStack, result: Result) -> None:
    code, said = stack.reconcile()
    result.facts["reconciled"] = code == 0
    if code:
        result.problems.append(f"reconcile: {said.strip()[-500:]}")


def as_document(result: Result) -> dict[str, Any]:
    """Return a result as JSON has it."""
    return asdict(result)
