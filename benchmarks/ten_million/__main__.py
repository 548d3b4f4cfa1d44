"""`python -m benchmarks.ten_million`: what ten million stored messages do to each rate, and how long lists take.

An empty and a filled stack stand beside each other and take turns, so that both have the same of a noisy machine. What
is measured stays: in the end the empty one has a million messages, too.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks import (
    accept_bulk,
    accept_graphql,
    accept_rest,
    command,
    dispatch_batch,
    dispatch_single,
    latency,
    listing,
    receipts,
    whole_life_bulk,
    whole_life_single,
)
from benchmarks.figures import AT_LEAST, Figure, table
from benchmarks.plan import Plan
from benchmarks.seed import MILLION, seed
from benchmarks.stack import Benchmark, Stack, running
from benchmarks.ten_million.sizes import sizes
from devstack import screen, signals

# In an order in which as few messages as may be are left waiting for receipts that never come.
STAGES: Mapping[str, Benchmark] = {
    "latency": latency.BENCHMARK,
    "whole_life_single": whole_life_single.BENCHMARK,
    "whole_life_bulk": whole_life_bulk.BENCHMARK,
    "receipts": receipts.BENCHMARK,
    "dispatch_single": dispatch_single.BENCHMARK,
    "dispatch_batch": dispatch_batch.BENCHMARK,
    "accept_rest": accept_rest.BENCHMARK,
    "accept_graphql": accept_graphql.BENCHMARK,
    "accept_bulk": accept_bulk.BENCHMARK,
}
MOST_LOST = 0.10


def main() -> None:
    """Fill one of two stacks, measure both, and print what the messages changed."""
    options = command.parser(__doc__)
    options.add_argument("--millions", type=float, default=10.0, help="how many million messages to store")
    given = options.parse_args()
    signals.listen()
    plan, messages = command.plan_of(given), round(given.millions * MILLION)
    with running() as empty, running() as full:
        begun = time.monotonic()
        seed(full.environment["DATABASE_URL"], messages, tell=screen.say)
        screen.say(f"\n{sizes(full, messages=messages)}\n({time.monotonic() - begun:.0f} s)\n")
        lists = _lists(full, plan)
        plans = full.run("-m", "benchmarks.ten_million.explain")
        compared = compare(empty, full, plan)
    screen.say(plans)
    screen.say(table(compared))
    screen.say(table(lists))
    if given.json is not None:
        command.write(given.json, {"ten_million": compared, "listing": lists}, plan)


def _lists(stack: Stack, plan: Plan) -> list[Figure]:
    stack.arrange(listing.BENCHMARK.provider, worker=listing.BENCHMARK.worker)
    return listing.lists(stack, plan)


def compare(empty: Stack, full: Stack, plan: Plan) -> list[Figure]:
    """Measure every stage on the two in turn, and return what is left of each figure."""
    figures: list[Figure] = []
    for name, stage in STAGES.items():
        found: dict[Stack, list[list[Figure]]] = {empty: [], full: []}
        for _ in range(plan.runs):
            for stack, runs in found.items():
                runs.append(_measure(stage, stack, replace(plan, runs=1)))
        compared = _compared(_together(found[empty]), _together(found[full]))
        screen.say(f"{name}\n{table(compared)}\n")
        figures += compared
    return figures


def _measure(stage: Benchmark, stack: Stack, plan: Plan) -> list[Figure]:
    """Measure one stage, leave out its references, and let the stack rest afterwards."""
    stack.has_references = False
    stack.arrange(stage.provider, worker=stage.worker)
    figures = stage.measure(stack, plan)
    stack.start([stack.worker])
    stack.settle()
    stack.worker.stop()
    return [one for one in figures if not one.name.startswith("reference")]


def _together(runs: Sequence[Sequence[Figure]]) -> list[Figure]:
    """Return the figures of several runs as figures with several runs."""
    return [replace(some[0], runs=[value for one in some for value in one.runs]) for some in zip(*runs, strict=True)]


def _compared(empty: Sequence[Figure], full: Sequence[Figure]) -> list[Figure]:
    """Return what is left of each rate, or has become of each time, as a share of that on the empty database."""
    return [
        Figure(
            name=f"{before.name}: full ÷ empty",
            unit="",
            runs=[after.value / before.value],
            target=1 - MOST_LOST if before.sense == AT_LEAST else 1 + MOST_LOST,
            sense=before.sense,
            note=f"{before.value:,.1f} → {after.value:,.1f} {before.unit}",
        )
        for before, after in zip(empty, full, strict=True)
        if before.value
    ]


if __name__ == "__main__":
    main()
