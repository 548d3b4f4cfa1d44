"""How long and how often."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long and how often; `small` divides numbers of messages."""

    seconds: float = 6.0
    warm_up: float = 2.0
    runs: int = 3
    small: int = 1
    quick: bool = False


NORMAL = Plan()
QUICK = Plan(seconds=0.6, warm_up=0.2, runs=1, small=50, quick=True)
