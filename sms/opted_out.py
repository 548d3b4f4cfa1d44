"""An account's opt-outs, as a list, newest first."""

from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from sms import cursors, phone_numbers, scan
from sms.database import in_thread, query
from sms.errors import ErrorCode, InvalidList, InvalidMessage
from sms.ids import HIGHEST, LOWEST
from sms.records import OPT_OUT_COLUMNS, OptOutRecord

MOST = 100  # opt-outs in a page
USUAL = 50
LOOKED_AT = 5_000  # rows; as in `sms.listing`
LOOKS_FOR = 0.005  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutFilter:
    """Which opt-outs to list: those that have all of this; what is None does not matter."""

    recipient: str | None = None  # written in any way that a send takes
    is_test: bool | None = None


ALL: Final = OptOutFilter()


@dataclass(frozen=True, slots=True)
class OptOutPage:
    """Opt-outs, newest first; behind the cursor `next` there may be more, unless it is None."""

    opt_outs: list[OptOutRecord]
    next: str | None


TABLE: Final = scan.Table(
    "sms_optout", OPT_OUT_COLUMNS, ((("recipient", "account_id"), "true"), (("account_id",), "true"))
)


async def opt_outs(
    *,
    account_id: UUID,
    wanted: OptOutFilter = ALL,
    limit: int = USUAL,
    after: str | None = None,
    only_test: bool = False,
) -> OptOutPage:
    """Return the newest opt-outs of an account, or those behind a cursor; `only_test`: for a test key.

    Raises InvalidList, Unavailable.
    """
    if only_test:
        if wanted.is_test is False:
            return OptOutPage([], None)
        wanted = replace(wanted, is_test=True)
    return await in_thread(query, get_page, account_id, wanted, limit, after)


def get_page(account_id: UUID, wanted: OptOutFilter = ALL, limit: int = USUAL, after: str | None = None) -> OptOutPage:
    """Return the newest opt-outs of an account, or those behind a cursor. Raises InvalidList."""
    if not 1 <= limit <= MOST:
        raise InvalidList(ErrorCode.PAGE_SIZE_INVALID, f"A page has 1 to {MOST} opt-outs, not {limit:,}.", "limit")
    exact: dict[str, Any] = {"account_id": account_id}
    if wanted.recipient is not None:
        exact["recipient"] = _number(wanted.recipient)
    if wanted.is_test is not None:
        exact["is_test"] = wanted.is_test
    before = HIGHEST if after is None else cursors.decode(after)
    found = scan.plan(TABLE, exact, {}, since=LOWEST, before=before)
    shown, behind = scan.read(found, limit=limit, looked_at=LOOKED_AT, looks_for=LOOKS_FOR)
    return OptOutPage([OptOutRecord(*columns) for columns in shown], behind)


def _number(written: str) -> str:
    try:
        return phone_numbers.normalise(written, default_region=settings.SMS_DEFAULT_REGION)
    except InvalidMessage as error:
        raise InvalidList.because(error) from None
