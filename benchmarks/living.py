"""What the two whole-life benchmarks share: messages that go all the way, while subscribers watch some of them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from benchmarks import comparison, requests
from benchmarks.comparison import Baseline
from benchmarks.figures import Figure
from benchmarks.load.run import Result
from benchmarks.measure import Series, load, order
from benchmarks.orders import Ordered
from benchmarks.percentiles import spread
from benchmarks.plan import Plan
from benchmarks.stack import Provider, Stack
from devstack import signals

WATCHED_RATE = 5  # messages a second that somebody follows to their end
BASELINE_MESSAGES = 400
# Shares of the rate of a burst that are tried until the queue does not grow.
SHARES = (0.9, 0.8, 0.7, 0.6)
GROWS = 0.02  # of the rate: more than that left over, on average, is a queue that grows
DONE_WITHIN = 120.0
LOOKS = 24  # at the queue, while a rate is kept

MARK = "SELECT uuidv7()::text"
# From the first accept to the last receipt applied, by the database's clock.
SPAN = """
SELECT extract(epoch FROM max(occurred_at) - min(occurred_at))::float8, count(*) FILTER (WHERE status = 'DELIVERED')
FROM sms_messageevent WHERE message_id >= %(since)s
"""
# Those of others, who got no receipts, stay open for days.
OPEN = "SELECT count(*) FROM sms_dispatchentry WHERE message_id >= %(since)s"
BASELINE_LEFT = "SELECT count(*) FROM baseline_message WHERE status <> 'DELIVERED'"
BASELINE_SPAN = "SELECT extract(epoch FROM max(updated_at) - min(created_at))::float8, count(*) FROM baseline_message"


@dataclass(frozen=True, kw_only=True)
class Sending:
    """How messages come in."""

    connections: int
    request: str
    expect: str
    status: int = 202
    messages: int = 1  # a request

    def load(self, stack: Stack) -> Ordered:
        """Start a load generator."""
        return load(stack.port, self.connections, self.request, expect=self.expect, status=self.status)

    def order(self, generator: Ordered, *, count: int) -> Result:
        """Send about so many messages."""
        return self.as_messages(order(generator, count=max(1, count // self.messages)))

    def as_messages(self, result: Result) -> Result:
        """Count the messages of answered requests."""
        return {**result, "answered": result["answered"] * self.messages}


SENDING_MANY = Sending(
    connections=2,
    request=requests.graphql_send_many(),
    expect=f'"accepted":{requests.BATCH}',
    status=200,
    messages=requests.BATCH,
)


def measure_life(
    name: str, stack: Stack, plan: Plan, *, sending: Sending, messages: int, target: float
) -> list[Figure]:
    """Measure bursts beside the baseline's, then look for a rate at which the queue does not grow."""
    pieces: list[Figure] = []
    with (
        comparison.beside(stack, provider=Provider(receipts=True)) as baseline,
        sending.load(stack) as generator,
        Ordered("benchmarks.live.follow", {"host": "127.0.0.1", "port": stack.port}) as watched,
    ):
        messages //= plan.small
        burst = Series(name=f"{name}, burst of {messages:,}", processes=lambda: {**stack.pids(), "load": generator.pid})
        send_and_wait(stack, sending, generator, messages // 4)  # warms up
        rates: list[float] = []
        if baseline is not None:
            baseline.start_worker()
            _baseline_burst(baseline, 20)
        for _ in range(plan.runs):
            burst.run(lambda: send_and_wait(stack, sending, generator, messages))
            if baseline is not None:
                rates.append(_baseline_burst(baseline, BASELINE_MESSAGES // plan.small + 20))
        pieces = [burst.figure()]
        sustained = _sustained(
            name, stack, plan, sending=sending, generator=generator, watched=watched, fastest=pieces[0].value
        )
        if rates:
            pieces.append(Figure(name="baseline: whole life, burst", unit="/s", runs=rates))
            pieces[0] = replace(pieces[0], ratios={"baseline": pieces[0].value / pieces[1].value})
            sustained = replace(sustained, ratios={"baseline": sustained.value / pieces[1].value})
    return [replace(sustained, target=target), *pieces]


def send_and_wait(stack: Stack, sending: Sending, generator: Ordered, count: int) -> dict[str, Any]:
    """Send about so many messages and wait until all have been delivered; the time is that of the service's records."""
    ((since,),) = stack.query(MARK)
    result = sending.order(generator, count=count)
    _wait_until_done(stack, since)
    ((seconds, delivered),) = stack.query(SPAN, {"since": since})
    assert delivered == result["answered"], f"{delivered} of {result['answered']} were delivered"
    return {"answered": delivered, "seconds": seconds, "latency": result["latency"]}


def _open(stack: Stack, since: str) -> int:
    return int(stack.query(OPEN, {"since": since})[0][0])


def _wait_until_done(stack: Stack, since: str) -> None:
    end = time.monotonic() + DONE_WITHIN
    while (left := _open(stack, since)) > 0:
        assert time.monotonic() < end, f"{left} messages are still open"
        signals.pause(0.1)


def _sustained(
    name: str, stack: Stack, plan: Plan, *, sending: Sending, generator: Ordered, watched: Ordered, fastest: float
) -> Figure:
    """Return the first of the shares of the fastest rate at which no queue grows, or zero."""
    for share in SHARES:
        rate = fastest * share
        ((since,),) = stack.query(MARK)
        generator.begin(seconds=plan.seconds * 2, count=None, rate=rate / sending.messages)
        watched.begin(rate=WATCHED_RATE, seconds=plan.seconds * 2)
        depths = _depths(stack, since, seconds=plan.seconds * 2)
        result, followed = sending.as_messages(cast("Result", generator.finish())), watched.finish()
        assert not result["unexpected"], result["unexpected"]
        assert not followed["unfinished"], f"{followed['unfinished']} watched messages did not end"
        growth = _growth(depths) / (plan.seconds * 2 / LOOKS) / rate
        _wait_until_done(stack, since)
        if growth < GROWS or plan.quick:
            waits = spread(one["DELIVERED"] - one["answered"] for one in followed["messages"] if "DELIVERED" in one)
            told = "" if waits is None else f"; watched from accept to DELIVERED: p99 {waits['p99']:.0f} ms"
            return Figure(
                name=f"{name}, sustained for {result['seconds']:.0f} s",
                unit="/s",
                runs=[result["answered"] / result["seconds"]],
                latency=result["latency"],
                queue=depths[-1],
                note=f"open messages {depths[0]} → {depths[-1]}{told}",
            )
    return Figure(name=f"{name}, sustained", unit="/s", runs=[0.0], note="the queue grew at every rate that was tried")


def _depths(stack: Stack, since: str, *, seconds: float) -> list[int]:
    """Look at the number of open messages now and then, for that long."""
    depths: list[int] = []
    for _ in range(LOOKS):
        signals.pause(seconds / LOOKS)
        depths.append(_open(stack, since))
    return depths


def _growth(depths: Sequence[int]) -> float:
    """Return by how much the queue grew from one look to the next, on average, in the second half."""
    half = depths[len(depths) // 2 :]
    first, last = half[: len(half) // 3 + 1], half[-(len(half) // 3 + 1) :]
    return (sum(last) / len(last) - sum(first) / len(first)) / max(len(half) - len(first), 1)


def _baseline_burst(baseline: Baseline, count: int) -> float:
    baseline.execute("TRUNCATE baseline_message")
    with load(baseline.port, 16, requests.rest_send()) as generator:
        order(generator, count=count)
    end = time.monotonic() + DONE_WITHIN
    while (left := baseline.execute(BASELINE_LEFT)) != [(0,)]:
        assert time.monotonic() < end, f"the baseline has {left} messages left"
        signals.pause(0.1)
    ((seconds, delivered),) = baseline.execute(BASELINE_SPAN)
    assert delivered == count
    return float(str(delivered)) / float(str(seconds))
