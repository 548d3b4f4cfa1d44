"""`manage.py prepare`: migrate, keep the feeds in order, and the demo account as the settings say."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from sms.services.demo_account import keep_demo_account
from sms.services.positions import raise_positions


class Command(BaseCommand):
    """Bring the database up to date; safe to repeat."""

    help = (
        "Migrates, raises the positions of feeds where a dump was restored into a new cluster, then creates or updates "
        "the demo account from DEMO_API_KEY, SENDER_IDS and BLOCKED_KEYWORDS."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take one option."""
        parser.add_argument(
            "--put-back",
            action="store_true",
            help="raise the positions in any case: the cluster was put back to an earlier time, or a replica took over "
            "that had not heard of everything",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run all steps."""
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
        if raise_positions(even_if_in_order=options["put_back"]):
            self.stdout.write("The positions of feeds were raised above all that are stored.")
        if keep_demo_account():
            self.stdout.write("The demo account is as the settings say.")
        else:
            self.stdout.write("No demo account: neither DEMO_API_KEY nor ANONYMOUS_ACCOUNT is set.")
