"""`manage.py prepare`: migrate, and keep the demo account as the settings say."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from sms.services.demo_account import keep_demo_account


class Command(BaseCommand):
    """Bring the database up to date; safe to repeat."""

    help = "Migrates, then creates or updates the demo account from DEMO_API_KEY, SENDER_IDS and BLOCKED_KEYWORDS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run both steps."""
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
        if keep_demo_account():
            self.stdout.write("The demo account is as the settings say.")
        else:
            self.stdout.write("No demo account: neither DEMO_API_KEY nor ANONYMOUS_ACCOUNT is set.")
