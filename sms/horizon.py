"""Read a table in the order of its feed, up to the horizon: see docs/adr/0007-accounts-lists-feeds.md.

The order is (position, id). What has a position below the oldest transaction that is still open is committed, or never
will be, so a reader goes as far as that horizon, and nothing can appear behind it later. Horizon and rows have to be of
one snapshot, and so of one statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sms.database import rows

Place = TypeVar("Place")
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


def after(table: str, columns: str, *, indexed: str = "true", join: str = "") -> str:
    """Return what reads rows behind a place: parameters are the account, the place's two parts, and how many.

    Found by an index on (account, position, id), and cut before `join` looks up what belongs to them.
    """
    return READ.format(
        table=table,
        columns=f"e.position, e.id, {columns}",
        indexed=indexed,
        which="AND (position, id) > (%s, %s) ORDER BY position, id LIMIT %s",
        more=f"{join} ORDER BY e.position, e.id",
    )


def last(table: str, *, indexed: str = "true") -> str:
    """Return what reads the last place there is; the parameter is the account."""
    return READ.format(
        table=table,
        columns="e.position, e.id",
        indexed=indexed,
        which="ORDER BY position DESC, id DESC LIMIT 1",
        more="",
    )


def end_of(sql: str, account_id: object) -> tuple[int, int, Sequence[Any] | None]:
    """Return the horizon, the newest position, and the place behind the last row; None where there is no row.

    A row that can be seen is on the disk, and with it everything that gave it its position. The horizon may be the
    number of a transaction that nothing on the disk tells of; after a crash PostgreSQL gives that number away again.
    """
    ((horizon, newest, *place),) = rows(sql, account_id)
    return horizon, newest, None if place[0] is None else place
