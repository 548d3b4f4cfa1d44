"""Reads."""

from datetime import date
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from edge.problems import BadRequest
from graphql_api.context import Info
from graphql_api.inputs import MessageFilter, PlanMessageInput
from graphql_api.me import Me
from graphql_api.money import Spending
from graphql_api.pages import MessageConnection
from graphql_api.plans import MessagePlan
from graphql_api.types import Message
from sms import accounts, listing, scopes, selectors, spending
from sms.errors import InvalidList, MessageNotFound
from sms.records import MessageRecord
from sms.services.plan import plan_message

T = TypeVar("T")


@strawberry.type(description="Reads.")
class Query:
    """Reads."""

    @strawberry.field(description="Who asks, and what is left of its limits.")  # type: ignore[untyped-decorator]
    async def me(self, info: Info) -> Me:
        """Return who asks; every key may know that of itself."""
        caller = await info.context.caller()
        return Me.of(await accounts.me(account_id=caller.account_id, key_id=caller.key_id))

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="One message of the account, by exactly one of the two. Null if the account has none with it."
    )
    async def message(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, strawberry.argument(description="The message's id.")] = strawberry.UNSET,
        client_reference: Annotated[
            str | None,
            strawberry.argument(description="Your own label: of several messages with it, the newest is returned."),
        ] = strawberry.UNSET,
    ) -> Message | None:
        """Return one message, or None: a malformed id and another account's look like one that does not exist."""
        caller = await info.context.caller()
        caller.require(scopes.READ)
        found = await _find(caller.account_id, _given(id), _given(client_reference))
        return None if found is None else Message.of(found)

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="The account's messages, newest first. A page takes about the same time whatever is asked for: "
        f"at most {listing.LOOKED_AT:,} messages are looked at. Where few of those match, the page is short, or empty, "
        "with `hasNextPage` true and an `endCursor` to go on from. There is no `last` or `before`: the list is read in "
        "one direction."
    )
    async def messages(
        self,
        info: Info,
        filter: Annotated[
            MessageFilter | None, strawberry.argument(description="Which of them; all, if it is left out.")
        ] = strawberry.UNSET,
        first: Annotated[int | None, strawberry.argument(description="How many at most: 1 to 100.")] = listing.USUAL,
        after: Annotated[
            str | None,
            strawberry.argument(
                description="Go on behind this cursor of an earlier page. It is only a position, so the filter may be "
                "another."
            ),
        ] = strawberry.UNSET,
    ) -> MessageConnection:
        """Return a page of messages."""
        caller = await info.context.caller()
        caller.require(scopes.READ)
        page = await listing.messages(
            account_id=caller.account_id,
            wanted=filter.as_filter() if filter else listing.ALL,
            limit=listing.USUAL if first is None else first,
            after=_given(after),
        )
        return MessageConnection.of(page, is_first=not after)

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="What the account's messages cost, by day and route: of those that were accepted in this month so "
        "far, or on the days that are given. A cost is counted on the day on which its message was accepted."
    )
    async def spending(
        self,
        info: Info,
        from_: Annotated[
            date | None, strawberry.argument(name="from", description="The first day, by UTC; a month's first.")
        ] = strawberry.UNSET,
        to: Annotated[
            date | None,
            strawberry.argument(description="The last day, by UTC; today. At most 366 days are told at once."),
        ] = strawberry.UNSET,
    ) -> Spending:
        """Return what was spent."""
        caller = await info.context.caller()
        caller.require(scopes.READ)
        return Spending.of(await spending.spending(account_id=caller.account_id, since=_given(from_), until=_given(to)))

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="What would become of a message. Nothing is stored or sent; what the message breaks is told by the "
        "verdicts, never as an error. Needs the scope of sending."
    )
    async def plan_message(
        self, info: Info, input: Annotated[PlanMessageInput, strawberry.argument(description="The message.")]
    ) -> MessagePlan:
        """Tell what would become of a message."""
        return MessagePlan.of(await plan_message(caller=await info.context.caller(), **input.as_kwargs()))


def _given(value: T | None) -> T | None:
    """Return what was given; null is as if it were not."""
    return None if value is strawberry.UNSET else value


async def _find(account_id: UUID, id: str | None, client_reference: str | None) -> MessageRecord | None:
    if id is not None and client_reference is None:
        return await _with_id(account_id, id)
    if client_reference is not None and id is None:
        return await _newest(account_id, listing.MessageFilter(client_reference=client_reference))
    raise BadRequest("Ask for a message by exactly one of 'id' and 'clientReference'.")


async def _with_id(account_id: UUID, id: str) -> MessageRecord | None:
    try:
        return await selectors.message(account_id=account_id, message_id=UUID(id))
    except (ValueError, MessageNotFound):
        return None


async def _newest(account_id: UUID, wanted: listing.MessageFilter) -> MessageRecord | None:
    try:
        page = await listing.messages(account_id=account_id, wanted=wanted, limit=1)
    except InvalidList:  # nobody has such a label
        return None
    return next(iter(page.messages), None)
