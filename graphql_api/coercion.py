"""Variables, checked and made into Python's values the way graphql-core does it, by functions made once a type.

graphql-core asks anew of each value what its type is, which is half of what a batch of messages costs in GraphQL. What
is made here knows the usual values only: whatever else comes is left to graphql-core, whose words clients get to read.
"""

from collections.abc import Callable
from typing import Any

from graphql import (
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
    Undefined,
    assert_leaf_type,
)
from graphql.type import is_required_input_field
from graphql.utilities.coerce_input_value import coerce_default_value

Coerce = Callable[[Any], Any]


class Unusual(Exception):
    """A type or a value that graphql-core has to look at."""


def coercer_of(type_: GraphQLInputType) -> Coerce:
    """Return what turns JSON's values into those of a type: as graphql-core does, or it raises something.

    Raises Unusual for types with defaults, of which one field has to be given, or that have themselves within.
    """
    return _coercer_of(type_, ())


def _coercer_of(type_: GraphQLInputType, above: tuple[GraphQLInputType, ...]) -> Coerce:
    if isinstance(type_, GraphQLNonNull):
        return _of_named(type_.of_type, above)
    coerce = _of_named(type_, above)
    return lambda value: None if value is None else coerce(value)


# None of these takes None.
def _of_named(type_: GraphQLInputType, above: tuple[GraphQLInputType, ...]) -> Coerce:
    if isinstance(type_, GraphQLList):
        return _list(_coercer_of(type_.of_type, above))
    if isinstance(type_, GraphQLInputObjectType):
        return _object(type_, above)
    if type_ in {GraphQLString, GraphQLID}:
        return _text
    return _leaf(assert_leaf_type(type_))


def _list(coerce: Coerce) -> Coerce:
    def coerce_list(value: Any) -> list[Any]:
        if type(value) is not list:
            raise Unusual
        return [coerce(one) for one in value]

    return coerce_list


def _object(type_: GraphQLInputObjectType, above: tuple[GraphQLInputType, ...]) -> Coerce:
    fields = type_.fields.values()
    if type_ in above or type_.is_one_of or any(coerce_default_value(one) is not Undefined for one in fields):
        raise Unusual
    coercers = {
        name: (one.out_name or name, _coercer_of(one.type, (*above, type_))) for name, one in type_.fields.items()
    }
    needed = {name for name, one in type_.fields.items() if is_required_input_field(one)}

    def coerce_object(value: Any) -> Any:
        if type(value) is not dict or not value.keys() >= needed:
            raise Unusual
        coerced = {}
        for name, one in value.items():
            out_name, coerce = coercers[name]
            coerced[out_name] = coerce(one)
        return type_.out_type(coerced)

    return coerce_object


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Unusual
    return value


def _leaf(type_: GraphQLLeafType) -> Coerce:
    def coerce_leaf(value: Any) -> Any:
        coerced = type_.coerce_input_value(value)
        if coerced is None or coerced is Undefined:
            raise Unusual
        return coerced

    return coerce_leaf
