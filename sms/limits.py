"""How many messages an account may send a second and a day, and what they may cost a month. Pure: no Django here.

The rate is a token bucket. It holds what comes in BURST seconds, so that clients need not send in step. A request needs
a token for each of its messages; one for more messages than the bucket holds needs it full, and takes it into debt,
which is paid before anything else is accepted. So the rate is kept over time, and a large batch is not cut to pieces.

A budget is for what is planned, and told by providers, in its own currency. What has no price, or one in another
currency, is outside of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import Final

from sms.errors import BudgetSpent, LimitExceeded, QuotaExceeded, RateLimited
from sms.money import Money
from sms.windows import Window

BURST: Final = 2  # seconds
DAY: Final = 86_400
ZERO: Final = Decimal(0)
HAIR: Final = 1e-6  # of a token: what is lost in adding up floating-point numbers


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account may send at most. None is no limit."""

    rate: int | None  # messages a second
    quota: int | None  # messages a day, by UTC
    budget: Money | None = None  # a calendar month, by UTC

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
    spent: Decimal = Decimal(0)  # of the budget, this month
    month_ends_in: float = 0.0  # seconds

    def refill(self, seconds: float) -> None:
        """Put in what has come since the bucket was last looked at; nothing for a clock that has stepped back."""
        if self.limits.rate is not None:
            self.tokens = min(self.limits.capacity, self.tokens + self.limits.rate * max(0.0, seconds))

    def judge(self, costs: Sequence[Money | None], *, whole: bool = False) -> Sequence[LimitExceeded | None]:
        """Say of each message of one request why it is refused, or None, and take what is accepted.

        Each is given by what it costs. What quota and budget do not cover is refused, or everything where the request
        is to be taken `whole`.
        """
        amounts = [self._amount(one) for one in costs]
        verdicts = list(self._cover(amounts))
        if whole and (why := next(filter(None, verdicts), None)) is not None:
            return [why] * len(verdicts)
        fits = verdicts.count(None)
        if (too_fast := self._too_fast(fits)) is not None:
            return [why or too_fast for why in verdicts]
        self.used += fits
        self.spent += sum(amount for amount, why in zip(amounts, verdicts, strict=True) if why is None)
        if self.limits.rate is not None:
            self.tokens -= fits
        return verdicts

    def _amount(self, cost: Money | None) -> Decimal:
        """Return how much of the budget a message takes."""
        budget = self.limits.budget
        return cost.amount if budget is not None and cost is not None and cost.currency == budget.currency else ZERO

    def _cover(self, amounts: Sequence[Decimal]) -> Iterator[LimitExceeded | None]:
        """Say of each message whether quota and budget cover it, besides those before it that they cover."""
        quota, budget = self.limits.quota, self.limits.budget
        used, spent = self.used, self.spent
        for amount in amounts:
            if quota is not None and used >= quota:
                yield self._too_many()
            elif budget is not None and amount and spent + amount > budget.amount:
                yield BudgetSpent(budget, max(1, ceil(self.month_ends_in)))
            else:
                used, spent = used + 1, spent + amount
                yield None

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
