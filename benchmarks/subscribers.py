"""`python -m benchmarks.subscribers`: 5,000 subscribers on one web process, and 500 events a second for them."""

import json

from benchmarks import command, cpu, fill
from benchmarks.figures import AT_MOST, Figure
from benchmarks.measure import Series
from benchmarks.orders import Ordered
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Stack

SUBSCRIBERS = 5_000
RATE = 500


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure once: each subscriber's message gets its receipt."""
    number = SUBSCRIBERS // plan.small
    receipts, messages = stack.directory / "receipts", stack.directory / "messages"
    messages.write_text(json.dumps(fill.sent(stack, number, receipts)))
    before = cpu.memory_kib(stack.web.pid)
    where = {"host": "127.0.0.1", "port": stack.port, "messages": str(messages), "receipts": str(receipts)}
    with Ordered("benchmarks.live.crowd", where) as crowd:
        kib_each = (cpu.memory_kib(stack.web.pid) - before) / number
        series = Series(
            name=f"receipt sent → DELIVERED at each of {number:,} subscribers, {RATE}/s",
            processes=lambda: {**stack.pids(), "crowd": crowd.pid},
        )
        series.run(lambda: crowd.do(rate=RATE))
    (result,) = series.results
    assert not result["lost"], f"{result['lost']} events were lost"
    assert not result["unexpected"], result["unexpected"]
    joined = number / crowd.hello["gathered"]
    return [
        series.figure(target=0.95 * RATE, latency_target=250.0, note="none lost"),
        Figure(name="memory of web for each subscriber", unit="KiB", runs=[kib_each], target=60, sense=AT_MOST),
        Figure(name="handshake, subscription and snapshot", unit="/s", runs=[joined]),
    ]


BENCHMARK = Benchmark(measure=measure)

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
