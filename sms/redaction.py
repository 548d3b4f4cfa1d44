"""What a log may tell of an error, and of what others wrote. Pure: no Django here.

An exception's own words often quote what it stumbled over: a row that the database refused, a key that was not found,
the arguments of a call. Nobody can tell a text from them afterwards, so they are told only of the kinds of errors that
have none of it; of all others the type and the place have to do. Local variables are never told.
"""

import os
import re
import traceback
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from sms.errors import SmsError

HIDDEN: Final = "***"  # as in `sms.phone_numbers`
SHORTEST_SECRET: Final = 8  # characters: a shorter one is part of too many words
LONGEST_WORDS: Final = 300
MOST_CAUSES: Final = 10

# The interpreter's own complaints about code: they name types, attributes and modules.
_ABOUT_CODE: Final = (AttributeError, ImportError, NameError, TypeError)
# Classes of SQLSTATE (PostgreSQL's documentation, appendix A) whose messages name the server's things, and no values:
# those, if any, are in the lines behind.
_WITHOUT_VALUES: Final = frozenset({"08", "23", "25", "26", "28", "3D", "40", "42", "53", "55", "57", "58", "XX"})

_SECRETS: Final = (
    (re.compile(r"sms_(live|test)_[A-Za-z0-9_-]+"), rf"sms_\1_{HIDDEN}"),  # API keys
    (re.compile(r"(?i)\b(bearer|basic)\s+(?!\*)[^\s\"',]+"), rf"\1 {HIDDEN}"),
    (re.compile(r"(://)[^/\s:@\"']*:[^/\s@\"']*@"), rf"\1{HIDDEN}@"),  # user and password in an address
    (
        re.compile(
            r"(?i)\b([a-z0-9_-]*(?:authorization|password|passwd|secrets?|token|signature|api[_-]?key))\b"
            r"(\\?[\"']?\s*[:=]\s*\\?[\"']?)(?!\s|\*|bearer\b|basic\b)[^\s\"',&;})\]\\]+"
        ),
        rf"\1\2{HIDDEN}",
    ),
)


# What this process came to know while it ran: the credentials of routes. An old one stays, as it may still be told.
_learned: set[str] = set()


def learn(values: Iterable[str]) -> None:
    """Hide more values from now on, in every log of this process: call it before any of them is used."""
    _learned.update(one for one in values if len(one) >= SHORTEST_SECRET)


class Secrets:
    """Hides what opens a door: the values it is given, those that are learned, and whatever looks like one."""

    def __init__(self, values: Collection[str]) -> None:
        self._given = {one for one in values if len(one) >= SHORTEST_SECRET}
        self._compile()

    def _compile(self) -> None:
        self._count = len(_learned)
        # The longest first: one may be the beginning of another.
        known = sorted(self._given | _learned, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known)) or "(?!)")

    def hide(self, text: str) -> str:
        """Return the text without secrets."""
        if self._count != len(_learned):
            self._compile()
        text = self._known.sub(HIDDEN, text)
        for pattern, instead in _SECRETS:
            text = pattern.sub(instead, text)
        return text


def words_of(error: BaseException) -> str:
    """Return the name of an error's type, and of what it says that much which cannot quote a message.

    Of a refusal its code, of the database's the SQLSTATE, of the operating system's the meaning of its number.
    """
    name, words = type(error).__name__, _words(error)
    return f"{name}: {words}" if words else name


def _words(error: BaseException) -> str:
    if isinstance(error, SmsError):
        return error.code
    if isinstance(error, OSError):
        return "" if error.errno is None else os.strerror(error.errno)
    if hasattr(error, "diag"):
        return _of_database(error, error.diag)
    if isinstance(error, _ABOUT_CODE) or type(error).__module__.partition(".")[0] == "redis":
        return _first_line(error)
    return ""


def _of_database(error: BaseException, diagnostics: object) -> str:
    """Tell psycopg2's error. Its first line may quote a value, and the lines after it quote whole rows."""
    code = getattr(diagnostics, "sqlstate", None)
    if code is None:  # it comes from the driver: what it says of a connection has no values in it
        return _first_line(error) if type(error).__name__ == "OperationalError" else ""
    words = getattr(diagnostics, "message_primary", None) if code[:2] in _WITHOUT_VALUES else None
    return f"{code} {words or ''}".strip()


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:LONGEST_WORDS]


def traceback_of(error: BaseException) -> str:
    """Return a stack trace with all causes, the first one first: as Python prints it, but for the errors' own words."""
    parts: list[str] = []
    for one, leads_to in _causes(error):
        frames = "".join(traceback.format_tb(one.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{frames}{words_of(one)}{leads_to}")
        if isinstance(one, BaseExceptionGroup):
            parts += [f"One of {len(one.exceptions)}:\n{traceback_of(other)}" for other in one.exceptions[:MOST_CAUSES]]
    return "\n\n".join(parts)


def _causes(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield an error's causes and at last itself, each with what it led to."""
    chain = [(error, "")]
    while len(chain) < MOST_CAUSES:
        last = chain[-1][0]
        if last.__cause__ is not None:
            chain.append((last.__cause__, "\n\nThis was the direct cause of:"))
        elif last.__context__ is not None and not last.__suppress_context__:
            chain.append((last.__context__, "\n\nWhile that was handled, there came:"))
        else:
            break
    return reversed(chain)


def all_of(error: BaseException) -> list[BaseException]:
    """Return an error and its causes."""
    return [one for one, _ in _causes(error)]
