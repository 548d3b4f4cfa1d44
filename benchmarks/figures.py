"""What a benchmark found, for people and for programs."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.percentiles import Spread

# How a figure may be compared with its target.
AT_LEAST, AT_MOST = "at least", "at most"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured value: the middle of its runs."""

    name: str
    unit: str
    runs: Sequence[float]
    target: float | None = None
    sense: str = AT_LEAST
    latency: Spread | None = None  # of the run in the middle, in ms
    latency_target: float | None = None  # for p99
    cpu_ms: Mapping[str, float] = field(default_factory=dict)  # a message, by process, over all runs
    queue: int | None = None  # what waited at the end of the last run
    ratios: Mapping[str, float] = field(default_factory=dict)  # to references of the same run
    note: str = ""

    @property
    def value(self) -> float:
        """The median."""
        return statistics.median(self.runs)

    def as_json(self) -> dict[str, Any]:
        """Return everything, plain."""
        return {**asdict(self), "value": self.value, "met": self.met}

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None when there is none."""
        if self.target is None:
            return None
        good = self.value >= self.target if self.sense == AT_LEAST else self.value <= self.target
        late = self.latency_target is not None and (self.latency is None or self.latency["p99"] > self.latency_target)
        return good and not late


HEADINGS = ("what", "median", "min–max", "target", "p50 ms", "p99 ms", "queue", "CPU ms a message", "ratios")


def table(figures: Sequence[Figure]) -> str:
    """Return a Markdown table, a line a figure."""
    rows = [HEADINGS, *(_line(one) for one in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "| " + " | ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|-" + "-|-".join("-" * width for width in widths) + "-|")
    return "\n".join(lines)


def _line(one: Figure) -> tuple[str, ...]:
    mark = {None: "", True: " ✓", False: " ✗"}[one.met]
    return (
        one.name + (f" ({one.note})" if one.note else ""),
        f"{written(one.value)} {one.unit}",
        f"{written(min(one.runs))}–{written(max(one.runs))}" if len(one.runs) > 1 else "",
        f"{'≥' if one.sense == AT_LEAST else '≤'} {written(one.target)}{mark}" if one.target is not None else "",
        written(one.latency["p50"]) if one.latency else "",
        written(one.latency["p99"]) if one.latency else "",
        "" if one.queue is None else str(one.queue),
        ", ".join(f"{name} {value:.3f}" for name, value in one.cpu_ms.items() if value >= 0.0005),
        ", ".join(
            f"{value:.2f} × {name}" if value < 10 else f"{value:.0f} × {name}" for name, value in one.ratios.items()
        ),
    )


def written(value: float) -> str:
    """Return a number with as many digits as a person needs."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
