"""`python -m benchmarks [NAME …]`: all benchmarks, or some; a table, and a file in `benchmarks/results/`."""

import importlib
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import command, machine
from benchmarks.figures import Figure, table
from devstack import screen, signals
from devstack.errors import StopRequested

NAMES = (
    "accept_rest",
    "accept_graphql",
    "accept_bulk",
    "dispatch_batch",
    "dispatch_single",
    "receipts",
    "whole_life_single",
    "whole_life_bulk",
    "latency",
    "subscribers",
    "feed",
    "idle",
    "storage",
    "cold_start",
)
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Run them one after the other; one that fails is told, and the others go on."""
    options = command.parser(__doc__)
    options.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}")
    given = options.parse_args()
    if unknown := set(given.names) - set(NAMES):
        options.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    signals.listen()
    plan = command.plan_of(given)
    found: dict[str, list[Figure]] = {}
    failed = []
    for name in given.names or NAMES:
        begun = time.monotonic()
        screen.say(f"{name} …")
        try:
            found[name] = importlib.import_module(f"benchmarks.{name}").BENCHMARK.run(plan)
        except StopRequested:
            return 130
        except AssertionError as error:
            failed.append(name)
            screen.complain(f"{name}: {error}")
            continue
        screen.say(table(found[name]) + f"\n({time.monotonic() - begun:.0f} s)\n")
    path = given.json or RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{machine.commit()}.json"
    command.write(path, found, plan)
    screen.say(table([one for figures in found.values() for one in figures]))
    screen.say(f"\nwritten to {path}" + (f"; FAILED: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
