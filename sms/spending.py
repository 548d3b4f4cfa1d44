"""Reads of what accounts' messages cost: the sums that `sms.services.costs` keeps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from sms.database import in_thread, query, rows
from sms.errors import ErrorCode, InvalidList
from sms.models import Account
from sms.money import Money

LONGEST: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Line:
    """What the messages that were accepted on a day, by UTC, cost on one route."""

    day: date
    route: str
    messages: int
    segments: int
    cost: Money


@dataclass(frozen=True, slots=True)
class Spending:
    """What an account's messages of some days cost, from `since` to `until`, both included."""

    since: date
    until: date
    lines: Sequence[Line]  # by day and route

    @property
    def total(self) -> list[Money]:
        """All of it, in each currency."""
        return total(line.cost for line in self.lines)


@dataclass(frozen=True, slots=True)
class Month:
    """What an account has spent in this calendar month, by UTC."""

    spent: list[Money]  # in each currency
    remaining: Money | None  # of the budget; None without one
    resets_at: datetime


def total(costs: Iterable[Money]) -> list[Money]:
    """Return the sum of each currency, in the order of the alphabet."""
    sums: dict[str, Decimal] = {}
    for amount, currency in costs:
        sums[currency] = sums.get(currency, Decimal(0)) + amount
    return [Money(sums[currency], currency) for currency in sorted(sums)]


TODAY = "SELECT (now() AT TIME ZONE 'UTC')::date"
MONTH_ENDS = "SELECT date_trunc('month', now(), 'UTC') + interval '1 month'"
# What was counted and taken back whole is nothing.
LINES = """
SELECT day, route, sum(messages)::bigint, sum(segments)::bigint, sum(amount), currency FROM sms_spend
WHERE account_id = %s AND day BETWEEN %s AND %s GROUP BY day, route, currency
HAVING (sum(messages), sum(segments), sum(amount)) <> (0, 0, 0) ORDER BY day, route, currency
"""


async def spending(*, account_id: UUID, since: date | None, until: date | None) -> Spending:
    """Return what an account's messages of some days cost: of this month so far, unless it is said.

    Raises InvalidList, Unavailable.
    """
    return await in_thread(query, read, account_id, since, until)


def read(account_id: UUID, since: date | None = None, until: date | None = None) -> Spending:
    """Return as `spending` does."""
    last = until or today()
    first = since or last.replace(day=1)
    if not timedelta(0) <= last - first < LONGEST:
        detail = f"Ask for at most {LONGEST.days} days, and for the first one before the last one."
        raise InvalidList(ErrorCode.FILTER_INVALID, detail, "from")
    return Spending(first, last, _lines(account_id, first, last))


def this_month(account: Account) -> Month:
    """Return what an account has spent this month, by the database's clock."""
    ((resets_at,),) = rows(MONTH_ENDS)
    last = resets_at.date() - timedelta(days=1)
    spent = total(line.cost for line in _lines(account.id, last.replace(day=1), last))
    return Month(spent, _left(account, spent), resets_at)


def _left(account: Account, spent: Sequence[Money]) -> Money | None:
    if account.budget is None:
        return None
    used = sum((one.amount for one in spent if one.currency == account.budget_currency), Decimal(0))
    return Money(max(Decimal(0), account.budget - used), account.budget_currency)


def today() -> date:
    """Return the day that it is, by UTC and the database's clock."""
    ((found,),) = rows(TODAY)
    day: date = found
    return day


def _lines(account_id: UUID, first: date, last: date) -> list[Line]:
    found = rows(LINES, account_id, first, last)
    return [
        Line(day, route, sent, parts, Money(amount, currency)) for day, route, sent, parts, amount, currency in found
    ]
