"""The schema: `schema.graphql` is printed from it."""

import strawberry
from django.conf import settings
from graphql import GraphQLError
from strawberry.types.execution import ExecutionContext

from graphql_api import errors
from graphql_api.limits import Limits
from graphql_api.mutations import Mutation
from graphql_api.queries import Query
from graphql_api.subscriptions import Subscription


class ServiceSchema(strawberry.Schema):
    """A schema whose every error has a code, and none tells of our insides."""

    def process_errors(self, errors_: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Finish the errors of an operation before anyone sees them. Only what we did not expect is logged."""
        for error in errors_:
            errors.finish(error)
            if not settings.SMS_GRAPHQL_SUGGESTIONS:
                errors.hide_suggestion(error)


schema = ServiceSchema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[errors.MessageRefusal],  # only an interface leads to it
    extensions=[Limits],
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
