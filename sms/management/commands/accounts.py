"""`manage.py accounts`: who may send, as whom and how much, and their API keys."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from sms import accounts as reads
from sms import scopes, spending
from sms.database import query
from sms.errors import Unavailable
from sms.management.terminal import OperatorCommand, moment, printable
from sms.models import Account, ApiKey
from sms.money import Money, plain
from sms.services import accounts, keys
from sms.services.accounts import LARGEST, NotChanged
from sms.services.keys import NewKey

NONE: Final = "none"
LONGEST_LIFE: Final = 36_500  # days
SETTINGS: Final = ("blocked_keywords", "rate_limit", "daily_quota", "discard_body_after", "budget", "budget_currency")


class Command(OperatorCommand):
    """Each action says what it did; a new secret, and nothing else, goes to the standard output."""

    help = "Creates, shows and changes accounts, and gives, takes back and replaces their API keys."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take an action, and what each needs."""
        actions = parser.add_subparsers(dest="action", title="actions", required=True)
        created = _action(actions, "create", "a new account")
        created.add_argument("--sender-id", action="append", dest="sender_ids", default=[], metavar="X")
        _add_settings(created)
        actions.add_parser("list", help="one line for each account")
        _action(actions, "show", "everything about an account")
        _add_settings(_action(actions, "set", f"change what is given; '{NONE}' clears a limit"))
        _action(actions, "add-sender-id", "let it send as X").add_argument("value", metavar="X")
        _action(actions, "remove-sender-id", "let it no longer send as X").add_argument("value", metavar="X")
        _add_key(_action(actions, "create-key", "print a new API key: it is shown this once"))
        _action(actions, "keys", "one line for each API key")
        revoked = actions.add_parser("revoke-key", help="make an API key useless, everywhere within 5 seconds")
        revoked.add_argument("key", metavar="PREFIX|ID")
        rotated = actions.add_parser("rotate-key", help="print a new API key like an old one, which expires soon")
        rotated.add_argument("key", metavar="PREFIX|ID")
        rotated.add_argument(
            "--hours", type=_hours, default=24, help="until the old one expires (24); 0 for one that has leaked"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked for."""
        try:
            getattr(self, f"_{options['action'].replace('-', '_')}")(options)
        except (Unavailable, NotChanged) as error:
            raise CommandError(str(error)) from error

    def _create(self, options: dict[str, Any]) -> None:
        accounts.create(options["account"], sender_ids=options["sender_ids"], **_settings(options))
        self.stdout.write(f"Created the account '{options['account']}'.")

    def _list(self, _: dict[str, Any]) -> None:
        for account in reads.listing():
            limits = f"rate limit {_limit(account.rate_limit)}  daily quota {_limit(account.daily_quota)}"
            self.stdout.write(f"{printable(account.name):30}  {limits}  {_joined(reads.sender_ids_of(account))}")

    def _show(self, options: dict[str, Any]) -> None:
        account = _account(options)
        for name, value in query(_facts, account).items():
            self.stdout.write(f"{name:19} {printable(value)}")
        self._keys(options)

    def _set(self, options: dict[str, Any]) -> None:
        accounts.change(options["account"], **_settings(options))
        self.stdout.write(f"Changed the account '{options['account']}'.")

    def _add_sender_id(self, options: dict[str, Any]) -> None:
        accounts.add_sender_id(options["account"], options["value"])
        self.stdout.write(f"'{options['account']}' may send as '{options['value']}'.")

    def _remove_sender_id(self, options: dict[str, Any]) -> None:
        accounts.remove_sender_id(options["account"], options["value"])
        self.stdout.write(f"'{options['account']}' may no longer send as '{options['value']}'.")

    def _create_key(self, options: dict[str, Any]) -> None:
        made = keys.create(
            options["account"],
            label=options["label"],
            is_test=options["test"],
            granted=options["scopes"] or scopes.USUAL,
            expires_at=options["expires"],
            allowed_networks=options["networks"],
        )
        self._print(made)

    def _keys(self, options: dict[str, Any]) -> None:
        for key in reads.keys_of(_account(options)):
            self.stdout.write(_key_line(key))

    def _revoke_key(self, options: dict[str, Any]) -> None:
        key = keys.revoke(options["key"])
        self.stdout.write(f"The API key {key} of '{key.account.name}' is revoked since {moment(key.revoked_at)}.")

    def _rotate_key(self, options: dict[str, Any]) -> None:
        old, made = keys.rotate(options["key"], overlap=timedelta(hours=options["hours"]))
        self._print(made)
        self.stderr.write(f"The old one, {old}, expires at {moment(old.expires_at)}.")

    def _print(self, made: NewKey) -> None:
        self.stdout.write(made.secret)
        self.stderr.write("Keep it now: it is stored as a digest only, and never shown again.")


def _action(actions: Any, name: str, meaning: str) -> ArgumentParser:
    parser: ArgumentParser = actions.add_parser(name, help=meaning)
    parser.add_argument("account", metavar="NAME", help="the account's name")
    return parser


def _add_settings(parser: ArgumentParser) -> None:
    words = parser.add_mutually_exclusive_group()
    words.add_argument("--blocked-keyword", action="append", dest="blocked_keywords", metavar="WORD")
    words.add_argument("--no-blocked-keywords", action="store_const", const=[], dest="blocked_keywords")
    parser.add_argument("--rate-limit", type=_number, metavar="N", help="messages a second")
    parser.add_argument("--daily-quota", type=_number, metavar="N", help="messages a day, by UTC")
    parser.add_argument("--budget", type=_amount, metavar="AMOUNT", help="to be spent in a calendar month, by UTC")
    parser.add_argument("--currency", dest="budget_currency", metavar="XXX", help="of the budget, as in EUR")
    parser.add_argument(
        "--discard-body-after", type=_number, metavar="HOURS", help="forget a text so long after its message is final"
    )


def _add_key(parser: ArgumentParser) -> None:
    parser.add_argument("--test", action="store_true", help="what it sends reaches the simulator only")
    parser.add_argument("--scope", action="append", dest="scopes", help=f"{', '.join(scopes.ALL)}; the first two")
    parser.add_argument("--name", dest="label", default=keys.LABEL, metavar="LABEL", help="what it is for")
    parser.add_argument("--expires", type=_expiry, metavar="DAYS|DATE", help="after some days, or when a day begins")
    parser.add_argument(
        "--network", action="append", dest="networks", default=[], metavar="CIDR", help="where it may be used; anywhere"
    )


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    """Return what was given: none of it is as it was, and `none` is no limit."""
    given = {name: options[name] for name in SETTINGS if options[name] is not None}
    return {name: None if value == NONE else value for name, value in given.items()}


def _account(options: dict[str, Any]) -> Account:
    account = reads.get(options["account"])
    if account is None:
        raise CommandError(f"There is no account '{options['account']}'.")
    return account


def _facts(account: Account) -> dict[str, object]:
    used = reads.used_today(account)
    hours = account.discard_body_after
    return {
        "id": account.id,
        "name": account.name,
        "created": moment(account.created_at),
        "sender IDs": _joined(reads.sender_ids_of(account)),
        "blocked keywords": _joined(account.blocked_keywords),
        "rate limit": _limit(account.rate_limit),
        "daily quota": _limit(account.daily_quota),
        "accepted today": used.accepted,
        "budget": NONE if account.budget is None else _money(Money(account.budget, account.budget_currency)),
        "spent this month": ", ".join(map(_money, spending.this_month(account).spent)) or "-",
        "texts are kept": "for ever" if hours is None else f"for {hours} hours after a message is final",
    }


def _key_line(key: ApiKey) -> str:
    kind = "test" if key.is_test else "live"
    words = [str(key), kind, _state(key), f"used {moment(key.last_used_at) or 'never'}", ",".join(key.scopes)]
    where = f"from {','.join(key.allowed_networks)}" if key.allowed_networks else "from anywhere"
    return printable("  ".join([*words, where, key.name, str(key.id)]))


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {moment(key.revoked_at)}"
    if key.expires_at is None:
        return "valid"
    return f"{'expired' if key.expires_at <= datetime.now(UTC) else 'valid until'} {moment(key.expires_at)}"


def _joined(words: list[str]) -> str:
    return ", ".join(words) or "-"


def _limit(number: int | None) -> str:
    return NONE if number is None else str(number)


def _number(word: str) -> int | str:
    if word == NONE:
        return NONE
    if not (word.isascii() and word.isdigit() and len(word) <= 10 and int(word) <= LARGEST):
        raise ArgumentTypeError(f"{word!r} is neither a number from 0 to {LARGEST} nor '{NONE}'")
    return int(word)


def _money(money: Money) -> str:
    return f"{plain(money.amount)} {money.currency}"


def _amount(word: str) -> Decimal | str:
    if word == NONE:
        return NONE
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,2})?", word, re.ASCII):
        raise ArgumentTypeError(f"{word!r} is neither an amount such as 100.00 nor '{NONE}'")
    return Decimal(word)


def _hours(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 4):
        raise ArgumentTypeError(f"{word!r} is not a number of hours")
    return int(word)


def _expiry(word: str) -> datetime:
    if word.isascii() and word.isdigit() and 0 < int(word[:6]) <= LONGEST_LIFE:
        return datetime.now(UTC) + timedelta(days=int(word[:6]))
    try:
        at = datetime.fromisoformat(word)
    except ValueError:
        raise ArgumentTypeError(f"{word!r} is neither a number of days nor a date such as 2027-01-31") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
