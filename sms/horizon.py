"""Read a table in the order of its feed, up to the horizon: see docs/adr/0007-accounts-lists-feeds.md.

The order is (position, id). What has a position below the oldest transaction that is still open is committed, or never
will be, so a reader goes as far as that horizon, and nothing can appear behind it later. Horizon and rows have to be of
one snapshot, and so of one statement.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from sms.database import rows
from sms.errors import InvalidCursor
from sms.feed_cursors import Cursor, InboundCursor

Place = TypeVar("Place", Cursor, InboundCursor)
Event = TypeVar("Event")

READ: Final = """
SELECT h.horizon, h.newest, {columns}
FROM (
    SELECT sms_position(pg_snapshot_xmin(s)) AS horizon, sms_position(pg_snapshot_xmax(s)) - 1 AS newest
    FROM pg_current_snapshot() s
) h
LEFT JOIN LATERAL (
    SELECT * FROM {table} WHERE account_id = %s AND {indexed} AND position < h.horizon
    {which}
) e ON true
{more}
"""


@dataclass(frozen=True, kw_only=True)  # no slots: `typing` writes into what an alias of it makes
class Page(Generic[Place, Event]):
    """What one read found."""

    events: list[Event]
    end: Place  # behind the last event that was looked at
    is_last: bool  # nothing more could be read then
    horizon: int  # everything before this position could be read
    newest: int  # nothing that had been committed then has a position above this one


class Feed(Generic[Place, Event]):
    """A table that is read so. Found by an index on (account, position, id)."""

    def __init__(
        self,
        table: str,
        columns: str,
        *,
        start: Place,
        event: Callable[[Place, Sequence[Any]], Event],
        indexed: str,
        join: str = "",
    ) -> None:
        """`start`: the place before every row; `event` makes one of its place and its columns.

        `indexed`: which rows are in the index; `join` looks up what belongs to those that were found.
        """
        self._start: Place = start
        self._place: Callable[..., Place] = type(start)
        self._event: Callable[[Place, Sequence[Any]], Event] = event
        # Both take the account; the first one also the two parts of a place, and how many.
        self._after = READ.format(
            table=table,
            columns=f"e.position, e.id, {columns}",
            indexed=indexed,
            which="AND (position, id) > (%s, %s) ORDER BY position, id LIMIT %s",
            more=f"{join} ORDER BY e.position, e.id",
        )
        self._last = READ.format(
            table=table,
            columns="e.position, e.id",
            indexed=indexed,
            which="ORDER BY position DESC, id DESC LIMIT 1",
            more="",
        )

    def read(self, account_id: UUID, after: Place | None, limit: int) -> Page[Place, Event]:
        """Return the account's next rows after a place; without one none, and where the feed ends now.

        Raises InvalidCursor for a place from the future.
        """
        if after is None:
            return self._end(account_id)
        found = rows(self._after, account_id, *after, limit)
        until, newest = found[0][:2]
        if after.position >= until:
            raise InvalidCursor.from_the_future()
        places = [self._place(*row[2:4]) for row in found if row[2] is not None]
        events = [self._event(place, row[4:]) for place, row in zip(places, found, strict=False)]
        end = places[-1] if places else after
        return Page(events=events, end=end, is_last=len(events) < limit, horizon=until, newest=newest)

    def _end(self, account_id: UUID) -> Page[Place, Event]:
        """Return the place behind the last row.

        A row that can be seen is on the disk, and with it everything that gave it its position. The horizon may be the
        number of a transaction that nothing on the disk tells of; after a crash PostgreSQL gives it away again.
        """
        ((until, newest, *place),) = rows(self._last, account_id)
        end = self._start if place[0] is None else self._place(*place)
        return Page(events=[], end=end, is_last=True, horizon=until, newest=newest)
