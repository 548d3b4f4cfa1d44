"""An account's texts from handsets: as a list, newest first, and as a feed, with a cursor to continue from."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from sms import cursors, horizon, phone_numbers, scan
from sms.database import in_thread, query
from sms.errors import ErrorCode, InvalidList
from sms.feed_cursors import InboundCursor
from sms.ids import HIGHEST, LOWEST, first_id_of
from sms.opt_outs import Keyword
from sms.phone_numbers import LONGEST_PARTY
from sms.records import INBOUND_COLUMNS, InboundRecord
from sms.scan import by_utc

MOST = 100  # texts in a page
USUAL = 50
LOOKED_AT = 5_000  # rows; as in `sms.listing`
LOOKS_FOR = 0.005  # seconds
AT_ONCE: Final = 100  # texts in a read of the feed
START: Final = InboundCursor(0, LOWEST)  # before every text


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundFilter:
    """Which texts to list: those that have all of this; what is None does not matter."""

    sender: str | None = None  # written in any way that a send takes a recipient
    recipient: str | None = None
    keyword: Keyword | None = None
    received_after: datetime | None = None  # then or later
    received_before: datetime | None = None  # earlier than that
    is_test: bool | None = None


ALL: Final = InboundFilter()


@dataclass(frozen=True, slots=True)
class TextPage:
    """Texts, newest first; behind the cursor `next` there may be more, unless it is None."""

    texts: list[InboundRecord]
    next: str | None


TABLE: Final = scan.Table(
    "sms_inboundmessage",
    INBOUND_COLUMNS,
    ((("sender", "account_id"), "true"), (("account_id",), "account_id IS NOT NULL")),
)


async def texts(
    *,
    account_id: UUID,
    wanted: InboundFilter = ALL,
    limit: int = USUAL,
    after: str | None = None,
    only_test: bool = False,
) -> TextPage:
    """Return the newest texts to an account, or those behind a cursor; `only_test`: for a test key.

    Raises InvalidList, Unavailable.
    """
    if only_test:
        if wanted.is_test is False:
            return TextPage([], None)
        wanted = replace(wanted, is_test=True)
    return await in_thread(query, get_page, account_id, wanted, limit, after)


def get_page(account_id: UUID, wanted: InboundFilter = ALL, limit: int = USUAL, after: str | None = None) -> TextPage:
    """Return the newest texts to an account, or those behind a cursor. Raises InvalidList."""
    if not 1 <= limit <= MOST:
        raise InvalidList(ErrorCode.PAGE_SIZE_INVALID, f"A page has 1 to {MOST} texts, not {limit:,}.", "limit")
    found = _plan(account_id, wanted, before=HIGHEST if after is None else cursors.decode(after))
    shown, behind = scan.read(found, limit=limit, looked_at=LOOKED_AT, looks_for=LOOKS_FOR)
    return TextPage([InboundRecord(*columns) for columns in shown], behind)


def _plan(account_id: UUID, wanted: InboundFilter, *, before: UUID) -> scan.Scan:
    conditions: dict[str, tuple[str, Any]] = {}
    since = LOWEST
    if wanted.received_after is not None:
        after = by_utc(wanted.received_after, "received_after")
        conditions["received_after"] = "received_at >= %(received_after)s", after
        since = first_id_of(after, offset=scan.EARLIER)
    if wanted.received_before is not None:
        until = by_utc(wanted.received_before, "received_before")
        conditions["received_before"] = "received_at < %(received_before)s", until
        before = min(before, first_id_of(until, offset=scan.LATER))
    return scan.plan(TABLE, {"account_id": account_id, **_exact(wanted)}, conditions, since=since, before=before)


def _exact(wanted: InboundFilter) -> dict[str, Any]:
    """Return the columns of which one value is wanted, as it is stored. Raises InvalidList."""
    exact: dict[str, Any] = {
        name: _number(written, name)
        for name, written in (("sender", wanted.sender), ("recipient", wanted.recipient))
        if written is not None
    }
    if wanted.keyword is not None:
        exact["keyword"] = wanted.keyword.value
    if wanted.is_test is not None:
        exact["is_test"] = wanted.is_test
    return exact


def _number(written: str, field: str) -> str:
    """Return a number as it is stored; a short code, or a name, as it is written. Raises InvalidList."""
    if not 0 < len(written) <= LONGEST_PARTY or not written.isprintable():
        detail = f"A number, short code or name has 1 to {LONGEST_PARTY} printable characters."
        raise InvalidList(ErrorCode.FILTER_INVALID, detail, field)
    return phone_numbers.find(written, default_region=settings.SMS_DEFAULT_REGION) or written


@dataclass(slots=True)
class InboundEvent:
    """A text, and its place in the feed."""

    cursor: InboundCursor
    text: InboundRecord


Page = horizon.Page[InboundCursor, InboundEvent]


async def read(account_id: UUID, after: InboundCursor | None, *, limit: int = AT_ONCE) -> Page:
    """Return the account's next texts after a cursor; without one none, and where the feed ends now.

    Raises InvalidCursor for one from the future, and Unavailable.
    """
    return await in_thread(query, read_now, account_id, after, limit)


read_now = horizon.Feed(
    "sms_inboundmessage",
    ", ".join(f"e.{column}" for column in INBOUND_COLUMNS),
    start=START,
    event=lambda place, columns: InboundEvent(place, InboundRecord(*columns)),
    indexed="account_id IS NOT NULL",
).read  # as `read`, on this thread
