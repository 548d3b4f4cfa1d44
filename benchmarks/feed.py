"""`python -m benchmarks.feed`: how long a feed of the account waits, and what it costs, at 200 events a second."""

import json
from typing import Any

from benchmarks import command, fill
from benchmarks.figures import Figure
from benchmarks.measure import Series
from benchmarks.orders import Ordered
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Stack

RATE = 200
FEEDS = (0, 1, 20)  # of one account, each on a socket of its own; none is what the receipts cost by themselves
P99_TARGET = 60.0


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure all numbers of feeds in turns, so that they share the machine's moods."""
    count = max(20, round(RATE * plan.seconds))
    receipts, messages = stack.directory / "feed-receipts", stack.directory / "feed-messages"
    messages.write_text(json.dumps(fill.sent(stack, count * len(FEEDS) * (plan.runs + 1), receipts)))
    where = {"host": "127.0.0.1", "port": stack.port, "messages": str(messages), "receipts": str(receipts)}
    with Ordered("benchmarks.live.feeds", where) as clients:
        processes = lambda: {**stack.pids(), "clients": clients.pid}  # noqa: E731
        series = {feeds: Series(name=_name(feeds), processes=processes) for feeds in FEEDS}
        clients.do(feeds=1, rate=RATE, count=count)  # warms up
        for _ in range(plan.runs):
            for feeds, one in series.items():
                one.run(lambda feeds=feeds: _run(clients, feeds, count))  # type: ignore[misc]
    wanted = {1: {"target": 0.95 * RATE, "latency_target": P99_TARGET}}
    return [one.figure(**wanted.get(feeds, {})) for feeds, one in series.items()]


def _run(clients: Ordered, feeds: int, count: int) -> dict[str, Any]:
    result = clients.do(feeds=feeds, rate=RATE, count=count)
    assert not result["lost"], f"{result['lost']} items were lost"
    assert not result["unexpected"], result["unexpected"]
    return result


def _name(feeds: int) -> str:
    if feeds == 0:
        return f"receipts, {RATE}/s, and nobody follows"
    return f"receipt sent → item in the feed, {RATE}/s, {feeds} feed{'s' if feeds > 1 else ''}"


BENCHMARK = Benchmark(measure=measure)

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
