"""What a caller gets to see of itself."""

from datetime import datetime
from typing import Self

import strawberry

from graphql_api.money import Money
from graphql_api.types import described
from sms import accounts, money
from sms.models import ApiKey


@strawberry.type(description="How much an account may send. Null is no limit.")
class AccountLimits:
    """How much an account may send."""

    rate_limit: int | None = described("Messages a second, on average; what two seconds bring may come at once.")
    daily_quota: int | None = described("Messages a day, by UTC.")
    budget: Money | None = described("Money to be spent in a calendar month, by UTC.")


@strawberry.type(description="Who sends.")
class Account:
    """Who sends."""

    id: strawberry.ID = described("Made by the service.")
    name: str = described("What the operator calls it.")
    sender_ids: list[str] = described("What it may send as.")
    blocked_keywords: list[str] = described("Words that its texts may not contain.")
    limits: AccountLimits = described("How much it may send.")
    discard_body_after: int | None = described(
        "Hours after a message is final in which its text is forgotten. Null: never."
    )


@strawberry.type(description="The API key of a request. The secret itself is known to nobody but its owner.")
class Key:
    """The API key of a request."""

    prefix: str = described("What it begins with.")
    name: str = described("The owner's label.")
    test: bool = described("Whether what it sends reaches the simulator only.")
    scopes: list[str] = described("What it may do; `admin` may do everything.")
    expires_at: datetime | None = described("When it ends to be good, if ever.")
    allowed_networks: list[str] = described("Where it may be used: addresses and networks. Empty: anywhere.")

    @classmethod
    def of(cls, row: ApiKey) -> Self:
        """Show a key."""
        return cls(
            prefix=row.prefix,
            name=row.name,
            test=row.is_test,
            scopes=row.scopes,
            expires_at=row.expires_at,
            allowed_networks=row.allowed_networks,
        )


@strawberry.type(description="What an account has used of a day, by UTC. Test messages do not count.")
class DayUsage:
    """What an account has used of a day."""

    accepted: int = described("How many messages were accepted.")
    remaining: int | None = described("How many more may be. Null: there is no quota.")
    resets_at: datetime = described("When the next day begins.")


@strawberry.type(
    description="What an account has spent in a calendar month, by UTC: for the messages that were accepted in it, as "
    "far as their prices are known."
)
class MonthUsage:
    """What an account has spent in a month."""

    spent: list[Money] = described("In each currency.")
    remaining: Money | None = described(
        "What is left of the budget, which is for costs in its own currency. Null: there is none."
    )
    resets_at: datetime = described("When the next month begins.")


@strawberry.type(description="What an account has used.")
class Usage:
    """What an account has used."""

    today: DayUsage = described("Of this day.")
    month: MonthUsage = described("Of this month.")


@strawberry.type(description="Who asks.")
class Me:
    """Who asks."""

    account: Account = described("The account.")
    key: Key | None = described("The API key. Null where none is needed.")
    usage: Usage = described("What the account has used.")

    @classmethod
    def of(cls, found: accounts.Me) -> Self:
        """Show a caller."""
        row, used, month = found.account, found.used, found.month
        return cls(
            account=Account(
                id=strawberry.ID(str(row.id)),
                name=row.name,
                sender_ids=found.sender_ids,
                blocked_keywords=row.blocked_keywords,
                limits=AccountLimits(
                    rate_limit=row.rate_limit,
                    daily_quota=row.daily_quota,
                    budget=None if row.budget is None else Money.of(money.Money(row.budget, row.budget_currency)),
                ),
                discard_body_after=row.discard_body_after,
            ),
            key=None if found.key is None else Key.of(found.key),
            usage=Usage(
                today=DayUsage(accepted=used.accepted, remaining=used.remaining, resets_at=used.resets_at),
                month=MonthUsage(
                    spent=Money.of_all(month.spent),
                    remaining=None if month.remaining is None else Money.of(month.remaining),
                    resets_at=month.resets_at,
                ),
            ),
        )
