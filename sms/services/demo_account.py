"""The demo account: what a newcomer sends with, kept as the settings say."""

import hashlib

from django.conf import settings
from django.db import transaction

from sms import scopes
from sms.models import Account, ApiKey, SenderId

NAME = "demo"
SHOWN = 12  # characters of a key that people may see


@transaction.atomic
def keep_demo_account() -> bool:
    """Create or update the account, its sender IDs, blocked keywords and key; return whether the settings ask for it.

    A key that the settings no longer name is deleted.
    """
    name = settings.SMS_ANONYMOUS_ACCOUNT or NAME
    if not (settings.SMS_DEMO_API_KEY or settings.SMS_ANONYMOUS_ACCOUNT):
        return False
    account, _ = Account.objects.update_or_create(
        name=name, defaults={"blocked_keywords": settings.SMS_DEMO_BLOCKED_KEYWORDS}
    )
    wanted = settings.SMS_DEMO_SENDER_IDS
    account.sender_ids.exclude(value__in=wanted).delete()
    SenderId.objects.bulk_create([SenderId(account=account, value=value) for value in wanted], ignore_conflicts=True)
    _keep_key(account, settings.SMS_DEMO_API_KEY)
    return True


def _keep_key(account: Account, secret: str) -> None:
    digest = hashlib.sha256(secret.encode()).digest()
    account.api_keys.exclude(secret_sha256=digest).delete()
    if secret:
        ApiKey.objects.update_or_create(
            secret_sha256=digest,
            defaults={"account": account, "prefix": secret[:SHOWN], "scopes": list(scopes.ALL)},
        )
