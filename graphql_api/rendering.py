"""What is shown of an object whose fields are plain attributes, made by functions worked out once a document.

graphql-core works out of each value anew what its fields are, how each is resolved and what its type is. Where nothing
has to be resolved but attributes, a function that knows all that has the same result. It raises something where
graphql-core would find an error, and whoever calls it then lets graphql-core do it.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLID,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    assert_leaf_type,
    is_abstract_type,
)
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from graphql_api.usual import Make, Unusual, leaf, list_of, nullable, text

Collect = Callable[[GraphQLObjectType, FieldDetailsList], CollectedFields]

DEFINITION: Final = GraphQLCoreConverter.DEFINITION_BACKREF


class Renderers:
    """Makes the functions for the fields of one document, which has no directives."""

    def __init__(self, schema: GraphQLSchema, collect: Collect) -> None:
        self._schema = schema
        self._collect = collect

    def of_field(self, parent: GraphQLObjectType, details: FieldDetailsList) -> Make:
        """Return what gets a field's result from the object that has it. Raises Unusual if that takes more."""
        get, render = self._of_field(parent, details)
        return lambda source: render(get(source))

    def _of_field(self, parent: GraphQLObjectType, details: FieldDetailsList) -> tuple[Make, Make]:
        node = details[0].node
        if node.name.value == "__typename":
            return lambda _: parent.name, text
        definition = parent.fields[node.name.value]
        field = definition.extensions[DEFINITION]
        if not isinstance(field, StrawberryField) or not field.is_basic_field:
            raise Unusual
        return attrgetter(field.python_name), self._of_type(definition.type, details)

    def _of_type(self, type_: GraphQLOutputType, details: FieldDetailsList) -> Make:
        if isinstance(type_, GraphQLNonNull):
            return self.of_value(type_.of_type, details)
        return nullable(self.of_value(type_, details))

    def of_value(self, type_: GraphQLOutputType, details: FieldDetailsList) -> Make:
        """Return what shows a value of a field, if its type is no GraphQLNonNull. Raises Unusual if that takes more."""
        if isinstance(type_, GraphQLList):
            return list_of(self._of_type(type_.of_type, details))
        if isinstance(type_, GraphQLObjectType):
            return self._of_object(type_, details)
        if is_abstract_type(type_):
            renders = {_class_of(one): self._of_object(one, details) for one in self._schema.get_possible_types(type_)}
            return lambda value: renders[type(value)](value)
        return _leaf(assert_leaf_type(type_))

    def _of_object(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Make:
        collected = self._collect(type_, details).grouped_field_set
        fields = [(name, *self._of_field(type_, one)) for name, one in collected.items()]
        expected = _class_of(type_)

        def render_object(value: Any) -> dict[str, Any]:
            if type(value) is not expected:
                raise Unusual
            return {name: render(get(value)) for name, get, render in fields}

        return render_object


def _class_of(type_: GraphQLObjectType) -> type:
    origin: type = type_.extensions[DEFINITION].origin
    return origin


def _leaf(type_: GraphQLLeafType) -> Make:
    if type_ in {GraphQLString, GraphQLID}:
        return text
    render = leaf(type_.coerce_output_value)
    if not isinstance(type_, GraphQLEnumType):
        return render
    names: dict[Any, Any] = {}  # a name is looked for among all of them each time

    def render_member(value: Any) -> Any:
        if value not in names:
            names[value] = render(value)
        return names[value]

    return render_member
