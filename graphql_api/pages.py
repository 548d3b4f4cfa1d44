"""Lists, a page at a time: connections as Relay's specification has them (relay.dev/graphql/connections.htm)."""

from typing import Self

import strawberry

from graphql_api.types import Message, described
from sms import cursors
from sms.listing import Page


@strawberry.type(description="Where a page ends, and whether there are others.")
class PageInfo:
    """Where a page ends, and whether there are others."""

    has_next_page: bool = described("Whether there may be more: ask on, also after a page that was short or empty.")
    has_previous_page: bool = described("Whether the page was asked for with a cursor. There is no way back but that.")
    start_cursor: str | None = described("The cursor of the first message.")
    end_cursor: str | None = described(
        "Give it as `after` to go on. While there may be more it is where the looking ended, which can be behind the "
        "last message."
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
            page_info=PageInfo(
                has_next_page=page.next is not None,
                has_previous_page=not is_first,
                start_cursor=edges[0].cursor if edges else None,
                end_cursor=page.next or (edges[-1].cursor if edges else None),
            ),
        )
