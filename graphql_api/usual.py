"""What `coercion` and `rendering` make their functions of: each takes usual values only, and None is none of them."""

from collections.abc import Callable
from typing import Any

from graphql import Undefined

Make = Callable[[Any], Any]


class Unusual(Exception):
    """A type or a value that graphql-core has to look at."""


def text(value: Any) -> str:
    """Return a text as it is."""
    if type(value) is not str:
        raise Unusual
    return value


def list_of(make: Make) -> Make:
    """Return what makes a list of a list."""

    def make_list(value: Any) -> list[Any]:
        if type(value) is not list:
            raise Unusual
        return [make(one) for one in value]

    return make_list


def nullable(make: Make) -> Make:
    """Return what lets None be None."""
    return lambda value: None if value is None else make(value)


def leaf(coerce: Make) -> Make:
    """Return what a leaf type's own function makes of a value."""

    def make_leaf(value: Any) -> Any:
        made = coerce(value)
        if made is None or made is Undefined:
            raise Unusual
        return made

    return make_leaf
