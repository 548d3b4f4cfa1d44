"""The feed of an account: every change of all its messages in one order, with a cursor to continue from.

`sms.horizon` says how it is read.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from typing import Final
from uuid import UUID

from django.conf import settings

from sms import horizon, phone_numbers
from sms.database import in_thread, query
from sms.feed_cursors import Cursor
from sms.records import EventRecord
from sms.statuses import FINAL, Status

AT_ONCE: Final = 500  # events in a read
MOST_LOOKED_AT: Final = 10_000  # events in a `take`, however few of them are wanted


@dataclass(slots=True)
class FeedEvent:
    """A change of one message, its place in the feed, and what is the same for all changes of that message."""

    cursor: Cursor
    change: EventRecord
    sender_id: str
    recipient: str
    client_reference: str | None


Page = horizon.Page[Cursor, FeedEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events a reader wants: those that all of this is true of."""

    statuses: frozenset[Status] = frozenset()  # empty: any
    final: bool | None = None
    sender_id: str | None = None
    recipient: str | None = None  # E.164
    client_reference: str | None = None

    @classmethod
    def of(
        cls,
        *,
        statuses: Collection[Status] | None = None,
        final: bool | None = None,
        sender_id: str | None = None,
        recipient: str | None = None,
        client_reference: str | None = None,
    ) -> "Wanted":
        """Return what a caller asks for, with the number as people write it. Raises InvalidMessage."""
        if recipient is not None:
            recipient = phone_numbers.normalise(recipient, default_region=settings.SMS_DEFAULT_REGION)
        return cls(
            statuses=frozenset(statuses or ()),
            final=final,
            sender_id=sender_id,
            recipient=recipient,
            client_reference=client_reference,
        )

    def among(self, events: Iterable[FeedEvent]) -> list[FeedEvent]:
        """Return those of the events that are wanted."""
        return list(events) if self == EVERYTHING else [one for one in events if self._is(one)]

    def _is(self, event: FeedEvent) -> bool:
        status = event.change.status
        return (
            (not self.statuses or status in self.statuses)
            and (self.final is None or self.final is (status in FINAL))
            and self.sender_id in (None, event.sender_id)
            and self.recipient in (None, event.recipient)
            and self.client_reference in (None, event.client_reference)
        )


EVERYTHING: Final = Wanted()
START: Final = Cursor(0, 0)  # before every event


def newest_only(events: Iterable[FeedEvent]) -> list[FeedEvent]:
    """Return the last one of each message's events, in order."""
    last = {event.change.message_id: event for event in events}
    return sorted(last.values(), key=lambda event: event.cursor)


async def read(account_id: UUID, after: Cursor | None, *, limit: int = AT_ONCE) -> Page:
    """Return the account's next events after a cursor; without one none, and where the feed ends now.

    Raises InvalidCursor for one from the future, and Unavailable.
    """
    return await in_thread(query, read_now, account_id, after, limit)


async def take(account_id: UUID, after: Cursor | None, wanted: Wanted, *, limit: int) -> Page:
    """Return the next events that are wanted, up to `limit`; fewer where they are rare, and then there may be more.

    Raises InvalidCursor for a cursor from the future, and Unavailable.
    """
    found: list[FeedEvent] = []
    looked_at = 0
    while True:
        page = await read(account_id, after, limit=limit if wanted == EVERYTHING else AT_ONCE)
        found += wanted.among(page.events)
        looked_at += len(page.events)
        if len(found) > limit:
            end, is_last = found[limit - 1].cursor, False
        elif page.is_last or len(found) == limit or looked_at >= MOST_LOOKED_AT:
            end, is_last = page.end, page.is_last
        else:
            after = page.end
            continue
        return Page(events=found[:limit], end=end, is_last=is_last, horizon=page.horizon, newest=page.newest)


# Events are kept for ever as yet. Whoever begins to delete them has to refuse, with a code of its own, a cursor from
# before the oldest that is left: what is missing behind it must not look like silence.
read_now = horizon.Feed(
    "sms_messageevent",
    "m.sender_id, m.recipient, m.client_reference, " + ", ".join(f"e.{field.name}" for field in fields(EventRecord)),
    start=START,
    event=lambda place, columns: FeedEvent(place, EventRecord(*columns[3:]), *columns[:3]),
    indexed="sequence IS NOT NULL",
    join="LEFT JOIN sms_message m ON m.id = e.message_id",
).read  # as `read`, on this thread
