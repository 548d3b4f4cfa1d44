"""`GET /api/events/`: all changes of the account's messages, for clients that ask instead of being told."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from edge.callers import caller_of
from edge.problems import BadRequest
from rest_api import representations
from sms import feed, scopes
from sms.feed import Page, Wanted
from sms.feed_cursors import Cursor
from sms.statuses import Status

LIMIT: Final = 100  # events in an answer, if nothing is said
MOST: Final = 1_000
LONGEST_WAIT: Final = 5  # seconds; a process that is told to stop has to be able to wait for all that wait
LOOK_EVERY: Final = 0.5  # seconds; each look is a query
MOST_WAITING: Final = 50  # requests of a process; one more is answered at once


async def list_events(request: Request) -> Response:
    """Return the next changes after a cursor; without one none, and where the feed ends now."""
    caller = await caller_of(request)
    caller.require(scopes.READ)
    given = _parameters(request.query_params)
    after, limit, wait = given.pop("after", None), given.pop("limit", LIMIT), given.pop("wait", 0)
    page = await _take(caller.account_id, after, Wanted.of(**given), limit=limit, wait=wait)
    document = orjson.dumps(representations.feed(page), option=orjson.OPT_UTC_Z)
    return Response(document, media_type="application/json")


async def _take(account_id: UUID, after: Cursor | None, wanted: Wanted, *, limit: int, wait: int) -> Page:
    """Return what there is, or else what comes within `wait` seconds."""
    page = await feed.take(account_id, after, wanted, limit=limit)
    if after is None or page.events or not page.is_last or not wait or _waiting >= MOST_WAITING:
        return page
    with _one_more():
        for _ in range(round(wait / LOOK_EVERY)):
            await asyncio.sleep(LOOK_EVERY)
            page = await feed.take(account_id, page.end, wanted, limit=limit)
            if page.events:
                break
    return page


@contextmanager
def _one_more() -> Iterator[None]:
    global _waiting  # noqa: PLW0603  a process has one set of threads
    _waiting += 1
    try:
        yield
    finally:
        _waiting -= 1


_waiting = 0


def _parameters(query: QueryParams) -> dict[str, Any]:
    """Return what was given, by the names that `Wanted.of` has for it. Raises BadRequest, or InvalidCursor."""
    given: dict[str, Any] = {}
    for name in query:
        values = query.getlist(name)
        if name not in PARAMETERS:
            raise BadRequest(f"'{name[:50]}' is not a parameter of this request.", field=name[:50])
        if name == "status":
            given["statuses"] = [_status(one) for one in values]
        elif len(values) > 1:
            raise BadRequest(f"'{name}' is given more than once.", field=name)
        else:
            given[name] = PARAMETERS[name](values[0])
    return given


def _status(written: str) -> Status:
    try:
        return Status(written)
    except ValueError:
        raise BadRequest(f"'{written[:50]}' is not a status.", field="status") from None


def _flag(name: str) -> Callable[[str], bool]:
    def parse(written: str) -> bool:
        if written not in FLAGS:
            raise BadRequest(f"'{name}' must be true or false.", field=name)
        return FLAGS[written]

    return parse


def _number(name: str, *, least: int, most: int) -> Callable[[str], int]:
    def parse(written: str) -> int:
        if not (written.isascii() and written.isdecimal() and least <= int(written[:10]) <= most):
            raise BadRequest(f"'{name}' must be a whole number from {least} to {most}.", field=name)
        return int(written)

    return parse


FLAGS: Final = {"true": True, "false": False}
PARAMETERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "after": Cursor.parse,
    "limit": _number("limit", least=1, most=MOST),
    "wait": _number("wait", least=0, most=LONGEST_WAIT),
    "status": _status,
    "final": _flag("final"),
    "sender_id": str,
    "recipient": str,
    "client_reference": str,
}
