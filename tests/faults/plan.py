"""What one run sends: every message with a text of its own, its fate at the simulator, and where it has to end."""

import random
from dataclasses import dataclass

USUAL = "01"
# Fate → where a message ends, and how many receipts the simulator sends for each submit that it takes. See
# docs/simulator.md; the words here are what that page promises, not what the code does.
ENDS = {
    "01": "DELIVERED",
    "02": "UNDELIVERED",
    "03": "EXPIRED",
    "05": "DELIVERED",  # the simulator is silent; the harness sends this receipt (`tests.faults.provider`)
    "06": "DELIVERED",
    "07": "DELIVERED",
    "08": "DELIVERED",
    "09": "DELIVERED",
    "13": "DELIVERED",
    "15": "DELIVERED",
    "16": "DELIVERED",
    "17": "SENT",
}
RECEIPTS = {"05": 0, "06": 3, "07": 2, "09": 2, "15": 2, "17": 0}  # one, where nothing is said
# What takes its time by itself: retries, look-ups, and receipts that wait for them. No measure of a recovery.
SLOW = {"08", "13", "16", "17"}
SPICE = ("02", "03", "06", "07", "08", "09", "15")
HARD = ("13", "16", "17")
HARD_EVERY = 5  # one seed in so many has the slow fates as well
OURS = "05"
# Its receipt names the provider's reference only, and that of an attempt given up for a second one may never be known.
NAMELESS = "08"


@dataclass(frozen=True, slots=True)
class Planned:
    """One message to send."""

    number: int
    text: str
    recipient: str
    fate: str
    key: str
    policy: str
    door: str  # rest, graphql
    is_watched: bool

    @property
    def end(self) -> str:
        """The status that it must come to."""
        return ENDS[self.fate]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one run sends."""

    name: str  # no other run of the same stack has it; every text begins with it
    messages: tuple[Planned, ...]

    @property
    def recipients(self) -> set[str]:
        """Every number that is sent to."""
        return {one.recipient for one in self.messages}


def make_plan(rng: random.Random, *, run: int, name: str, seed: int, messages: int, watched: int) -> Plan:
    """Plan a run; `run` counts the runs of one stack, and gives this one a number that nobody else sends to."""
    spice = [*SPICE, OURS, OURS, OURS, *(HARD if seed % HARD_EVERY == 0 else ())]
    fates = [rng.choice(spice) if rng.random() < 0.2 else USUAL for _ in range(messages)]
    prompt = [number for number, fate in enumerate(fates) if fate not in SLOW]
    chosen = set(rng.sample(prompt, min(watched, len(prompt))))
    usual = f"23324{run % 10_000_000:07d}"
    return Plan(
        name,
        tuple(
            Planned(
                number=number,
                text=f"{name} {number}",
                recipient=usual if fate == USUAL else f"2332000009{fate}",
                fate=fate,
                key=f"{name}-{number}".replace(" ", "-"),
                policy="AT_LEAST_ONCE" if rng.random() < 0.05 and fate != NAMELESS else "AT_MOST_ONCE",
                door="graphql" if rng.random() < 0.4 else "rest",
                is_watched=number in chosen,
            )
            for number, fate in enumerate(fates)
        ),
    )
