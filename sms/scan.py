"""Read a page of a table, newest first, along an index: what is wanted is said by `sms.listing` and others.

See docs/adr/0007-accounts-lists-feeds.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sms import cursors
from sms.database import rows
from sms.errors import ErrorCode, InvalidList

# An id is made before its message waits for its turn to be stored, and its time when it is, by another clock. So
# ids are searched from so much earlier to so much later, and then its time decides.
EARLIER: Final = timedelta(seconds=-10)
LATER: Final = timedelta(seconds=1)

# The index that is read is the one that begins with the key. Both bounds compare whole rows, and the order names the
# key though it is the same in all of them, so no other index fits: that of the ids alone would lead through everybody's
# rows. Whatever else the planner might think of, gathering all of an account's rows before it gives the first, would
# have to sort them, and that is off. So there is one plan, however wrong the statistics are. A row that does not match
# is returned where the looking ends, to tell where.
PAGE = """
SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off;
WITH looked_at AS (
    SELECT {key}, {matches} AS matches, row_number() OVER (ORDER BY {order}) AS place FROM (
        SELECT * FROM {table}
        WHERE ({key}) < ({values}, %(before)s) AND ({key}) >= ({values}, %(since)s) AND {indexed}
        ORDER BY {order} LIMIT %(looked_at)s
    ) AS newest
), page AS (
    SELECT * FROM looked_at
    WHERE matches OR place = %(looked_at)s
          OR clock_timestamp() > statement_timestamp() + make_interval(secs => %(looks_for)s)
    ORDER BY {order} LIMIT %(limit)s + 1
)
SELECT page.matches, page.place, {columns} FROM page JOIN {table} m ON m.id = page.id ORDER BY {page_order}
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with UUIDv7 ids, and how it can be read."""

    name: str
    columns: Sequence[str]  # that are returned, `id` first
    # What an index begins with, and the rows that are in it: the first one whose columns are all known is read.
    indexes: Sequence[tuple[Sequence[str], str]]


@dataclass(frozen=True, slots=True)
class Scan:
    """A statement that reads a page, and all of its values but the size."""

    sql: str
    values: dict[str, Any]


def plan(
    table: Table, exact: Mapping[str, Any], conditions: Mapping[str, tuple[str, Any]], *, since: UUID, before: UUID
) -> Scan:
    """Decide how to find rows of which some columns are known, and that fulfil conditions, each with its value.

    Only rows from the id `since` on and before the id `before` are looked for.
    """
    key, indexed = next(one for one in table.indexes if exact.keys() >= set(one[0]))
    matches = [f"{column} = %({column})s" for column in exact if column not in key]
    matches += [condition for condition, _ in conditions.values()]
    whole = (*key, "id")
    sql = PAGE.format(
        table=table.name,
        key=", ".join(whole),
        values=", ".join(f"%({column})s" for column in key),
        order=", ".join(f"{column} DESC" for column in whole),
        page_order=", ".join(f"page.{column} DESC" for column in whole),
        matches=" AND ".join(matches) or "true",
        indexed=indexed,
        columns=", ".join(f"m.{column}" for column in table.columns),
    )
    values = {name: value for name, (_, value) in conditions.items()}
    return Scan(sql, {**exact, **values, "since": since, "before": before})


def read(scan: Scan, *, limit: int, looked_at: int, looks_for: float) -> tuple[list[list[Any]], str | None]:
    """Return the rows of a page, and the cursor behind which there may be more.

    At most `looked_at` rows are looked at, for at most `looks_for` seconds.
    """
    found = rows(scan.sql, **scan.values, limit=limit, looked_at=looked_at, looks_for=looks_for)
    shown = [columns for matches, _, *columns in found if matches]
    if len(shown) > limit:
        shown = shown[:limit]
        return shown, cursors.encode(shown[-1][0])
    # Fewer matched. Unless the looking came to its end, these are all that there are.
    is_last = not found or (len(found) <= limit and found[-1][1] < looked_at)
    return shown, None if is_last else cursors.encode(found[-1][2])


def by_utc(moment: datetime, field: str) -> datetime:
    """Return a time of a filter by UTC. Raises InvalidList for one without an offset."""
    if moment.tzinfo is None:
        detail = "The time needs an offset from UTC, as in 2027-01-31T09:00:00+01:00, or a Z."
        raise InvalidList(ErrorCode.FILTER_INVALID, detail, field)
    try:
        return moment.astimezone(UTC)  # PostgreSQL takes offsets up to 15:59 only
    except OverflowError:  # at an end of the calendar, where some hours do not matter
        return moment.replace(tzinfo=UTC)
