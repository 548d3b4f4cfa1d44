"""Accept many messages in one request: a result for each, in their order.

Each message has an idempotency key: its own, or one made of the batch's key and its place. So a batch may be sent again
with the same key, however far it came: what was stored is returned, what was refused is tried anew, and a message that
is another one than before is refused. The batch itself needs no row, and no lock.
"""

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import Any

import structlog

from sms import scopes
from sms.errors import (
    BatchRefused,
    DuplicateInBatch,
    ErrorCode,
    InternalError,
    InvalidBatch,
    InvalidMessage,
    Overloaded,
    SmsError,
)
from sms.services.authenticate import Caller
from sms.services.duplicates import DuplicatePolicy, copies, equal_places, spread
from sms.services.new_message import NewMessage, check
from sms.services.rules import clean_key
from sms.services.store import Accepted, NothingStored, find, nudge_for, store, store_all
from sms.shared_commit import write_in_halves
from sms.threads import Threads

MOST = 1_000  # messages in a batch
MOST_AT_ONCE = 16  # batches that are checked or wait, a few MB each; one more is told to come back
TURN = 25  # messages that are checked before other requests get their turn: less than a millisecond

Checked = NewMessage | SmsError
Result = Accepted | SmsError

log = structlog.get_logger(__name__)


class ErrorPolicy(StrEnum):
    """What a refused message means for the others of its batch."""

    EACH_ROW = "EACH_ROW"  # nothing
    ALL_OR_NOTHING = "ALL_OR_NOTHING"  # they are not stored either


async def accept_many(
    *,
    caller: Caller,
    messages: Sequence[Mapping[str, Any]],
    idempotency_key: str | None = None,
    error_policy: ErrorPolicy = ErrorPolicy.EACH_ROW,
    duplicates: DuplicatePolicy = DuplicatePolicy.COLLAPSE,
) -> list[Result]:
    """Store messages, given as what `accept` takes, in one commit; return what became of each, in their order.

    Raises InvalidBatch, PermissionDenied, Unavailable: nothing was stored. Raises Unanswered when nobody knows: the
    same request tells.
    """
    caller.require(scopes.SEND)
    check_size(len(messages))
    key = _clean(idempotency_key)
    if key is None and not all(message.get("idempotency_key") for message in messages):
        raise InvalidBatch(
            ErrorCode.IDEMPOTENCY_KEY_REQUIRED,
            "Give the batch an idempotency key, or every message its own: without one a repeated request sends twice.",
            field="idempotency_key",
        )
    if _room.locked():
        raise Overloaded
    async with _room:
        checked = await _check_each(caller, messages, key)
        same = {} if duplicates is DuplicatePolicy.ALLOW else await _find_copies(messages, checked)
        if duplicates is DuplicatePolicy.REJECT:
            checked, same = [DuplicateInBatch(same[n]) if n in same else one for n, one in enumerate(checked)], {}
        write = _store_all if error_policy is ErrorPolicy.ALL_OR_NOTHING else _store_each
        results = await write([one for n, one in enumerate(checked) if n not in same] if same else checked)
        results = spread(results, same) if same else results
    nudge_for([one.message for one in results if isinstance(one, Accepted) and not one.replayed])
    return results


def check_size(count: int) -> None:
    """Raise InvalidBatch unless a batch may have so many messages: for an edge, before it looks at each."""
    if not 1 <= count <= MOST:
        raise InvalidBatch(
            ErrorCode.BATCH_INVALID, f"A batch has 1 to {MOST:,} messages; this one has {count:,}.", field="messages"
        )


def _clean(key: str | None) -> str | None:
    try:
        return None if key is None else clean_key(key)
    except InvalidMessage as error:
        raise InvalidBatch.because(error) from None


async def _check_each(caller: Caller, messages: Sequence[Mapping[str, Any]], key: str | None) -> list[Checked]:
    checked: list[Checked] = []
    for place, message in enumerate(messages):
        if place % TURN == TURN - 1 or message.get("transliterate"):  # of a long text that takes milliseconds
            await asyncio.sleep(0)
        try:
            # No key that somebody gives has a space in it.
            checked.append(check(caller, **message, fallback_key=None if key is None else f"{key} {place}"))
        except InvalidMessage as error:
            checked.append(error)
    return checked


async def _find_copies(messages: Sequence[Mapping[str, Any]], checked: Sequence[Checked]) -> dict[int, int]:
    """Return the places that ask for the same as another one, each with that one. Raises Unavailable."""
    if not (sets := equal_places(messages, checked)):
        return {}
    equal = {n: one for places in sets for n in places if isinstance(one := checked[n], NewMessage)}
    return copies(sets, equal, await _threads.run(find, list(equal.values())))


async def _store_each(checked: Sequence[Checked]) -> list[Result]:
    new = [one for one in checked if isinstance(one, NewMessage)]
    stored = iter(_known(await _threads.run(write_in_halves, partial(store, is_batch=True), new)) if new else ())
    return [next(stored) if isinstance(one, NewMessage) else one for one in checked]


def _known(results: Sequence[Accepted | Exception]) -> list[Result]:
    """Turn what the database had against a message, and the rules had not, into an answer."""
    surprises = [one for one in results if not isinstance(one, Accepted | SmsError)]
    if surprises:
        log.error("messages_failed", messages=len(surprises), exc_info=surprises[0])
    ours = InternalError("Something went wrong on our side; this message was not stored.")
    return [one if isinstance(one, Accepted | SmsError) else ours for one in results]


async def _store_all(checked: Sequence[Checked]) -> list[Result]:
    """Store all or none. What an earlier request stored is there all the same, and shown."""
    new = [one for one in checked if isinstance(one, NewMessage)]
    reasons: Sequence[Result] = [BatchRefused()] * len(new)
    if len(new) == len(checked):
        try:
            return list(await _threads.run(store_all, new))
        except NothingStored as error:
            reasons = [why if isinstance(why, SmsError) else BatchRefused() for why in error.results]
    earlier = await _threads.run(find, new) if new else {}
    shown = iter([earlier.get(one.id, why) for one, why in zip(new, reasons, strict=True)])
    return [next(shown) if isinstance(one, NewMessage) else one for one in checked]


_threads = Threads("batches", count=2, waiting=MOST_AT_ONCE)
_room = asyncio.Semaphore(MOST_AT_ONCE)
