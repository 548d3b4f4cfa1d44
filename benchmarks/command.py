"""What every `python -m benchmarks.NAME` has in common."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from benchmarks.figures import Figure, table
from benchmarks.machine import facts
from benchmarks.plan import NORMAL, QUICK, Plan
from devstack import screen, signals


class Runnable(Protocol):
    """Anything that yields figures."""

    def run(self, plan: Plan) -> list[Figure]:
        """Measure."""


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options that all benchmarks have."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument(
        "--quick", action="store_true", help="tiny numbers, to see that it works; the figures mean nothing"
    )
    made.add_argument("--seconds", type=float, help="length of a run")
    made.add_argument("--runs", type=int, help="how many runs")
    made.add_argument("--json", type=Path, help="write the figures here, too")
    return made


def plan_of(given: argparse.Namespace) -> Plan:
    """Return the plan that the options ask for."""
    plan = QUICK if given.quick else NORMAL
    named = {name: getattr(given, name) for name in ("seconds", "runs") if getattr(given, name) is not None}
    return replace(plan, **named)


def main(benchmark: Runnable, description: str | None) -> None:
    """Run one benchmark and print its table."""
    given = parser(description).parse_args()
    signals.listen()
    plan = plan_of(given)
    figures = benchmark.run(plan)
    screen.say(table(figures))
    if given.json is not None:
        write(given.json, {"benchmark": figures}, plan)


def write(path: Path, figures: Mapping[str, Sequence[Figure]], plan: Plan) -> None:
    """Write figures by benchmark, with what they were measured on."""
    document = {
        **facts(),
        "plan": {"seconds": plan.seconds, "runs": plan.runs, "quick": plan.quick},
        "benchmarks": {name: [one.as_json() for one in some] for name, some in figures.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
