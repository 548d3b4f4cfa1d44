"""`manage.py reconcile`: account for every accepted message."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sms.services.reconcile import EVERYTHING, reconcile


class Command(BaseCommand):
    """Exits 1 when something does not add up."""

    help = "Checks that every accepted message is accounted for; exits 1 and names the rules broken when not."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how far back to look."""
        parser.add_argument("--hours", type=float, help="look only at messages accepted within so many hours")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the account, then what breaks a rule."""
        hours = options["hours"]
        account, drift = reconcile(accepted_within=EVERYTHING if hours is None else timedelta(hours=hours))
        self.stdout.write(f"accepted {account.accepted} = open {account.open} + final {account.final}")
        for one in drift:
            self.stdout.write(f"BROKEN: {one.rule}: {one.count} ({', '.join(one.examples)})")
        if drift:
            raise CommandError(f"{len(drift)} of the rules are broken.")
        self.stdout.write("Everything adds up.")
