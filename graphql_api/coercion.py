"""Variables, checked and made into Python's values the way graphql-core does it, by functions made once a type.

graphql-core asks anew of each value what its type is. What is made here knows the usual values only: whatever else
comes is left to graphql-core, whose words clients get to read.
"""

from typing import Any

from graphql import (
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
    Undefined,
    assert_leaf_type,
)
from graphql.type import is_required_input_field
from graphql.utilities.coerce_input_value import coerce_default_value

from graphql_api.usual import Make, Unusual, leaf, list_of, nullable, text


def coercer_of(type_: GraphQLInputType) -> Make:
    """Return what turns JSON's values into those of a type: as graphql-core does, or it raises something.

    Raises Unusual for types with defaults, of which one field has to be given, or that have themselves within.
    """
    return _coercer_of(type_, ())


def _coercer_of(type_: GraphQLInputType, above: tuple[GraphQLInputType, ...]) -> Make:
    if isinstance(type_, GraphQLNonNull):
        return _of_named(type_.of_type, above)
    return nullable(_of_named(type_, above))


def _of_named(type_: GraphQLInputType, above: tuple[GraphQLInputType, ...]) -> Make:
    if isinstance(type_, GraphQLList):
        return list_of(_coercer_of(type_.of_type, above))
    if isinstance(type_, GraphQLInputObjectType):
        return _object(type_, above)
    if type_ in {GraphQLString, GraphQLID}:
        return text
    return leaf(assert_leaf_type(type_).coerce_input_value)


def _object(type_: GraphQLInputObjectType, above: tuple[GraphQLInputType, ...]) -> Make:
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
