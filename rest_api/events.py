"""`GET /api/events/`: all changes of the account's messages, for clients that ask instead of being told."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from edge.callers import caller_of
from rest_api import answers, parameters, representations
from sms import feed, scopes
from sms.feed import Page, Wanted
from sms.feed_cursors import Cursor

LIMIT: Final = 100  # events in an answer, if nothing is said
MOST: Final = 1_000
LONGEST_WAIT: Final = 5  # seconds; a process that is told to stop has to be able to wait for all that wait
LOOK_EVERY: Final = 0.5  # seconds; each look is a query
MOST_WAITING: Final = 50  # requests of a process; one more is answered at once


async def list_events(request: Request) -> Response:
    """Return the next changes after a cursor; without one none, and where the feed ends now."""
    caller = await caller_of(request)
    caller.require(scopes.READ)
    given = parameters.parse(request.query_params, PARAMETERS)
    after, limit, wait = given.pop("after", None), given.pop("limit", LIMIT), given.pop("wait", 0)
    page = await _take(
        caller.account_id, after, Wanted.of(statuses=given.pop("status", None), **given), limit=limit, wait=wait
    )
    return answers.json(representations.feed(page))


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


PARAMETERS: Final[Mapping[str, parameters.Parser]] = {
    "after": lambda written, _: Cursor.parse(written),
    "limit": parameters.number_within(1, MOST),
    "wait": parameters.number_within(0, LONGEST_WAIT),
    "status": parameters.status,
    "final": parameters.truth,
    "sender_id": parameters.text,
    "recipient": parameters.text,
    "client_reference": parameters.text,
}
