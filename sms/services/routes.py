"""Give new messages their routes, and their planned price."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sms.errors import ErrorCode, InvalidMessage
from sms.routing import snapshot
from sms.routing.choose import PINNED, Choice, Wanted, first_choice
from sms.services.new_message import NewMessage


class NoRoute(InvalidMessage):
    """The rules of no route let the message by."""

    def __init__(self) -> None:
        super().__init__(
            ErrorCode.NO_ROUTE, "No route takes texts from this sender ID to this recipient.", field="recipient"
        )


def assign(new: Sequence[NewMessage]) -> dict[UUID, NoRoute]:
    """Write into each message by which route it goes first; return those that no route takes. Raises Unavailable."""
    routes = snapshot.current()
    if not routes.routes:  # all of them go to the simulator
        return {}
    refused: dict[UUID, NoRoute] = {}
    now = datetime.now(UTC)
    for m in new:
        wanted = Wanted(m.recipient, m.sender_id, m.priority, m.is_test)
        if m.reason == PINNED:
            choice: Choice | None = Choice(routes.by_id(m.route_id), PINNED)
        else:
            choice = first_choice(routes, wanted, now=now, draw=random.random())  # noqa: S311  no secret
        if choice is None:
            refused[m.id] = NoRoute()
            continue
        m.route_id, m.reason = choice.route.id, choice.reason
        m.price = m.currency = m.charged_to = None  # a set that is stored in halves comes here again
        if choice.route.price is not None:
            m.price, m.currency = choice.route.price * m.segment_count, choice.route.currency
            m.charged_to = choice.route.name
    return refused
