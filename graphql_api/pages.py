"""Lists, a page at a time: connections as Relay's specification has them (relay.dev/graphql/connections.htm)."""

from collections.abc import Sequence
from typing import Self

import strawberry

from graphql_api.inbound_types import InboundMessage, OptOut
from graphql_api.types import Message, described
from sms import cursors
from sms.inbound import TextPage
from sms.listing import Page
from sms.opted_out import OptOutPage


@strawberry.type(description="Where a page ends, and whether there are others.")
class PageInfo:
    """Where a page ends, and whether there are others."""

    has_next_page: bool = described("Whether there may be more: ask on, also after a page that was short or empty.")
    has_previous_page: bool = described("Whether the page was asked for with a cursor. There is no way back but that.")
    start_cursor: str | None = described("The cursor of the first one.")
    end_cursor: str | None = described(
        "Give it as `after` to go on. While there may be more it is where the looking ended, which can be behind the "
        "last one."
    )

    @classmethod
    def of(cls, found: Sequence[str], *, behind: str | None, is_first: bool) -> Self:
        """Tell of a page by the cursors of what is on it, and the one behind which there may be more."""
        return cls(
            has_next_page=behind is not None,
            has_previous_page=not is_first,
            start_cursor=found[0] if found else None,
            end_cursor=behind or (found[-1] if found else None),
        )


@strawberry.type(description="A message and its place in the list.")
class MessageEdge:
    """A message and its place in the list."""

    cursor: str = described("Give it as `after` to go on behind this message.")
    node: Message = described("The message.")


@strawberry.type(description="A page of messages, newest first. It may be short, or empty, and not the last one.")
class MessageConnection:
    """A page of messages."""

    edges: list[MessageEdge] = described("The messages with their places.")
    nodes: list[Message] = described("The messages.")
    page_info: PageInfo = described("Whether there are more, and how to ask for them.")

    @classmethod
    def of(cls, page: Page, *, is_first: bool) -> Self:
        """Show a page; the first one is that which was asked for without a cursor."""
        edges = [MessageEdge(cursor=cursors.encode(row.id), node=Message.of(row)) for row in page.messages]
        return cls(
            edges=edges,
            nodes=[edge.node for edge in edges],
            page_info=PageInfo.of([edge.cursor for edge in edges], behind=page.next, is_first=is_first),
        )


@strawberry.type(description="A text from a handset and its place in the list.")
class InboundMessageEdge:
    """A text from a handset and its place in the list."""

    cursor: str = described("Give it as `after` to go on behind this text.")
    node: InboundMessage = described("The text.")


@strawberry.type(description="A page of texts, newest first. It may be short, or empty, and not the last one.")
class InboundMessageConnection:
    """A page of texts from handsets."""

    edges: list[InboundMessageEdge] = described("The texts with their places.")
    nodes: list[InboundMessage] = described("The texts.")
    page_info: PageInfo = described("Whether there are more, and how to ask for them.")

    @classmethod
    def of(cls, page: TextPage, *, is_first: bool) -> Self:
        """Show a page; the first one is that which was asked for without a cursor."""
        edges = [InboundMessageEdge(cursor=cursors.encode(row.id), node=InboundMessage.of(row)) for row in page.texts]
        return cls(
            edges=edges,
            nodes=[edge.node for edge in edges],
            page_info=PageInfo.of([edge.cursor for edge in edges], behind=page.next, is_first=is_first),
        )


@strawberry.type(description="An opt-out and its place in the list.")
class OptOutEdge:
    """An opt-out and its place in the list."""

    cursor: str = described("Give it as `after` to go on behind this opt-out.")
    node: OptOut = described("The opt-out.")


@strawberry.type(description="A page of opt-outs, newest first. It may be short, or empty, and not the last one.")
class OptOutConnection:
    """A page of opt-outs."""

    edges: list[OptOutEdge] = described("The opt-outs with their places.")
    nodes: list[OptOut] = described("The opt-outs.")
    page_info: PageInfo = described("Whether there are more, and how to ask for them.")

    @classmethod
    def of(cls, page: OptOutPage, *, is_first: bool) -> Self:
        """Show a page; the first one is that which was asked for without a cursor."""
        edges = [OptOutEdge(cursor=cursors.encode(row.id), node=OptOut.of(row)) for row in page.opt_outs]
        return cls(
            edges=edges,
            nodes=[edge.node for edge in edges],
            page_info=PageInfo.of([edge.cursor for edge in edges], behind=page.next, is_first=is_first),
        )
