"""How many messages an account may send: so many a second, and so many a day. Pure: no Django here.

The rate is a token bucket. It holds what comes in BURST seconds, so that clients need not send in step. A request needs
a token for each of its messages; one for more messages than the bucket holds needs it full, and takes it into debt,
which is paid before anything else is accepted. So the rate is kept over time, and a large batch is not cut to pieces.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from sms.errors import LimitExceeded, QuotaExceeded, RateLimited
from sms.windows import Window

BURST: Final = 2  # seconds
DAY: Final = 86_400
HAIR: Final = 1e-6  # of a token: what is lost in adding up floating-point numbers


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account may send at most. None is no limit."""

    rate: int | None  # messages a second
    quota: int | None  # messages a day, by UTC

    @property
    def capacity(self) -> int:
        """What the bucket holds."""
        return (self.rate or 0) * BURST


@dataclass(slots=True)
class Standing:
    """How an account stands at one moment, and what becomes of it as requests come."""

    limits: Limits
    tokens: float
    used: int  # of the quota, today
    day_ends_in: float  # seconds

    def refill(self, seconds: float) -> None:
        """Put in what has come since the bucket was last looked at; nothing for a clock that has stepped back."""
        if self.limits.rate is not None:
            self.tokens = min(self.limits.capacity, self.tokens + self.limits.rate * max(0.0, seconds))

    def judge(self, messages: int, *, whole: bool = False) -> Sequence[LimitExceeded | None]:
        """Say of each message of one request why it is refused, or None, and take what is accepted.

        What the quota does not cover is refused, or everything where the request is to be taken `whole`.
        """
        fits = self._fits(messages, whole=whole)
        too_fast = self._too_fast(fits)
        if too_fast is None:
            self.used += fits
            if self.limits.rate is not None:
                self.tokens -= fits
        return [too_fast] * fits + [self._too_many()] * (messages - fits)

    def _fits(self, messages: int, *, whole: bool) -> int:
        """Return how many messages the quota covers."""
        if self.limits.quota is None:
            return messages
        left = max(0, self.limits.quota - self.used)
        return messages if messages <= left else 0 if whole else left

    def _too_many(self) -> LimitExceeded | None:
        return QuotaExceeded(self.limits.quota or 0, max(1, ceil(self.day_ends_in)))

    def _too_fast(self, messages: int) -> LimitExceeded | None:
        rate, need = self.limits.rate, min(messages, self.limits.capacity)
        if rate is None or self.tokens + HAIR >= need:
            return None
        return RateLimited(rate, max(1, ceil((need - self.tokens) / rate)))

    @property
    def windows(self) -> tuple[Window, ...]:
        """What is left, for the caller to see."""
        limits, found = self.limits, []
        if limits.rate is not None:
            missing = max(0.0, limits.capacity - self.tokens)
            left = max(0, int(self.tokens + HAIR))
            found.append(Window("rate", limits.capacity, BURST, left, ceil(missing / limits.rate)))
        if limits.quota is not None:
            left = max(0, limits.quota - self.used)
            found.append(Window("day", limits.quota, DAY, left, ceil(self.day_ends_in)))
        return tuple(found)
