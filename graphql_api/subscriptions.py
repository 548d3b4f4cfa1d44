"""What is pushed."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Annotated
from uuid import UUID

import strawberry

from graphql_api import feed, live
from graphql_api.context import Info
from graphql_api.inbound_types import MessageReceivedItem
from graphql_api.inputs import StatusFeedFilter
from graphql_api.types import MessageStatusEvent, StatusFeedItem
from sms import scopes
from sms.errors import MessageNotFound, Unavailable
from sms.feed import EVERYTHING
from sms.feed_cursors import Cursor, InboundCursor


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

    @strawberry.subscription(  # type: ignore[untyped-decorator]
        description="All changes of all messages of the account, in one order, each once; those of a message in the "
        "order of `sequence`. Never completes. The first item tells where the feed ends now; with `after` it continues "
        "there instead, after whatever time. At least every 30 seconds there is an item."
    )
    async def status_feed(
        self,
        info: Info,
        filter: Annotated[
            StatusFeedFilter | None, strawberry.argument(description="Which changes to tell; all.")
        ] = strawberry.UNSET,
        after: Annotated[
            str | None,
            strawberry.argument(
                description="Give the `cursor` of the last item you have: every later change comes. One that cannot be "
                "continued from is refused with CURSOR_INVALID."
            ),
        ] = strawberry.UNSET,
        coalesce: Annotated[
            bool | None,
            strawberry.argument(
                description="Whether to tell only the last one of a message's changes where several are waiting (and "
                "pass the filter): for who needs to know how things are, and not how they came to be so."
            ),
        ] = False,
    ) -> AsyncGenerator[StatusFeedItem, None]:
        """Follow everything that happens in the account."""
        caller = await info.context.caller()
        caller.require(scopes.READ)
        items = feed.follow(
            caller.account_id,
            after=None if after in {None, strawberry.UNSET} else Cursor.parse(after),
            wanted=filter.as_wanted() if filter else EVERYTHING,
            coalesce=bool(coalesce),
        )
        async with aclosing(items):
            async for item in items:
                with suppress(Unavailable):  # as above
                    await info.context.caller()
                yield StatusFeedItem.of(item)

    @strawberry.subscription(  # type: ignore[untyped-decorator]
        description="All texts that handsets send to the account, in one order, each once. Never completes. The first "
        "item tells where the feed ends now; with `after` it continues there instead, after whatever time. At least "
        "every 30 seconds there is an item."
    )
    async def message_received(
        self,
        info: Info,
        after: Annotated[
            str | None,
            strawberry.argument(
                description="Give the `cursor` of the last item you have: every later text comes. One that cannot be "
                "continued from is refused with CURSOR_INVALID."
            ),
        ] = strawberry.UNSET,
    ) -> AsyncGenerator[MessageReceivedItem, None]:
        """Follow the texts from handsets."""
        caller = await info.context.caller()
        caller.require(scopes.READ)
        items = feed.follow_texts(
            caller.account_id,
            after=None if after in {None, strawberry.UNSET} else InboundCursor.parse(after),
            is_test=True if caller.is_test else None,
        )
        async with aclosing(items):
            async for item in items:
                with suppress(Unavailable):  # as above
                    await info.context.caller()
                yield MessageReceivedItem.of(item)


def _parse(id: str) -> UUID:
    try:
        return UUID(id)
    except ValueError:
        raise MessageNotFound from None
