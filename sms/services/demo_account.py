"""The demo account: what a newcomer sends with, kept as the settings say."""

from django.conf import settings
from django.db import transaction

from sms import api_keys, scopes
from sms.models import Account, ApiKey, SenderId

NAME = "demo"
LABEL = "DEMO_API_KEY"  # of the key that the settings give; others of the account are left alone
UNLABELLED = ""  # the same, from before keys had labels


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
    digest = api_keys.digest(secret)
    account.api_keys.filter(name__in=(LABEL, UNLABELLED)).exclude(secret_sha256=digest).delete()
    if secret:
        ApiKey.objects.update_or_create(
            secret_sha256=digest,
            defaults={
                "account": account,
                "name": LABEL,
                "prefix": api_keys.prefix_of(secret),
                "scopes": list(scopes.USUAL),
            },
        )
