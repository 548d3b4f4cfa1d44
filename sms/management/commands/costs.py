"""`manage.py costs`: what the messages of a month cost, by account, route and day."""

from argparse import ArgumentTypeError
from datetime import date, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser

from sms import accounts, spending
from sms.database import query
from sms.errors import Unavailable
from sms.management.terminal import OperatorCommand, printable
from sms.models import Account
from sms.money import Money, plain
from sms.spending import Spending


class Command(OperatorCommand):
    """A line for each day and route, and the sums of each account."""

    help = "Prints what the messages that were accepted in a month, by UTC, cost: planned, or as providers said."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whose, and of when."""
        parser.add_argument("--account", metavar="NAME", help="of this account only")
        parser.add_argument("--month", type=_month, metavar="YYYY-MM", help="this one, unless it is said")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the month."""
        try:
            found = accounts.listing()
            if (name := options["account"]) is not None:
                found = [one for one in found if one.name == name]
                if not found:
                    raise CommandError(f"There is no account '{name}'.")
            month = options["month"] or query(spending.today).replace(day=1)
            for account in found:
                self._print(account, query(spending.read, account.id, month, _last_day(month)))
        except Unavailable as error:
            raise CommandError(str(error)) from error

    def _print(self, account: Account, spent: Spending) -> None:
        for line in spent.lines:
            self._line(account, f"{line.day}", line.route, f"{line.messages} messages", line.cost)
        for cost in spent.total:
            self._line(account, f"{spent.since:%Y-%m}", "all routes", _of_budget(account, cost.currency), cost)

    def _line(self, account: Account, when: str, route: str, more: str, cost: Money) -> None:
        words = f"{when:10}  {printable(account.name):20}  {printable(route):20}  {more:20}"
        self.stdout.write(f"{words}  {plain(cost.amount):>14} {printable(cost.currency)}")


def _of_budget(account: Account, currency: str) -> str:
    if account.budget is None or account.budget_currency != currency:
        return ""
    return f"of {plain(account.budget)} {currency}"


def _last_day(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _month(word: str) -> date:
    try:
        return date.fromisoformat(f"{word}-01")
    except ValueError:
        raise ArgumentTypeError(f"{word!r} is not a month such as 2027-01") from None
