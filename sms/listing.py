"""Lists of an account's messages, newest first, a page at a time (see docs/adr/0007-accounts-lists-feeds.md).

A page takes about the same time whatever is asked for, and however much is stored. It is read along an index, from the
cursor on, and what no index knows (a status, a sender ID) is looked up in the rows: in at most LOOKED_AT of them, for
at most LOOKS_FOR seconds. A page that ends there is short, or empty, and the next one goes on behind it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from sms import content, cursors, phone_numbers
from sms.database import in_thread, query, rows
from sms.errors import ErrorCode, InvalidList, InvalidMessage
from sms.ids import HIGHEST, LOWEST, first_id_of
from sms.records import MESSAGE_COLUMNS, MessageRecord, message_of
from sms.statuses import Status

MOST = 100  # messages in a page
USUAL = 50
LOOKED_AT = 5_000  # rows
LOOKS_FOR = 0.005  # seconds
# An id is made before its message waits for its turn to be stored, and `created_at` when it is, by another clock. So
# ids are searched from so much earlier to so much later, and then `created_at` decides.
EARLIER: Final = timedelta(seconds=-10)
LATER: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages to list: those that have all of this; what is None does not matter."""

    statuses: Collection[Status] | None = None  # any of these
    recipient: str | None = None  # written in any way that a send takes
    sender_id: str | None = None
    client_reference: str | None = None
    created_after: datetime | None = None  # then or later
    created_before: datetime | None = None  # earlier than that
    is_test: bool | None = None


ALL: Final = MessageFilter()


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, newest first, without their history; behind the cursor `next` there may be more, unless it is None."""

    messages: list[MessageRecord]
    next: str | None


async def messages(
    *, account_id: UUID, wanted: MessageFilter = ALL, limit: int = USUAL, after: str | None = None
) -> Page:
    """Return the newest messages of an account, or those behind a cursor.

    A cursor is a position and knows no filter: it may be used with another one. Raises InvalidList, Unavailable.
    """
    return await in_thread(query, get_page, account_id, wanted, limit, after)


def get_page(account_id: UUID, wanted: MessageFilter = ALL, limit: int = USUAL, after: str | None = None) -> Page:
    """Return the newest messages of an account, or those behind a cursor. Raises InvalidList."""
    if not 1 <= limit <= MOST:
        raise InvalidList(ErrorCode.PAGE_SIZE_INVALID, f"A page has 1 to {MOST} messages, not {limit:,}.", "limit")
    scan = _plan(account_id, wanted, before=HIGHEST if after is None else cursors.decode(after))
    if wanted.statuses is not None and not wanted.statuses:
        return Page([], None)
    return _read(scan, limit)


# The index that is read is the one that begins with the key. Both bounds compare whole rows, and the order names the
# key though it is the same in all of them, so no other index fits: that of the ids alone would lead through everybody's
# messages. Whatever else the planner might think of, gathering all of an account's messages before it gives the first,
# would have to sort them, and that is off. So there is one plan, however wrong the statistics are. A row that does not
# match is returned where the looking ends, to tell where.
PAGE = """
SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off;
WITH looked_at AS (
    SELECT {key}, {matches} AS matches, row_number() OVER (ORDER BY {order}) AS place FROM (
        SELECT * FROM sms_message
        WHERE ({key}) < ({values}, %(before)s) AND ({key}) >= ({values}, %(since)s) AND {indexed}
        ORDER BY {order} LIMIT %(looked_at)s
    ) AS newest
), page AS (
    SELECT * FROM looked_at
    WHERE matches OR place = %(looked_at)s
          OR clock_timestamp() > statement_timestamp() + make_interval(secs => %(looks_for)s)
    ORDER BY {order} LIMIT %(limit)s + 1
)
SELECT page.matches, page.place, {columns} FROM page JOIN sms_message m ON m.id = page.id ORDER BY {page_order}
"""
# What an index begins with, and the rows that are in it: the first one whose columns are all known is read.
INDEXES: Final = (
    (("recipient", "account_id"), "true"),
    (("account_id", "client_reference"), "client_reference IS NOT NULL"),
    (("account_id",), "true"),
)
COLUMNS: Final = ", ".join(f"m.{column}" for column in MESSAGE_COLUMNS)


@dataclass(frozen=True, slots=True)
class _Scan:
    """A statement that reads a page, and all of its values but the size."""

    sql: str
    values: dict[str, Any]


def _plan(account_id: UUID, wanted: MessageFilter, *, before: UUID) -> _Scan:
    """Decide how to find what is wanted. Raises InvalidList for what no message can have."""
    exact = {"account_id": account_id, **_exact(wanted)}
    values = {**exact, "since": LOWEST, "before": before}
    key, indexed = next(one for one in INDEXES if exact.keys() >= set(one[0]))
    conditions = [f"{column} = %({column})s" for column in exact if column not in key]
    if wanted.statuses is not None:
        conditions.append("status = ANY(%(statuses)s)")
        values["statuses"] = sorted(wanted.statuses)
    if wanted.created_after is not None:
        conditions.append("created_at >= %(created_after)s")
        values["created_after"] = _by_utc(wanted.created_after, "created_after")
        values["since"] = first_id_of(wanted.created_after, offset=EARLIER)
    if wanted.created_before is not None:
        conditions.append("created_at < %(created_before)s")
        values["created_before"] = _by_utc(wanted.created_before, "created_before")
        values["before"] = min(before, first_id_of(wanted.created_before, offset=LATER))
    return _Scan(_sql(key, indexed, conditions), values)


def _sql(key: Sequence[str], indexed: str, conditions: Sequence[str]) -> str:
    whole = (*key, "id")
    return PAGE.format(
        key=", ".join(whole),
        values=", ".join(f"%({column})s" for column in key),
        order=", ".join(f"{column} DESC" for column in whole),
        page_order=", ".join(f"page.{column} DESC" for column in whole),
        matches=" AND ".join(conditions) or "true",
        indexed=indexed,
        columns=COLUMNS,
    )


def _exact(wanted: MessageFilter) -> dict[str, Any]:
    """Return the columns of which one value is wanted, as it is stored. Raises InvalidList."""
    exact: dict[str, Any] = {}
    try:
        if wanted.recipient is not None:
            exact["recipient"] = phone_numbers.normalise(wanted.recipient, default_region=settings.SMS_DEFAULT_REGION)
        if wanted.sender_id is not None:
            exact["sender_id"] = content.check_sender_id(wanted.sender_id)
        if wanted.client_reference is not None:
            content.check_client_reference(wanted.client_reference)
            exact["client_reference"] = wanted.client_reference
    except InvalidMessage as error:
        raise InvalidList.because(error) from None
    if wanted.is_test is not None:
        exact["is_test"] = wanted.is_test
    return exact


def _by_utc(moment: datetime, field: str) -> datetime:
    if moment.tzinfo is None:
        detail = "The time needs an offset from UTC, as in 2027-01-31T09:00:00+01:00, or a Z."
        raise InvalidList(ErrorCode.FILTER_INVALID, detail, field)
    try:
        return moment.astimezone(UTC)  # PostgreSQL takes offsets up to 15:59 only
    except OverflowError:  # at an end of the calendar, where some hours do not matter
        return moment.replace(tzinfo=UTC)


def _read(scan: _Scan, limit: int) -> Page:
    found = rows(scan.sql, **scan.values, limit=limit, looked_at=LOOKED_AT, looks_for=LOOKS_FOR)
    shown = [message_of(columns) for matches, _, *columns in found if matches]
    if len(shown) > limit:
        shown = shown[:limit]
        return Page(shown, cursors.encode(shown[-1].id))
    # Fewer matched. Unless the looking came to its end, these are all that there are.
    is_last = not found or (len(found) <= limit and found[-1][1] < LOOKED_AT)
    return Page(shown, None if is_last else cursors.encode(found[-1][2]))
