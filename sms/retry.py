"""When to try again. Pure: a decision from numbers, no clock."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with jitter, in seconds, for at most `attempts` attempts."""

    attempts: int
    first: float
    longest: float

    def delay(self, attempt: int, *, wish: float | None = None) -> float | None:
        """Return how long to wait after attempt number `attempt` (from 1) failed, or None when it was the last.

        The other side's own `wish` (Retry-After) is honoured, up to `longest`. Without one the wait doubles each time;
        it is spread over its upper half, so that many that failed together do not come back together.
        """
        if attempt >= self.attempts:
            return None
        if wish is not None:
            return min(wish, self.longest)
        full = min(self.first * 2.0 ** min(attempt - 1, 30), self.longest)
        return full * random.uniform(0.5, 1.0)  # noqa: S311  (nobody gains by guessing it)


SUBMIT = Backoff(attempts=10, first=1.0, longest=600.0)
RECEIPT = Backoff(attempts=5, first=1.0, longest=60.0)
