"""What an operation costs: points that grow with the work it may cause, known before any of it is done.

docs/graphql.md tells clients the rule. It looks at the document, and at the variables that say how much is wanted:

- A field that has fields costs 1, one of a mutation 10; others cost nothing.
- What is below a list counts as often as the list may have items: as its argument `first` says, or that of the field
  right above it (a connection and its `edges`), or ten times.
- Ten items of a list that a mutation is given cost 1 more; metadata cost nothing, for a message has few.

Conditions (`@skip`, `@include`, the type of a fragment) are taken to be true.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    value_from_ast_untyped,
)

FIELD: Final = 1
MUTATION: Final = 10  # it commits
ASSUMED: Final = 10  # items of a list that nobody says the size of
ITEMS_A_POINT: Final = 10  # of a list that a mutation is given
SIZE: Final = "first"  # the argument that says how many items are wanted
FREE_ITEMS: Final = {"MetadataEntryInput"}  # what most sends have needs no counting for each of them
LARGEST: Final = 2**31 - 1  # a GraphQL Int; whatever else a variable has is refused later

Variables = dict[str, Any]
Number = Callable[[Variables], int]


@dataclass(frozen=True, slots=True)
class Cost:
    """Points, and costs that count as often as the variables say."""

    points: int = 0
    repeated: tuple[tuple[Number, "Cost"], ...] = ()

    def of(self, variables: Variables) -> int:
        """Return the points with these variables, which need not have been checked."""
        points = self.points
        for number, cost in self.repeated:
            points += number(variables) * cost.of(variables)
        return points

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.points + other.points, self.repeated + other.repeated)

    def times(self, number: int | Number) -> "Cost":
        """Return the cost of as many."""
        if self == FREE:
            return FREE
        if not isinstance(number, int):
            return Cost(0, ((number, self),))
        return Cost(number * self.points, tuple((other, cost.times(number)) for other, cost in self.repeated))


FREE: Final = Cost()


class Price(NamedTuple):
    """What one operation of a document costs; a subscription, for each of its events."""

    cost: Cost
    is_subscription: bool


def price(schema: GraphQLSchema, document: DocumentNode) -> dict[str | None, Price]:
    """Return what each operation of a valid document costs, by its name; by None too, where it is the only one."""
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    prices: dict[str | None, Price] = {}
    for one in operations:
        cost = _Counter(schema, fragments, one).count()
        prices[one.name.value if one.name else None] = Price(cost, one.operation is OperationType.SUBSCRIPTION)
    return {None: next(iter(prices.values())), **prices} if len(operations) == 1 else prices


class _Counter:
    """Counts one operation. The document is valid, so every name is known and no fragment uses itself."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], operation: OperationDefinitionNode
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._operation = operation
        self._defaults = {
            one.variable.name.value: int(one.default_value.value)
            for one in operation.variable_definitions or ()
            if isinstance(one.default_value, IntValueNode)
        }

    def count(self) -> Cost:
        root = cast("GraphQLObjectType", self._schema.get_root_type(self._operation.operation))
        return self._count_set(self._operation.selection_set, root, None)

    def _count_set(self, node: SelectionSetNode, parent: GraphQLCompositeType, size: int | Number | None) -> Cost:
        """Count selections, among whose fields may be lists of a size that the field above says."""
        cost = FREE
        for selection in node.selections:
            if isinstance(selection, FieldNode):
                cost += self._count_field(selection, parent, size)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragments[selection.name.value]
                cost += self._count_set(fragment.selection_set, self._type(fragment), size)
            elif isinstance(selection, InlineFragmentNode):
                within = self._type(selection) if selection.type_condition else parent
                cost += self._count_set(selection.selection_set, within, size)
        return cost

    def _count_field(self, node: FieldNode, parent: GraphQLCompositeType, size: int | Number | None) -> Cost:
        if node.name.value.startswith("__"):
            return Cost(FIELD) if node.selection_set else FREE  # introspection, which has limits of its own
        field = cast("GraphQLObjectType | GraphQLInterfaceType", parent).fields[node.name.value]
        cost = self._count_itself(node, field, parent)
        if node.selection_set:
            own = self._size_of(node, field)
            is_list = is_list_type(get_nullable_type(field.type))
            below = self._count_set(
                node.selection_set, cast("GraphQLCompositeType", get_named_type(field.type)), None if is_list else own
            )
            cost += below.times(_first_of(own, size, ASSUMED)) if is_list else below
        return cost

    def _count_itself(self, node: FieldNode, field: GraphQLField, parent: GraphQLCompositeType) -> Cost:
        if parent is not self._schema.mutation_type:
            return Cost(FIELD) if node.selection_set else FREE
        given = [_count_items(one.value, field.args[one.name.value]) for one in node.arguments or ()]
        return sum(given, Cost(MUTATION))

    def _size_of(self, node: FieldNode, field: GraphQLField) -> int | Number | None:
        """Return how many items a field is asked for, if it can be asked for a number of them."""
        if (argument := field.args.get(SIZE)) is None:
            return None
        default = argument.default_value if isinstance(argument.default_value, int) else ASSUMED
        given = next((one.value for one in node.arguments or () if one.name.value == SIZE), None)
        if isinstance(given, VariableNode):
            name = given.name.value
            return partial(_number_in, name, self._defaults.get(name, default))
        return max(0, int(given.value)) if isinstance(given, IntValueNode) else default

    def _type(self, node: FragmentDefinitionNode | InlineFragmentNode) -> GraphQLCompositeType:
        assert node.type_condition is not None
        return cast("GraphQLCompositeType", self._schema.type_map[node.type_condition.name.value])


def _first_of(*sizes: int | Number | None) -> int | Number:
    return next(size for size in sizes if size is not None)


def _number_in(name: str, default: int, variables: Variables) -> int:
    value = variables.get(name)
    return int(min(max(value, 0), LARGEST)) if isinstance(value, int | float) else default


def _count_items(value: ValueNode, argument: GraphQLArgument) -> Cost:
    """Count the items of an argument: a list, or an input object that has lists."""
    kind = get_nullable_type(argument.type)
    if is_list_type(kind):
        return Cost(0, ((partial(_points_for, value, None), Cost(1)),))
    fields = kind.fields if isinstance(kind, GraphQLInputObjectType) else {}
    lists = [name for name, field in fields.items() if _is_counted(field)]
    return Cost(0, tuple((partial(_points_for, value, name), Cost(1)) for name in lists))


def _is_counted(field: GraphQLInputField) -> bool:
    return is_list_type(get_nullable_type(field.type)) and get_named_type(field.type).name not in FREE_ITEMS


def _points_for(value: ValueNode, name: str | None, variables: Variables) -> int:
    given = value_from_ast_untyped(value, variables)
    if name is not None:
        given = given.get(name) if isinstance(given, dict) else None
    return -(-len(given) // ITEMS_A_POINT) if isinstance(given, list) else 0
