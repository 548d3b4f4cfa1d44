"""Accounts for tests."""

import hashlib
from decimal import Decimal

from sms import scopes
from sms.content import BlockedKeywords
from sms.limits import Limits
from sms.models import Account, ApiKey, SenderId
from sms.money import Money
from sms.services.authenticate import Caller


def make_caller(
    name,
    *,
    sender_ids=("MyCorp",),
    blocked_keywords=("STOP",),
    key=None,
    granted=scopes.USUAL,
    rate=None,
    quota=None,
    budget=None,
    currency="EUR",
):
    """Store an account (with an API key where one is given) and return it as its caller."""
    account = Account.objects.create(
        name=name,
        blocked_keywords=list(blocked_keywords),
        rate_limit=rate,
        daily_quota=quota,
        budget=budget and Decimal(budget),
        budget_currency=currency if budget else "",
    )
    SenderId.objects.bulk_create([SenderId(account=account, value=value) for value in sender_ids])
    if key is not None:
        digest = hashlib.sha256(key.encode()).digest()
        ApiKey.objects.create(account=account, prefix=key[:12], secret_sha256=digest, scopes=list(granted))
    return Caller(
        account_id=account.id,
        account_name=name,
        scopes=frozenset(granted),
        sender_ids=frozenset(sender_ids),
        blocked_keywords=BlockedKeywords(blocked_keywords),
        limits=Limits(rate, quota, budget and Money(Decimal(budget), currency)) if rate or quota or budget else None,
    )
