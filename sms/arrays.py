"""Lists as PostgreSQL's array literals. Pure: no Django here.

psycopg2 renders a list element by element, each by an object of its own, and that is most of the CPU time of a
statement that writes a set. As one literal it is the database that takes the list apart (PostgreSQL's documentation,
"Array Input and Output Syntax"), and the cast behind the parameter says of what it is.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import Any
from uuid import UUID

Render = Callable[[Any], str]


def literal(values: Sequence[Any]) -> str:
    """Return what PostgreSQL reads as an array of texts, numbers, booleans, bytes, UUIDs, times and NULLs.

    Raises TypeError for what it would not read back as it was.
    """
    return f"{{{_plain_texts(values) or ','.join([_RENDER[type(value)](value) for value in values])}}}"


def _plain_texts(values: Sequence[Any]) -> str | None:
    """Return the elements in one go where that is possible: all are texts, and nothing in them needs an escape."""
    try:
        joined = '","'.join(values)
    except TypeError:
        return None
    if not values or "\\" in joined or joined.count('"') != 2 * len(values) - 2:
        return None
    return f'"{joined}"'


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Renderers(dict[type, Render]):
    """How each type is written; a member of an enum as the text that it is."""

    def __missing__(self, kind: type) -> Render:
        if issubclass(kind, str):
            self[kind] = _text
        elif issubclass(kind, int):
            self[kind] = lambda value: repr(int(value))
        else:
            raise TypeError(f"no array of {kind.__name__}")
        return self[kind]


_RENDER = _Renderers(
    {
        str: _text,
        NoneType: lambda _: "NULL",
        datetime: lambda value: f'"{value.isoformat()}"',
        bool: lambda value: "t" if value else "f",
        int: repr,
        float: repr,
        Decimal: str,
        UUID: str,
        bytes: lambda value: f'"\\\\x{value.hex()}"',
    }
)
