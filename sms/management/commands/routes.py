"""`manage.py routes`: by which providers messages go, and how those are doing."""

import csv
import datetime as dt
import getpass
import time
from argparse import ArgumentParser, ArgumentTypeError
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from sms import routes
from sms.errors import Unavailable
from sms.management import matrix, secrets
from sms.management.terminal import OperatorCommand, moment, printable
from sms.models import Priority, Route
from sms.services import route_admin, try_route
from sms.services.accounts import NotChanged
from sms.services.route_admin import Author, Changed
from sms.statuses import FINAL

NONE: Final = "none"
ANY: Final = "any"
RULES: Final = (
    *("sender_ids", "countries", "prefixes", "priorities", "weight", "price", "currency", "throughput"),
    *("opens_at", "closes_at", "time_zone"),
)
LOOKS_EVERY: Final = 0.2  # seconds


class Command(OperatorCommand):
    """Each action says what it did, and writes down who did it and why. A secret is never shown."""

    help = "Adds, shows and changes routes: connections to providers, and which messages go by them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take an action, and what each needs."""
        actions = parser.add_subparsers(dest="action", title="actions", required=True)
        kinds = actions.add_parser("kinds", help="the kinds of provider, and what each has to be told")
        kinds.add_argument("--csv", action="store_true", help="as docs/provider-matrix.csv has it")
        added = _change(actions, "add", "a new route")
        added.add_argument("--kind", required=True, help="of provider: see 'kinds'")
        _add_settings(added)
        actions.add_parser("list", help="one line for each route")
        _action(actions, "show", "everything about a route but its secrets")
        changed = _change(actions, "set", f"change what is given; '{NONE}' clears a limit, '{ANY}' a list")
        _add_settings(changed)
        changed.add_argument("--no-option", action="append", dest="removed", default=[], metavar="NAME")
        _change(actions, "pause", "hand nothing over; receipts are taken all the same")
        _change(actions, "resume", "use it as if nothing had happened: not paused, healthy, no breaker open")
        _change(actions, "new-token", "a new token for the addresses that its provider calls; the last one stays good")
        _change(actions, "rotate", "encrypt all credentials with the first of CREDENTIALS_KEYS", with_name=False)
        _add_test(_action(actions, "test", "send one live message by it, whatever its rules, and see what comes of it"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked for."""
        try:
            getattr(self, f"_{options['action'].replace('-', '_')}")(options)
        except (Unavailable, NotChanged) as error:
            raise CommandError(str(error)) from error

    def _kinds(self, options: dict[str, Any]) -> None:
        if options["csv"]:
            rows = csv.writer(self.stdout, lineterminator="\n")
            rows.writerow(matrix.HEAD)
            rows.writerows(matrix.lines())
            return
        for name, kind in routes.kinds().items():
            self.stdout.write(f"{name}: {kind.FACTS.title}")
            for one in kind.OPTIONS:
                asked = "required" if one.is_required and one.default is None else f"default {one.default or 'none'}"
                self.stdout.write(f"  {'--secret' if one.is_secret else '--option'} {one.name} ({asked}): {one.what}")

    def _add(self, options: dict[str, Any]) -> None:
        _refuse_shown(options["kind"], options)
        given = {**_options(options), **_secrets_for(options)}
        added = route_admin.add(
            options["route"], options["kind"], author=_author(options), options=given, **_rules(options)
        )
        self.stdout.write(f"Added the route '{added.route.name}'.")
        self._tell_addresses(added)

    def _list(self, _: dict[str, Any]) -> None:
        for route in routes.listing():
            standing = routes.standing(route)
            broken = f"  broken for {', '.join(one.country for one in standing.breakers)}" if standing.breakers else ""
            state = "paused" if route.is_paused else "in use"
            self.stdout.write(
                printable(
                    f"{route.name:32}  {route.kind:16}  {state}  weight {route.weight}  health {route.health}%"
                    f"  {standing.due} due{broken}"
                )
            )

    def _show(self, options: dict[str, Any]) -> None:
        route = _route(options)
        standing = routes.standing(route)
        for name, value in {**_facts(route), "queue": f"{standing.due} due, {standing.later} later"}.items():
            self.stdout.write(f"{name:19} {printable(value)}")
        for breaker in standing.breakers:
            where = "the world" if breaker.country == "001" else breaker.country
            self.stdout.write(
                printable(
                    f"broken for {where} since {moment(breaker.opened_at)}: {breaker.reason}; "
                    f"{breaker.tries} probes failed, the next after {moment(breaker.probe_at)}"
                )
            )
        for change in standing.changes:
            why = f": {change.reason}" if change.reason else ""
            self.stdout.write(printable(f"{moment(change.at)}  {change.by}  {change.what}{why}"))

    def _set(self, options: dict[str, Any]) -> None:
        _refuse_shown(_route(options).kind, options)
        given: dict[str, str | None] = {**_options(options), **_secrets(options)}
        given |= dict.fromkeys(options["removed"])
        route_admin.change(options["route"], author=_author(options), options=given, **_rules(options))
        self.stdout.write(f"Changed the route '{options['route']}'.")

    def _pause(self, options: dict[str, Any]) -> None:
        route_admin.pause(options["route"], author=_author(options))
        self.stdout.write(f"The route '{options['route']}' is paused; within a second nothing goes there any more.")

    def _resume(self, options: dict[str, Any]) -> None:
        route_admin.resume(options["route"], author=_author(options))
        self.stdout.write(f"The route '{options['route']}' is in use.")

    def _new_token(self, options: dict[str, Any]) -> None:
        self._tell_addresses(route_admin.renew_token(options["route"], author=_author(options)))

    def _rotate(self, options: dict[str, Any]) -> None:
        count = route_admin.rotate(author=_author(options))
        self.stdout.write(f"The credentials of {count} routes are encrypted with the newest key.")

    def _test(self, options: dict[str, Any]) -> None:
        sent = try_route.send(
            options["route"],
            account=options["account"],
            recipient=options["number"],
            sender_id=options["sender_id"],
            text=options["text"],
        )
        self.stdout.write(f"Message {sent.message.id}")
        end, told = time.monotonic() + options["wait"], 0
        while True:
            now = try_route.look(sent)
            for event in (now.history or ())[told:]:
                why = " ".join(filter(None, (event.error_code, event.provider_error, event.detail)))
                self.stdout.write(printable(f"{moment(event.occurred_at)}  {event.status}  {why}".rstrip()))
            told = len(now.history or ())
            if now.status in FINAL or time.monotonic() > end:
                return
            time.sleep(LOOKS_EVERY)

    def _tell_addresses(self, changed: Changed) -> None:
        needs = route_admin.needs_token(changed.route.kind)
        for what, address in routes.addresses(changed.route.name, token=changed.token, needs_token=needs).items():
            self.stdout.write(f"{what:8} {address}")
        if changed.token is not None:
            self.stderr.write("Keep the token in these addresses: it is stored encrypted, and never shown again.")


def _action(actions: Any, name: str, meaning: str) -> ArgumentParser:
    parser: ArgumentParser = actions.add_parser(name, help=meaning)
    parser.add_argument("route", metavar="NAME", help="the route's name")
    return parser


def _change(actions: Any, name: str, meaning: str, *, with_name: bool = True) -> ArgumentParser:
    parser: ArgumentParser = _action(actions, name, meaning) if with_name else actions.add_parser(name, help=meaning)
    parser.add_argument("--by", default=None, metavar="WHO", help="who changes it; whoever is logged in")
    parser.add_argument("--reason", default="", metavar="WHY", help="why, for those who read it later")
    return parser


def _add_settings(parser: ArgumentParser) -> None:
    parser.add_argument("--option", action="append", dest="options", type=_pair, default=[], metavar="NAME=VALUE")
    parser.add_argument(
        "--secret", action="append", dest="secrets", type=secrets.source, default=[],
        metavar="NAME[=env:VARIABLE|=file:PATH]", help="an option that is secret; you are asked for it, or it is read",
    )  # fmt: skip
    parser.add_argument("--sender-id", action="append", dest="sender_ids", metavar="X", help="only from X")
    parser.add_argument("--country", action="append", dest="countries", metavar="GH", help="only to this country")
    parser.add_argument("--prefix", action="append", dest="prefixes", metavar="+23324", help="only to such numbers")
    parser.add_argument("--priority", action="append", dest="priorities", metavar="|".join(Priority.names))
    parser.add_argument("--weight", type=_number, metavar="N", help="its share beside others (100)")
    parser.add_argument("--price", type=_price, metavar="AMOUNT", help="of one segment")
    parser.add_argument("--currency", metavar="USD")
    parser.add_argument("--throughput", type=_number, metavar="N", help="messages a second, of all workers together")
    parser.add_argument("--opens-at", type=_hour, metavar="HH:MM", help="when it may be used, by its time zone")
    parser.add_argument("--closes-at", type=_hour, metavar="HH:MM")
    parser.add_argument("--time-zone", metavar="Africa/Accra", help="UTC, unless you say so")


def _add_test(parser: ArgumentParser) -> None:
    parser.add_argument("number", help="who gets it")
    parser.add_argument("--account", required=True, metavar="NAME", help="whose message it is")
    parser.add_argument("--sender-id", metavar="X", help="one of the account's; its only one")
    parser.add_argument("--text", help="what it says; that it is a test")
    parser.add_argument("--wait", type=float, default=30.0, metavar="SECONDS", help="for what comes of it (30)")


def _options(options: dict[str, Any]) -> dict[str, str]:
    return dict(options["options"])


def _secrets(options: dict[str, Any]) -> dict[str, str]:
    return {one.option: secrets.read(one) for one in options["secrets"]}


def _secrets_for(options: dict[str, Any]) -> dict[str, str]:
    """Return the secrets of a new route; who sits at a terminal is asked for those that are missing."""
    found = _secrets(options)
    kind = routes.kinds().get(options["kind"])
    for one in () if kind is None or not secrets.can_ask() else kind.OPTIONS:
        missing = one.is_secret and one.is_required and one.default is None and one.name not in found
        if missing and one.name != routes.TOKEN:
            found[one.name] = secrets.ask(one.name)
    return found


def _refuse_shown(kind_name: str, options: dict[str, Any]) -> None:
    kind = routes.kinds().get(kind_name)
    shown = [one.name for one in (kind.OPTIONS if kind else ()) if one.is_secret and one.name in _options(options)]
    if shown:
        raise CommandError(
            f"'{shown[0]}' is a secret: give it by --secret {shown[0]}=env:VARIABLE, or be asked for it."
        )


def _rules(options: dict[str, Any]) -> dict[str, Any]:
    """Return what was given: none of it is as it was, `none` is no limit, and `any` an empty list."""
    given = {name: options[name] for name in RULES if options.get(name) is not None}
    empty = {"currency": ""}
    return {
        name: [] if value == [ANY] else empty.get(name) if value == NONE else value for name, value in given.items()
    }


def _author(options: dict[str, Any]) -> Author:
    return Author(options["by"] or _who(), options["reason"])


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return "operator"


def _route(options: dict[str, Any]) -> Route:
    route = routes.get(options["route"])
    if route is None:
        raise CommandError(f"There is no route '{options['route']}'.")
    return route


def _facts(route: Route) -> dict[str, object]:
    names = routes.secret_names(route)
    hours = f"{route.opens_at:%H:%M} to {route.closes_at:%H:%M}" if route.opens_at and route.closes_at else "all day"
    price = "-" if route.price is None else f"{route.price.normalize():f} {route.currency} a segment"
    addresses = routes.addresses(route.name, needs_token=route_admin.needs_token(route.kind))
    return {
        "name": route.name,
        "kind": route.kind,
        "state": "paused" if route.is_paused else "in use",
        "options": ", ".join(f"{name}={value}" for name, value in sorted(route.options.items())) or "-",
        "secrets": "cannot be read: see CREDENTIALS_KEYS" if names is None else ", ".join(names) or "-",
        "sender IDs": _joined(route.sender_ids),
        "countries": _joined(route.countries),
        "prefixes": _joined(f"+{one}" for one in route.prefixes),
        "priorities": _joined(Priority(one).name for one in route.priorities),
        "weight": route.weight,
        "health": f"{route.health}%",
        "usual delivery": "-" if route.usual_delivery is None else f"{route.usual_delivery:.1f} s",
        "price": price,
        "throughput": "no limit" if route.throughput is None else f"{route.throughput} a second",
        "hours": f"{hours} ({route.time_zone})",
        "receipts to": addresses.get("status", "say PUBLIC_URL, to be told"),
        "inbound texts to": addresses.get("inbound", "say PUBLIC_URL, to be told"),
    }


def _joined(words: Any) -> str:
    return ", ".join(words) or ANY


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise ArgumentTypeError(f"{word!r} is not NAME=VALUE")
    return name, value


def _number(word: str) -> int | str:
    if word == NONE:
        return NONE
    if not (word.isascii() and word.isdigit() and len(word) <= 9):
        raise ArgumentTypeError(f"{word!r} is neither a number nor '{NONE}'")
    return int(word)


def _price(word: str) -> Decimal | str:
    if word == NONE:
        return NONE
    try:
        return Decimal(word)
    except InvalidOperation:
        raise ArgumentTypeError(f"{word!r} is neither an amount nor '{NONE}'") from None


def _hour(word: str) -> dt.time | str:
    if word == NONE:
        return NONE
    try:
        return dt.time.fromisoformat(word)
    except ValueError:
        raise ArgumentTypeError(f"{word!r} is neither a time such as 08:30 nor '{NONE}'") from None
