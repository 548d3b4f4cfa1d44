"""`python -m benchmarks.latency`: how long a subscriber waits for news, while 200 messages a second go through."""

import http.client
import json
from dataclasses import replace
from typing import Any

from benchmarks import command
from benchmarks.figures import AT_MOST, Figure
from benchmarks.orders import Ordered
from benchmarks.percentiles import spread
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Provider, Stack

RATE = 200
CALM_RATE = 20  # at which nothing waits for anything else: what the way itself takes
P50_TARGET, P99_TARGET = 15.0, 60.0
# Long enough that SENT has reached its subscriber before the receipt comes.
RECEIPT_DELAY = 0.25


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure both ways of the same messages, by one clock that all processes share."""
    with Ordered("benchmarks.live.follow", {"host": "127.0.0.1", "port": stack.port}) as follower:
        follower.do(rate=RATE, seconds=plan.warm_up)
        runs = [_one_run(stack, follower, plan, rate=RATE) for _ in range(plan.runs)]
        if not stack.has_references:
            return _both(runs, rate=RATE)
        calm = [_one_run(stack, follower, plan, rate=CALM_RATE) for _ in range(plan.runs)]
    return [*_both(runs, rate=RATE), *(_reference(one) for one in _both(calm, rate=CALM_RATE))]


def _both(runs: list[tuple[list[float], list[float]]], *, rate: int) -> list[Figure]:
    names = ("accepted → SENT at the subscriber", "receipt leaves → DELIVERED at the subscriber")
    return [_figure(f"{name}, {rate}/s", [run[number] for run in runs]) for number, name in enumerate(names)]


def _reference(one: Figure) -> Figure:
    return replace(one, name=f"reference: {one.name}", target=None)


def _one_run(stack: Stack, follower: Ordered, plan: Plan, *, rate: int) -> tuple[list[float], list[float]]:
    found = follower.do(rate=rate, seconds=plan.seconds)
    assert not found["unfinished"], f"{found['unfinished']} messages were not followed to their end"
    messages = found["messages"]
    left = receipts_left_at(stack)
    sent = [one["SENT"] - one["answered"] for one in messages if "SENT" in one]
    delivered = [one["DELIVERED"] - left[one["to"]] for one in messages if "DELIVERED" in one]
    return sent, delivered


def receipts_left_at(stack: Stack) -> dict[str, float]:
    """Ask the provider when the receipt for each recipient left it."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.provider_port, timeout=10)
    try:
        connection.request("GET", "/counts")
        counted: dict[str, Any] = json.loads(connection.getresponse().read())
        left: dict[str, float] = counted["sent_at"]
        return left
    finally:
        connection.close()


def _figure(name: str, runs: list[list[float]]) -> Figure:
    return Figure(
        name=name,
        unit="ms (p50)",
        runs=[one["p50"] for run in runs if (one := spread(run)) is not None],
        target=P50_TARGET,
        sense=AT_MOST,
        latency=spread(wait for run in runs for wait in run),
        latency_target=P99_TARGET,
        note="from the 202 on" if "SENT" in name else "",
    )


BENCHMARK = Benchmark(measure=measure, provider=Provider(receipts=True, receipt_delay=RECEIPT_DELAY))

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
