"""`manage.py forget`: erase a person's messages."""

import re
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sms.errors import InvalidMessage, Unavailable
from sms.models import Account
from sms.phone_numbers import mask, normalise
from sms.services.forget import Forgotten, count, forget

is_e164 = re.compile(r"\+[1-9][0-9]{5,14}").fullmatch


class Command(BaseCommand):
    """Without --yes it only counts. Exits 1 when some messages cannot be erased yet."""

    help = (
        "Erases all messages to a phone number, and all texts from it: the number, texts, metadata, client references, "
        "and what receipts came as. Statuses, times and ids stay, so accounts still add up, and so do opt-outs. Shows "
        "what it would do, unless --yes is given."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the number, and whose messages are meant."""
        parser.add_argument("number", help="with + and the country code, such as +233200000901")
        parser.add_argument("--account", metavar="NAME", help="only the messages of this account")
        parser.add_argument("--yes", action="store_true", help="do it; it cannot be undone")

    def handle(self, *args: Any, **options: Any) -> None:
        """Count, or erase and count."""
        number, account = _number(options["number"]), _account(options["account"])
        try:
            done = (forget if options["yes"] else count)(number, account=account)
        except Unavailable as error:
            raise CommandError(f"{error} What was erased before is; run it again.") from error
        self._show(number, done, is_done=options["yes"])
        if not options["yes"]:
            self.stdout.write("Nothing was changed. With --yes it is done, and cannot be undone.")
        elif done.left:
            raise CommandError(f"{done.left.total()} could not be erased yet: run this again once they are final.")

    def _show(self, number: str, done: Forgotten, *, is_done: bool) -> None:
        verb = "were" if is_done else "would be"
        self.stdout.write(f"{mask(number)}: {done.erased} messages {verb} erased, {done.canceled} canceled first.")
        if is_done:
            self.stdout.write(f"{done.receipts} receipts were emptied.")
        if done.texts:
            self.stdout.write(f"{done.texts} texts from it {verb} erased.")
        if done.opt_outs:
            self.stdout.write(f"Its opt-outs stay ({done.opt_outs}), or it would get texts again.")
        if done.left:
            statuses = ", ".join(f"{status} {number}" for status, number in sorted(done.left.items()))
            self.stdout.write(f"{done.left.total()} may still be given to a provider, so they stay: {statuses}.")


def _number(written: str) -> str:
    if is_e164(written):  # also one that is no longer a valid number: it was one when it was accepted
        return written
    try:
        return normalise(written, default_region=settings.SMS_DEFAULT_REGION)
    except InvalidMessage as error:
        raise CommandError(error.detail) from None


def _account(name: str | None) -> Account | None:
    if name is None:
        return None
    account = Account.objects.filter(name=name).first()
    if account is None:
        raise CommandError(f"There is no account {name!r}.")
    return account
