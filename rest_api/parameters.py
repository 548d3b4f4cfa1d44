"""The parameters of a query string, checked for their shape."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final, NoReturn

from starlette.datastructures import QueryParams

from edge.problems import BadRequest
from sms.opt_outs import Keyword
from sms.statuses import Status

Parser = Callable[[str, str], Any]  # of what was written, and of the parameter's name; raises BadRequest

SEVERAL: Final = "status"  # the one that may be given more than once
TRUTHS: Final = {"true": True, "false": False}
_is_number = re.compile("-?[0-9]{1,9}").fullmatch


def parse(query: QueryParams, known: Mapping[str, Parser]) -> dict[str, Any]:
    """Return what was given of the known parameters; of `status` a list. Raises BadRequest, and what parsers raise."""
    given: dict[str, Any] = {}
    for name, written in query.multi_items():
        if name not in known:
            raise BadRequest(f"'{name[:50]}' is not a parameter of this request.", field=name[:50])
        if name in given and name != SEVERAL:
            raise BadRequest(f"'{name}' is given twice; only '{SEVERAL}' may be.", field=name)
        value = known[name](written, name)
        if name == SEVERAL:
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    return given


def paging(given: dict[str, Any]) -> dict[str, Any]:
    """Take what says which page is wanted out of what was given, and return it."""
    return {name: given.pop(name) for name in ("limit", "after") if name in given}


def text(written: str, _: str) -> str:
    """Take it as it is."""
    return written


def status(written: str, name: str) -> Status:
    """Take one of the statuses."""
    try:
        return Status(written)
    except ValueError:
        raise BadRequest(f"'{name}' must be one of {', '.join(Status)}.", field=name) from None


def keyword(written: str, name: str) -> Keyword:
    """Take what a text asks for."""
    try:
        return Keyword(written)
    except ValueError:
        raise BadRequest(f"'{name}' must be {' or '.join(Keyword)}.", field=name) from None


def moment(written: str, name: str) -> datetime:
    """Take a time; a + that was not written as %2B comes as a space."""
    return time(written.replace(" ", "+"), name)


def time(written: str, name: str) -> datetime:
    """Take a time as RFC 3339 has it."""
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        raise BadRequest(
            f"'{name}' must be a time as RFC 3339 has it, such as 2027-01-31T09:00:00Z.", field=name
        ) from None


def day(written: str, name: str) -> date:
    """Take a day of the calendar."""
    try:
        return date.fromisoformat(written) if len(written) == len("2027-01-31") else _no_day(name)
    except ValueError:
        return _no_day(name)


def _no_day(name: str) -> NoReturn:
    raise BadRequest(f"'{name}' must be a day such as 2027-01-31.", field=name) from None


def truth(written: str, name: str) -> bool:
    """Take true or false."""
    if written not in TRUTHS:
        raise BadRequest(f"'{name}' must be {' or '.join(TRUTHS)}.", field=name)
    return TRUTHS[written]


def number(written: str, name: str) -> int:
    """Take a whole number."""
    if not _is_number(written):
        raise BadRequest(f"'{name}' must be a whole number.", field=name)
    return int(written)


def number_within(least: int, most: int) -> Parser:
    """Take a whole number of a range."""

    def within(written: str, name: str) -> int:
        if not least <= (given := number(written, name)) <= most:
            raise BadRequest(f"'{name}' must be a whole number from {least} to {most}.", field=name)
        return given

    return within
