"""Runs operations as graphql-core does, but works out once a document what is the same each time.

graphql-core is in charge of all that can go wrong or takes time: resolvers, their errors, what becomes null. Around it,
variables of the usual shape are checked by functions made for their types (`graphql_api.coercion`), and fields that are
plain attributes, and lists of what has nothing else, by functions made for the document (`graphql_api.rendering`).
Where such a function raises, whatever it is, graphql-core does it again: reading attributes twice changes nothing, and
the errors are its own.
Documents with directives are left to graphql-core, as what they select depends on their variables. Middleware, of which
there is none, would not see the attributes.
"""

from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from graphql import (
    BREAK,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLList,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    Visitor,
    is_non_null_type,
    visit,
)
from graphql.execution import Executor as GraphQLCore
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.pyutils import AwaitableOrValue, Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_api.coercion import coercer_of
from graphql_api.rendering import Renderers
from graphql_api.usual import Make, Unusual

REMEMBERED: Final = 512  # operations


@dataclass(slots=True, eq=False)
class Plan:
    """What is the same each time that an operation runs."""

    operation: OperationDefinitionNode
    without_variables: DocumentNode
    variables: list[tuple[GraphQLVariableSignature, Make]]
    root_fields: GroupedFieldSet | None = None
    sub_fields: dict[Any, Any] = field(default_factory=dict)
    # By the ids of what lives as long as the plan, or the schema.
    renders: dict[tuple[str, int], dict[str, Make]] = field(default_factory=dict)
    lists: dict[tuple[int, int], Make | None] = field(default_factory=dict)

    def coerce(self, given: Mapping[str, Any]) -> VariableValues | None:
        """Return the variables' values, or None if graphql-core has to look at them."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature, coerce in self.variables:
            name = signature.name
            if name in given:
                sources[name] = VariableValueSource(signature, given[name])
                try:
                    coerced[name] = coerce(given[name])
                except Exception:  # noqa: BLE001  whatever it is, it is for graphql-core to tell
                    return None
            elif signature.default is not None or is_non_null_type(signature.type):
                return None
            else:
                sources[name] = VariableValueSource(signature)
        return VariableValues(sources, coerced)


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Runs one operation; see the module."""

    _plan: Plan | None = None

    @classmethod
    def build(  # noqa: PLR0917  graphql-core's
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        root_value: Any = None,
        context_value: Any = None,
        raw_variable_values: dict[str, Any] | None = None,
        operation_name: str | None = None,
        *more: Any,
        **named: Any,
    ) -> list[GraphQLError] | GraphQLCore[Any]:
        """Return what runs the operation, or what is wrong with it."""
        plan = _plan_of(schema, _Same(document), operation_name)
        values = None if plan is None else plan.coerce(raw_variable_values or {})
        if plan is None or values is None:
            return super().build(
                schema, document, root_value, context_value, raw_variable_values, operation_name, *more, **named
            )
        executor = super().build(schema, plan.without_variables, root_value, context_value, None, None, *more, **named)
        assert isinstance(executor, Executor)
        executor.operation = plan.operation
        executor.variable_values = values
        executor._plan = plan  # noqa: SLF001  our own
        executor._relevant_sub_fields = plan.sub_fields  # noqa: SLF001  graphql-core's memory of them
        return executor

    def execute_root_grouped_field_set(
        self,
        root_type: GraphQLObjectType,
        root_value: Any,
        grouped_field_set: GroupedFieldSet,
        serially: bool,  # noqa: FBT001  graphql-core's
        position_context: Any,
    ) -> AwaitableOrValue[dict[str, Any]]:
        """Run the root's fields: always the same objects, as what is known of the fields below is found by them."""
        if self._plan is not None:
            if self._plan.root_fields is None:
                self._plan.root_fields = grouped_field_set
            grouped_field_set = self._plan.root_fields
        return super().execute_root_grouped_field_set(
            root_type, root_value, grouped_field_set, serially, position_context
        )

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> AwaitableOrValue[dict[str, Any]]:
        """Read the fields that are plain attributes, and let graphql-core run the others."""
        if self._plan is None or path is None:  # the root's fields are no attributes
            return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        renders = self._renders_of(self._plan, parent_type, grouped_field_set)
        results: dict[str, Any] = dict.fromkeys(grouped_field_set)
        left: GroupedFieldSet = {}
        for name, details in grouped_field_set.items():
            try:
                results[name] = renders[name](source_value)
            except Exception:  # noqa: BLE001  whatever it is, it is for graphql-core to tell
                left[name] = details
        if not left:
            return results
        others = super().execute_fields(parent_type, source_value, path, left, position_context)
        return results | others if isinstance(others, dict) else _join(results, others)

    def complete_list_value(  # noqa: PLR0917  graphql-core's
        self,
        return_type: GraphQLList[Any],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> AwaitableOrValue[list[Any]]:
        """Show a resolver's list, where there is nothing to resolve in it, and let graphql-core show the others."""
        render = None if self._plan is None else self._render_of(self._plan, return_type, field_details_list)
        if render is not None:
            with suppress(Exception):  # whatever it is, it is for graphql-core to tell
                shown: list[Any] = render(result)
                return shown
        return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)

    def _render_of(self, plan: Plan, type_: GraphQLList[Any], details: FieldDetailsList) -> Make | None:
        key = (id(details), id(type_))
        if key not in plan.lists:
            try:
                plan.lists[key] = Renderers(self.schema, self.collect_subfields).of_value(type_, details)
            except (Unusual, KeyError):
                plan.lists[key] = None
        return plan.lists[key]

    def _renders_of(self, plan: Plan, parent: GraphQLObjectType, grouped_field_set: GroupedFieldSet) -> dict[str, Make]:
        key = (parent.name, id(grouped_field_set))
        if (known := plan.renders.get(key)) is None:
            renderers = Renderers(self.schema, self.collect_subfields)
            known = plan.renders[key] = {}
            for name, details in grouped_field_set.items():
                try:
                    known[name] = renderers.of_field(parent, details)
                except (Unusual, KeyError):
                    continue
        return known


async def _join(results: dict[str, Any], others: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return results | await others


class _Same:
    """A document by its identity: to compare documents takes as long as to run them."""

    __slots__ = ("document",)

    def __init__(self, document: DocumentNode) -> None:
        self.document = document

    def __hash__(self) -> int:
        return id(self.document)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.document is other.document


class _Directives(Visitor):
    found = False

    def enter_directive(self, *_: Any) -> Any:
        self.found = True
        return BREAK


@lru_cache(REMEMBERED)
def _plan_of(schema: GraphQLSchema, same: _Same, operation_name: str | None) -> Plan | None:
    """Return the plan of an operation that graphql-core would run and that has nothing unusual."""
    definitions = same.document.definitions
    directives = _Directives()
    visit(same.document, directives)
    asked = [
        one
        for one in definitions
        if isinstance(one, OperationDefinitionNode)
        and (operation_name is None or (one.name is not None and one.name.value == operation_name))
    ]
    if directives.found or len(asked) != 1:
        return None
    (operation,) = asked
    alone = OperationDefinitionNode(
        operation=operation.operation, name=operation.name, selection_set=operation.selection_set
    )
    fragments = [one for one in definitions if isinstance(one, FragmentDefinitionNode)]
    variables = []
    for one in operation.variable_definitions or ():
        signature = get_variable_signature(schema, one)
        if isinstance(signature, GraphQLError):
            return None
        try:
            variables.append((signature, coercer_of(signature.type)))
        except Unusual:
            return None
    return Plan(operation, DocumentNode(definitions=(alone, *fragments)), variables)
