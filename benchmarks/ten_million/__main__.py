"""`python -m benchmarks.ten_million`: rates without and with ten million messages stored, and how long lists take."""

import time
from collections.abc import Sequence

from benchmarks import accept_rest, command, dispatch_batch, listing, receipts
from benchmarks.figures import AT_LEAST, Figure, table
from benchmarks.plan import Plan
from benchmarks.seed import MILLION, seed
from benchmarks.stack import Benchmark, Stack, running
from benchmarks.ten_million.sizes import sizes
from devstack import screen, signals

STAGES: Sequence[Benchmark] = (accept_rest.BENCHMARK, dispatch_batch.BENCHMARK, receipts.BENCHMARK)
MOST_LOST = 0.10


def main() -> None:
    """Measure twice, and print what changed."""
    options = command.parser(__doc__)
    options.add_argument("--millions", type=float, default=10.0, help="how many million messages to store")
    given = options.parse_args()
    signals.listen()
    plan, messages = command.plan_of(given), round(given.millions * MILLION)
    with running() as stack:
        empty = _all_stages(stack, plan)
    with running() as stack:
        begun = time.monotonic()
        seed(stack.environment["DATABASE_URL"], messages, tell=screen.say)
        screen.say(f"\n{sizes(stack, messages=messages)}\n({time.monotonic() - begun:.0f} s)\n")
        full = _all_stages(stack, plan)
        lists = listing.lists(stack, plan)
        plans = stack.run("-m", "benchmarks.ten_million.explain")
    compared = _compared(empty, full)
    screen.say(plans)
    screen.say(table(compared))
    screen.say(table(lists))
    if given.json is not None:
        command.write(given.json, {"empty": empty, "full": full, "compared": compared, "lists": lists}, plan)


def _all_stages(stack: Stack, plan: Plan) -> list[Figure]:
    figures: list[Figure] = []
    for stage in STAGES:
        stack.arrange(stage.provider, worker=stage.worker)
        figures += stage.measure(stack, plan)
    stack.settle()
    return figures


def _compared(empty: Sequence[Figure], full: Sequence[Figure]) -> list[Figure]:
    """Return what is left of each rate, as a share of the rate on the empty database."""
    return [
        Figure(
            name=f"{before.name}: full ÷ empty",
            unit="",
            runs=[after.value / before.value],
            target=None if before.name.startswith(("reference", "baseline")) else 1 - MOST_LOST,
            sense=AT_LEAST,
            note=f"{before.value:,.0f} → {after.value:,.0f} {before.unit}",
        )
        for before, after in zip(empty, full, strict=True)
        if before.value
    ]


if __name__ == "__main__":
    main()
