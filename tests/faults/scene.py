"""What a fault may touch during one run, and what it notes about itself."""

import random
import time
from dataclasses import dataclass, field
from typing import Any

from devstack import signals
from tests.faults.clients import Load
from tests.faults.plan import Plan
from tests.faults.stack import FaultStack
from tests.faults.waiting import happens


@dataclass(slots=True)
class Scene:
    """One run, as the fault sees it. All chance comes from `rng`, which the seed alone decides."""

    stack: FaultStack
    rng: random.Random
    plan: Plan
    seed: int
    load: Load | None = None
    facts: dict[str, object] = field(default_factory=dict)
    begun_at: float | None = None  # when the fault began, as the wall clock says
    ended_at: float | None = None
    settled_at: float | None = None  # when nothing was left to be done any more
    problems: list[str] = field(default_factory=list)  # what this fault alone has to look at
    at_hand: dict[str, Any] = field(default_factory=dict)  # what was set up before the load, for the strike
    told_within: float | None = None  # seconds that a connected subscriber may wait for a change, where it matters

    @property
    def load_is_over(self) -> bool:
        """Whether every message was sent."""
        return self.load is not None and self.load.done

    def wait_for_accepted(self, share: float) -> None:
        """Wait until a share of the messages was accepted."""
        number = int(share * len(self.plan.messages))
        self.facts["accepted_before"] = number
        load = self.load
        assert load is not None
        happens(lambda: len(load.accepted) >= number or load.done, within=60, every=0.002)

    def wait_for_some(self, *, first: float = 0.1, last: float = 0.6) -> None:
        """Wait until some share of the messages was accepted, as chance has it."""
        self.wait_for_accepted(self.rng.uniform(first, last))

    def strikes(self) -> None:
        """Note that the fault begins now."""
        self.begun_at = time.time()

    def is_over(self) -> None:
        """Note that nothing is struck any more: from here on the service has to recover."""
        self.ended_at = time.time()

    def lasts(self, shortest: float, longest: float) -> None:
        """Let it last for some seconds, as chance has it."""
        seconds = self.rng.uniform(shortest, longest)
        self.facts["seconds"] = round(seconds, 2)
        signals.pause(seconds)
