"""What is pushed."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated
from uuid import UUID

import strawberry

from graphql_api import live
from graphql_api.context import Info
from graphql_api.types import MessageStatusEvent
from sms import scopes
from sms.errors import MessageNotFound, Unavailable


@strawberry.type(
    description="What is pushed, over the websocket protocol `graphql-transport-ws` or as server-sent events."
)
class Subscription:
    """What is pushed."""

    @strawberry.subscription(  # type: ignore[untyped-decorator]
        description="A message's status: first the present one, then every change in order, each once. Completes after "
        "a final status. Continues after a lost connection with `afterSequence`."
    )
    async def message_status(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The message's id.")],
        after_sequence: Annotated[
            int | None,
            strawberry.argument(
                description="Give the `sequence` of the last event you have: every later change comes, and no snapshot."
            ),
        ] = strawberry.UNSET,
        include_late: Annotated[
            bool | None,
            strawberry.argument(description="Whether to stay for late receipts that correct a final status."),
        ] = False,
    ) -> AsyncGenerator[MessageStatusEvent, None]:
        """Follow one message's status."""
        caller = await info.context.caller()
        caller.require(scopes.READ)
        after = None if after_sequence is strawberry.UNSET else after_sequence
        changes = live.follow(caller.account_id, _parse(id), after=after, include_late=bool(include_late))
        async with aclosing(changes):
            async for change in changes:
                with suppress(Unavailable):  # the key may have been revoked since; without a database nobody can tell
                    await info.context.caller()
                yield MessageStatusEvent.of(change)


def _parse(id: str) -> UUID:
    try:
        return UUID(id)
    except ValueError:
        raise MessageNotFound from None
