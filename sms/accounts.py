"""Reads of accounts, their keys, and what they have used today, and spent this month."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sms import spending
from sms.database import in_thread, query, rows
from sms.errors import Unauthenticated
from sms.models import Account, ApiKey
from sms.spending import Month


@dataclass(frozen=True, slots=True)
class Used:
    """What an account has used of a day, by UTC."""

    accepted: int
    remaining: int | None  # None without a quota
    resets_at: datetime


@dataclass(frozen=True, slots=True)
class Me:
    """An account as its own caller may see it. The anonymous caller has no key."""

    account: Account
    sender_ids: list[str]
    key: ApiKey | None
    used: Used
    month: Month


TODAY = """
SELECT (SELECT coalesce(sum(accepted), 0)::bigint FROM sms_usage
        WHERE account_id = %s AND day = (now() AT TIME ZONE 'UTC')::date),
       date_trunc('day', now(), 'UTC') + interval '1 day'
"""


async def me(*, account_id: UUID, key_id: UUID | None) -> Me:
    """Return what a caller may know of itself. Raises Unauthenticated if it is gone by now, and Unavailable."""
    return await in_thread(query, _me, account_id, key_id)


def _me(account_id: UUID, key_id: UUID | None) -> Me:
    account = Account.objects.filter(id=account_id).first()
    key = None if key_id is None else ApiKey.objects.filter(id=key_id).first()
    if account is None or (key is None and key_id is not None):
        raise Unauthenticated
    return Me(account, sender_ids_of(account), key, used_today(account), spending.this_month(account))


def used_today(account: Account) -> Used:
    """Return what an account has used today, by the database's clock."""
    ((accepted, resets_at),) = rows(TODAY, account.id)
    quota = account.daily_quota
    return Used(accepted, None if quota is None else max(0, quota - accepted), resets_at)


def sender_ids_of(account: Account) -> list[str]:
    """Return an account's sender IDs in the order of the alphabet."""
    return list(account.sender_ids.order_by("value").values_list("value", flat=True))


def listing() -> list[Account]:
    """Return all accounts by their names."""
    return query(list, Account.objects.order_by("name"))


def get(name: str) -> Account | None:
    """Return the account of that name."""
    return query(Account.objects.filter(name=name).first)


def keys_of(account: Account) -> list[ApiKey]:
    """Return an account's keys, the newest first."""
    return query(list, account.api_keys.order_by("-id"))
