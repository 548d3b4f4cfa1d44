"""The schema: `schema.graphql` is printed from it."""

from collections.abc import Iterable
from typing import Any

import strawberry
from django.conf import settings
from graphql import ExecutionResult as GraphQLExecutionResult
from graphql import GraphQLError, execute
from strawberry.exceptions import MissingQueryError
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import ExecutionContext
from strawberry.types.graphql import OperationType
from strawberry.utils.operation import get_operation_type

from graphql_api import errors
from graphql_api.executor import Executor
from graphql_api.limits import Limits, Prepared, check, prepare
from graphql_api.mutations import Mutation
from graphql_api.queries import Query
from graphql_api.subscriptions import Subscription


class ServiceSchema(strawberry.Schema):
    """A schema whose every error has a code, and none tells of our insides."""

    async def execute(  # noqa: PLR0917  Strawberry's
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any = None,
        root_value: Any = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """Run a query or a mutation, as Strawberry does it, less the hooks for extensions: a tenth of a short request.

        Raises MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError.
        """
        if not query:
            raise MissingQueryError
        try:
            prepared = prepare(self._schema, query)
        except GraphQLError as error:
            return self._refuse([error])
        kind = _kind_of(prepared, operation_name)
        if allowed_operation_types is not None and kind not in allowed_operation_types:
            raise InvalidOperationTypeError(kind)
        found, cost = check(prepared, operation_name, variable_values or {})
        if found:
            return self._refuse(found)
        result = execute(
            self._schema,
            prepared.document,
            root_value,
            context_value,
            variable_values,
            operation_name,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
            executor_class=Executor,
            operation_extensions=operation_extensions,
        )
        if not isinstance(result, GraphQLExecutionResult):
            result = await result
        if result.errors:
            self.process_errors(result.errors)
        return ExecutionResult(result.data, result.errors, extensions={"cost": cost} if cost else {})

    def _refuse(self, found: list[GraphQLError]) -> ExecutionResult:
        self.process_errors(found)
        return ExecutionResult(None, found, extensions={})

    def process_errors(self, errors_: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Finish the errors of an operation before anyone sees them. Only what we did not expect is logged."""
        for error in errors_:
            errors.finish(error)
            if not settings.SMS_GRAPHQL_SUGGESTIONS:
                errors.hide_suggestion(error)


def _kind_of(prepared: Prepared, operation_name: str | None) -> OperationType:
    try:
        return get_operation_type(prepared.document, operation_name)
    except RuntimeError as error:
        raise CannotGetOperationTypeError(operation_name) from error


schema = ServiceSchema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[errors.MessageRefusal],  # only an interface leads to it
    extensions=[Limits],
    execution_context_class=Executor,
    exception_handlers=[
        errors.InvalidMessages(),
        errors.IdempotencyConflicts(),
        errors.LimitsExceeded(),
        errors.InvalidBatches(),
        errors.MessagesNotFound(),
        errors.NotCancelables(),
        errors.OptOutsNotFound(),
    ],
)
