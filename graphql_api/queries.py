"""Reads."""

from typing import Annotated
from uuid import UUID

import strawberry

from graphql_api.context import Info
from graphql_api.me import Me
from graphql_api.types import Message
from sms import accounts, scopes, selectors
from sms.errors import MessageNotFound


@strawberry.type(description="Reads.")
class Query:
    """Reads."""

    @strawberry.field(description="Who asks, and what is left of its limits.")  # type: ignore[untyped-decorator]
    async def me(self, info: Info) -> Me:
        """Return who asks; every key may know that of itself."""
        caller = await info.context.caller()
        return Me.of(await accounts.me(account_id=caller.account_id, key_id=caller.key_id))

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
