"""`python -m benchmarks.idle`: what the stack of `make run` uses while nothing happens."""

import time

from benchmarks import command, cpu
from benchmarks.figures import AT_MOST, Figure
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Provider, Stack
from devstack import signals

CALM_AFTER = 5.0
SECONDS = 5  # times a run


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure CPU time and memory of all processes together."""
    signals.pause(CALM_AFTER if not plan.quick else 0.1)
    runs = []
    used: dict[str, float] = {}
    for _ in range(plan.runs):
        before, begun = cpu.snapshot(stack.pids()), time.monotonic()
        signals.pause(plan.seconds * SECONDS / plan.runs)
        used = cpu.since(before, stack.pids())
        runs.append(100 * sum(used.values()) / (time.monotonic() - begun))
    memory = {name: cpu.memory_kib(pid) / 1024 for name, pid in stack.pids().items()}
    parts = ", ".join(f"{name} {mib:.0f}" for name, mib in memory.items())
    return [
        Figure(name="idle stack, CPU", unit="% of a core", runs=runs, target=1, sense=AT_MOST),
        Figure(
            name="idle stack, memory", unit="MiB", runs=[sum(memory.values())], target=450, sense=AT_MOST, note=parts
        ),
    ]


BENCHMARK = Benchmark(measure=measure, provider=Provider(is_simulator=True))

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
