"""What a route may be: checked before anything of it is stored."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import time
from decimal import Decimal
from typing import Any, Final, TypedDict
from zoneinfo import ZoneInfo

from phonenumbers import SUPPORTED_REGIONS

from sms import routes
from sms.models import Priority
from sms.models.routes import LONGEST_NAME
from sms.money import is_currency
from sms.providers.registry import setup_of
from sms.routing.records import SIMULATOR
from sms.services.accounts import NotChanged, check_sender_id

LONGEST_OPTION: Final = 4000
HEAVIEST: Final = 10_000
FASTEST: Final = 100_000  # messages a second
DEAREST: Final = Decimal(100_000)
# Other paths, and the built-in simulator's name, which stands where a route's does.
TAKEN: Final = frozenset({"dlr", SIMULATOR.name})

_is_slug = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*").fullmatch
_is_prefix = re.compile(r"[1-9][0-9]{0,14}").fullmatch


class Rules(TypedDict, total=False):
    """Which messages may go by a route, and how many; an empty list allows everything, None is no limit."""

    sender_ids: Sequence[str]
    countries: Sequence[str]  # ISO 3166
    prefixes: Sequence[str]  # of E.164, with or without the plus
    priorities: Sequence[str | int]  # names, or their numbers
    weight: int
    price: Decimal | None
    currency: str
    throughput: int | None  # messages a second
    opens_at: time | None
    closes_at: time | None
    time_zone: str


def check_name(name: str) -> str:
    """Return a name that a route may have. Raises NotChanged."""
    if not _is_slug(name) or len(name) > LONGEST_NAME:
        raise NotChanged(
            f"A route's name has 1 to {LONGEST_NAME} lower-case letters and digits, with single hyphens between them."
        )
    if name in TAKEN:
        raise NotChanged(f"The name '{name}' is taken by the service itself.")
    return name


def check_kind(name: str) -> str:
    """Return the name of a kind of provider. Raises NotChanged."""
    if name not in (known := routes.kinds()):
        raise NotChanged(f"There is no kind '{name}'; there are {', '.join(known)}.")
    return name


def check_options(name: str, kind: str, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return all options of a route, those that are no secrets and those that are. Raises NotChanged."""
    made = routes.kinds()[check_kind(kind)]
    for option, value in given.items():
        if len(value) > LONGEST_OPTION or "\0" in value:
            raise NotChanged(f"The option '{option}' has {LONGEST_OPTION} characters at most, and no NUL.")
    try:
        made.from_setup(setup_of(name, kind, given))
    except ValueError as error:
        raise NotChanged(str(error)) from None
    secret = {one.name for one in made.OPTIONS if one.is_secret}
    return (
        {option: value for option, value in given.items() if option not in secret},
        {option: value for option, value in given.items() if option in secret},
    )


def check_rules(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return rules as they are stored. Raises NotChanged for the first that cannot be."""
    fields = dict(given)
    for name, check in CHECKS.items():
        if name in fields:
            fields[name] = check(fields[name])
    return fields


def check_together(fields: Mapping[str, Any]) -> None:
    """Raise NotChanged where two things that a route would have do not go together."""
    if (fields.get("price") is None) != (not fields.get("currency")):
        raise NotChanged("A price and its currency go together.")
    if (fields.get("opens_at") is None) != (fields.get("closes_at") is None):
        raise NotChanged("A route that opens at an hour closes at one, too.")


def _sender_ids(given: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(map(check_sender_id, given)))


def _countries(given: Iterable[str]) -> list[str]:
    found = [one.strip().upper() for one in given]
    for one in found:
        if one not in SUPPORTED_REGIONS:
            raise NotChanged(f"'{one}' is not a country such as GH.")
    return list(dict.fromkeys(found))


def _prefixes(given: Iterable[str]) -> list[str]:
    found = [one.strip().lstrip("+") for one in given]
    for one in found:
        if not _is_prefix(one):
            raise NotChanged(f"'{one}' is not the beginning of a number such as +23324.")
    return list(dict.fromkeys(found))


def _priorities(given: Iterable[str | int]) -> list[int]:
    try:
        found = {Priority(one) if isinstance(one, int) else Priority[one.strip().upper()] for one in given}
    except (KeyError, ValueError):
        raise NotChanged(f"A priority is one of {', '.join(Priority.names)}.") from None
    return sorted(one.value for one in found)


def _weight(given: int) -> int:
    if not 0 <= given <= HEAVIEST:
        raise NotChanged(f"A weight is a number from 0 to {HEAVIEST}.")
    return given


def _price(given: Decimal | None) -> Decimal | None:
    if given is not None and not (given.is_finite() and 0 <= given <= DEAREST and given == round(given, 6)):
        raise NotChanged(f"A price is an amount from 0 to {DEAREST:,}, with six decimals at most.")
    return given


def _currency(given: str) -> str:
    if given and not is_currency(given):
        raise NotChanged(f"'{given}' is not a currency such as USD.")
    return given


def _throughput(given: int | None) -> int | None:
    if given is not None and not 1 <= given <= FASTEST:
        raise NotChanged(f"A throughput is a number of messages a second, from 1 to {FASTEST:,}.")
    return given


def _time_zone(given: str) -> str:
    try:
        return ZoneInfo(given).key
    except (OSError, ValueError, KeyError):  # as ZoneInfo says it, by what the name looks like
        raise NotChanged(f"'{given}' is not a time zone such as Africa/Accra.") from None


CHECKS: Final[Mapping[str, Any]] = {
    "sender_ids": _sender_ids,
    "countries": _countries,
    "prefixes": _prefixes,
    "priorities": _priorities,
    "weight": _weight,
    "price": _price,
    "currency": _currency,
    "throughput": _throughput,
    "time_zone": _time_zone,
}
