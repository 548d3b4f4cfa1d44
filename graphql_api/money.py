"""What clients get to see of costs."""

from datetime import date
from decimal import Decimal
from typing import Any, Self

import strawberry

from sms import money, spending
from sms.records import MessageRecord


def _described(text: str, *, name: str | None = None) -> Any:
    return strawberry.field(description=text, name=name)


@strawberry.type(description="An amount in one currency.")
class Money:
    """An amount in one currency."""

    amount: Decimal = _described("A decimal number, such as 0.0125.")
    currency: str = _described("ISO 4217, such as EUR.")

    @classmethod
    def of(cls, shown: money.Money) -> Self:
        """Show an amount."""
        return cls(amount=money.plain(shown.amount), currency=shown.currency)

    @classmethod
    def of_all(cls, shown: list[money.Money]) -> list[Self]:
        """Show amounts."""
        return [cls.of(one) for one in shown]


@strawberry.type(description="What a message costs, all of its segments.")
class Price:
    """What a message costs."""

    amount: Decimal = _described("A decimal number, such as 0.0125. Zero where no provider has taken the message.")
    currency: str = _described("ISO 4217, such as EUR.")
    is_estimate: bool = _described("Whether it is what the route plans; the provider may say otherwise later.")

    @classmethod
    def of(cls, row: MessageRecord) -> Self | None:
        """Show a message's price, if it has one."""
        if row.price is None:
            return None
        return cls(amount=money.plain(row.price), currency=row.currency or "", is_estimate=bool(row.price_is_estimate))

    @classmethod
    def planned(cls, planned: money.Money | None) -> Self | None:
        """Show what a message would cost, if that is known."""
        if planned is None:
            return None
        return cls(amount=money.plain(planned.amount), currency=planned.currency, is_estimate=True)


@strawberry.type(description="What the messages that were accepted on a day, by UTC, cost on one route.")
class SpendingLine:
    """What the messages of a day cost on one route."""

    day: date = _described("The day.")
    route: str = _described("The name of the route: the `provider` of its messages.")
    messages: int = _described("How many messages have a price there.")
    segments: int = _described("How many SMS they need.")
    amount: Decimal = _described("What they cost.")
    currency: str = _described("ISO 4217. A route that has had several has a line for each.")

    @classmethod
    def of(cls, line: spending.Line) -> Self:
        """Show a line."""
        return cls(
            day=line.day,
            route=line.route,
            messages=line.messages,
            segments=line.segments,
            amount=money.plain(line.cost.amount),
            currency=line.cost.currency,
        )


@strawberry.type(description="What the account's messages of some days cost. Test messages cost nothing.")
class Spending:
    """What the account's messages of some days cost."""

    from_: date = _described("The first day, by UTC.", name="from")
    to: date = _described("The last day, by UTC.")
    total: list[Money] = _described("All of it, in each currency.")
    lines: list[SpendingLine] = _described("By day and route.")

    @classmethod
    def of(cls, found: spending.Spending) -> Self:
        """Show what was spent."""
        return cls(
            from_=found.since,
            to=found.until,
            total=Money.of_all(found.total),
            lines=[SpendingLine.of(line) for line in found.lines],
        )
