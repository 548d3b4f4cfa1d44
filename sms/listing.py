"""Lists of an account's messages, newest first, a page at a time (see docs/adr/0007-accounts-lists-feeds.md).

A page takes about the same time whatever is asked for, and however much is stored. It is read along an index, from the
cursor on, and what no index knows (a status, a sender ID) is looked up in the rows: in at most LOOKED_AT of them, for
at most LOOKS_FOR seconds. A page that ends there is short, or empty, and the next one goes on behind it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from sms import content, cursors, phone_numbers, scan
from sms.database import in_thread, query
from sms.errors import ErrorCode, InvalidList, InvalidMessage
from sms.ids import HIGHEST, LOWEST, first_id_of
from sms.records import MESSAGE_COLUMNS, MessageRecord, message_of
from sms.scan import EARLIER, LATER, by_utc
from sms.statuses import Status

MOST = 100  # messages in a page
USUAL = 50
LOOKED_AT = 5_000  # rows
LOOKS_FOR = 0.005  # seconds


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
    found = _plan(account_id, wanted, before=HIGHEST if after is None else cursors.decode(after))
    if wanted.statuses is not None and not wanted.statuses:
        return Page([], None)
    shown, behind = scan.read(found, limit=limit, looked_at=LOOKED_AT, looks_for=LOOKS_FOR)
    return Page([message_of(columns) for columns in shown], behind)


TABLE: Final = scan.Table(
    "sms_message",
    MESSAGE_COLUMNS,
    (
        (("recipient", "account_id"), "true"),
        (("account_id", "client_reference"), "client_reference IS NOT NULL"),
        (("account_id",), "true"),
    ),
)


def _plan(account_id: UUID, wanted: MessageFilter, *, before: UUID) -> scan.Scan:
    """Decide how to find what is wanted. Raises InvalidList for what no message can have."""
    conditions: dict[str, tuple[str, Any]] = {}
    since = LOWEST
    if wanted.statuses is not None:
        conditions["statuses"] = "status = ANY(%(statuses)s)", sorted(wanted.statuses)
    if wanted.created_after is not None:
        after = by_utc(wanted.created_after, "created_after")
        conditions["created_after"] = "created_at >= %(created_after)s", after
        since = first_id_of(wanted.created_after, offset=EARLIER)
    if wanted.created_before is not None:
        until = by_utc(wanted.created_before, "created_before")
        conditions["created_before"] = "created_at < %(created_before)s", until
        before = min(before, first_id_of(wanted.created_before, offset=LATER))
    exact = {"account_id": account_id, **_exact(wanted)}
    return scan.plan(TABLE, exact, conditions, since=since, before=before)


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
