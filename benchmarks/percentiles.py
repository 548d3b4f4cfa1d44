"""Percentiles of latencies, and the middle of some runs."""

import math
from collections.abc import Iterable, Sequence
from typing import TypedDict


class Spread(TypedDict):
    """Latencies in milliseconds."""

    p50: float
    p99: float
    max: float


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the smallest of the ascending values that `percent` of them do not exceed (the nearest rank)."""
    rank = math.ceil(len(ordered) * percent / 100)
    return ordered[max(rank, 1) - 1]


def spread(seconds: Iterable[float]) -> Spread | None:
    """Return the spread of latencies given in seconds; None when there are none."""
    ordered = sorted(seconds)
    if not ordered:
        return None
    return {
        "p50": round(percentile(ordered, 50) * 1000, 3),
        "p99": round(percentile(ordered, 99) * 1000, 3),
        "max": round(ordered[-1] * 1000, 3),
    }
