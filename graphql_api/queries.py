"""Reads."""

from typing import Annotated
from uuid import UUID

import strawberry

from graphql_api.context import Info
from graphql_api.inputs import PlanMessageInput
from graphql_api.plans import MessagePlan
from graphql_api.types import Message
from sms import scopes, selectors
from sms.errors import MessageNotFound
from sms.services.plan import plan


@strawberry.type(description="Reads.")
class Query:
    """Reads."""

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="One message of the account. Null if the account has none with this id."
    )
    async def message(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The message's id.")]
    ) -> Message | None:
        """Return one message, or None: a malformed id and another account's look like one that does not exist."""
        caller = await info.context.caller()
        caller.require(scopes.READ)
        try:
            found = await selectors.message(account_id=caller.account_id, message_id=UUID(id))
        except (ValueError, MessageNotFound):
            return None
        return Message.of(found)

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="What would become of a message. Nothing is stored or sent; what the message breaks is told by the "
        "verdicts, never as an error. Needs the scope of sending."
    )
    async def plan_message(
        self, info: Info, input: Annotated[PlanMessageInput, strawberry.argument(description="The message.")]
    ) -> MessagePlan:
        """Tell what would become of a message."""
        return MessagePlan.of(plan(caller=await info.context.caller(), **input.as_kwargs()))
