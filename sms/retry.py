"""When to try again. Pure: a decision from numbers, no clock."""

import random
from dataclasses import dataclass

LONGEST_WISH = 24 * 3600.0  # seconds; whoever asks for more has made a mistake


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with jitter, in seconds, for at most `attempts` attempts."""

    attempts: int
    first: float
    longest: float

    def delay(self, attempt: int, *, wish: float | None = None) -> float | None:
        """Return how long to wait after attempt number `attempt` (from 1) failed, or None when it was the last.

        The other side's own `wish` (Retry-After) is honoured, up to a day. Without one the wait doubles each time, up
        to `longest`; it is spread over its upper half, so that many that failed together do not come back together.
        """
        if attempt >= self.attempts:
            return None
        if wish is not None:
            return min(wish, LONGEST_WISH)
        full = min(self.first * 2.0 ** min(attempt - 1, 30), self.longest)
        return full * random.uniform(0.5, 1.0)  # noqa: S311  (nobody gains by guessing it)


# An outage of a night costs no message; what must not be late has a validity of its own.
SUBMIT = Backoff(attempts=60, first=1.0, longest=1800.0)
ONCE = Backoff(attempts=2, first=5.0, longest=5.0)
MINUTES = Backoff(attempts=10, first=60.0, longest=3600.0)
HOURS = Backoff(attempts=8, first=1800.0, longest=6 * 3600.0)
RECEIPT = Backoff(attempts=5, first=1.0, longest=60.0)
