"""Accepting many messages in one request, into a real database."""

import asyncio

import pytest
from django.db import connection

from sms.database import in_thread
from sms.errors import (
    BatchRefused,
    ErrorCode,
    IdempotencyConflict,
    InvalidBatch,
    InvalidMessage,
    PermissionDenied,
)
from sms.models import DispatchEntry, Message, MessageEvent
from sms.services.accept import accept
from sms.services.accept_many import MOST, ErrorPolicy, accept_many
from sms.services.store import Accepted
from tests.accounts import make_caller


def messages(*texts, **fields):
    """Messages that are accepted, with some fields changed."""
    return [{"sender_id": "MyCorp", "recipient": "0200000901", "text": text, **fields} for text in texts]


async def count():
    """How many messages are stored."""
    return await in_thread(Message.objects.count)


def ids(results):
    """The ids of messages that were all accepted."""
    assert all(isinstance(one, Accepted) for one in results), results
    return [one.message.id for one in results]


async def test_each_gets_a_result_in_its_place(caller):
    """Good ones are stored with their event and queue entry; bad ones say why; the order is the request's."""
    batch = messages("one", "STOP", "three", "")
    results = await accept_many(caller=caller, messages=batch, idempotency_key="b")
    assert [type(one) for one in results] == [Accepted, InvalidMessage, Accepted, InvalidMessage]
    assert [results[0].message.text, results[2].message.text] == ["one", "three"]
    assert [results[1].code, results[3].code] == [ErrorCode.BLOCKED_KEYWORD, ErrorCode.TEXT_EMPTY]
    stored = {results[0].message.id, results[2].message.id}
    for model, column in ((Message, "id"), (DispatchEntry, "message_id"), (MessageEvent, "message_id")):
        assert set(await in_thread(lambda m=model, c=column: list(m.objects.values_list(c, flat=True)))) == stored


async def test_a_batch_sent_again_is_the_same_batch(caller):
    """The key gives back what was stored, in place; what was refused may be mended under the same key."""
    first = await accept_many(caller=caller, messages=messages("one", "STOP"), idempotency_key="b")
    again = await accept_many(caller=caller, messages=messages("one", "mended"), idempotency_key='"b"')
    assert [one.replayed for one in again] == [True, False]
    assert again[0].message.id == first[0].message.id
    assert await count() == 2


async def test_another_message_in_a_place_is_refused(caller):
    """What came before under the key is not silently something else now."""
    await accept_many(caller=caller, messages=messages("one", "two"), idempotency_key="b")
    results = await accept_many(caller=caller, messages=messages("one", "other"), idempotency_key="b")
    assert [type(one) for one in results] == [Accepted, IdempotencyConflict]
    assert await count() == 2


async def test_a_message_may_have_a_key_of_its_own(caller):
    """It is the key of a single send, too; twice in one batch it is one message."""
    single = await accept(caller=caller, sender_id="MyCorp", recipient="0200000901", text="x", idempotency_key="own")
    results = await accept_many(caller=caller, messages=messages("x", "x", idempotency_key="own"))
    assert set(ids(results)) == {single.message.id}
    new = await accept_many(caller=caller, messages=messages("y", "y", idempotency_key="new"))
    assert len(set(ids(new))) == 1
    assert [one.replayed for one in new] == [False, True]
    assert await count() == 2


async def test_the_key_of_a_batch_is_no_key_of_a_single_message(caller):
    """Whatever a batch is called, it cannot meet the key of a single send."""
    await accept_many(caller=caller, messages=messages("one"), idempotency_key="k")
    single = await accept(caller=caller, sender_id="MyCorp", recipient="0200000901", text="one", idempotency_key="k")
    assert not single.replayed
    assert await count() == 2


async def test_all_or_nothing_stores_nothing_when_a_rule_is_broken(caller):
    """The broken one says why; the others say that it was not they."""
    results = await accept_many(
        caller=caller,
        messages=messages("one", "STOP", "three"),
        idempotency_key="b",
        error_policy=ErrorPolicy.ALL_OR_NOTHING,
    )
    assert [type(one) for one in results] == [BatchRefused, InvalidMessage, BatchRefused]
    assert await count() == 0


async def test_all_or_nothing_stores_nothing_when_a_key_is_taken(caller):
    """Also what is found out only in the database undoes the rest, and leaves no key behind."""
    await accept_many(caller=caller, messages=messages("taken", idempotency_key="own"))
    batch = [*messages("one"), *messages("another", idempotency_key="own")]
    policy = ErrorPolicy.ALL_OR_NOTHING
    results = await accept_many(caller=caller, messages=batch, idempotency_key="b", error_policy=policy)
    assert [type(one) for one in results] == [BatchRefused, IdempotencyConflict]
    assert await count() == 1
    mended = [*messages("one"), *messages("another", idempotency_key="own-2")]
    results = await accept_many(caller=caller, messages=mended, idempotency_key="b", error_policy=policy)
    assert [one.replayed for one in results] == [False, False]
    assert await count() == 3


async def test_batches_that_come_at_once_with_one_key_are_one(caller):
    """However many, and whatever commits first."""
    batch = messages(*(f"text {n}" for n in range(20)))
    answers = await asyncio.gather(
        *(
            accept_many(
                caller=caller,
                messages=batch,
                idempotency_key="b",
                error_policy=ErrorPolicy.ALL_OR_NOTHING if n % 2 else ErrorPolicy.EACH_ROW,
            )
            for n in range(8)
        )
    )
    assert len({tuple(ids(one)) for one in answers}) == 1
    assert sum(not result.replayed for one in answers for result in one) == 20
    assert await count() == 20


async def test_batches_with_the_same_keys_in_another_order_do_not_wait_in_a_circle(caller):
    """Keys are taken in one order, whatever the order of the messages."""
    batch = [one for n in range(100) for one in messages(f"text {n}", idempotency_key=f"k-{n}")]
    for _ in range(5):
        answers = await asyncio.gather(
            accept_many(caller=caller, messages=batch), accept_many(caller=caller, messages=batch[::-1])
        )
        assert ids(answers[0]) == ids(answers[1])[::-1]
    assert await count() == 100


async def test_the_largest_batch_is_taken_and_one_more_is_not(caller):
    """1,000 it is; and none is as wrong as too many."""
    results = await accept_many(caller=caller, messages=messages(*map(str, range(MOST))), idempotency_key="b")
    assert len(set(ids(results))) == MOST
    for wrong in ([], messages("x") * (MOST + 1)):
        with pytest.raises(InvalidBatch) as refusal:
            await accept_many(caller=caller, messages=wrong, idempotency_key="c")
        assert (refusal.value.code, refusal.value.field) == (ErrorCode.BATCH_INVALID, "messages")
    assert await count() == MOST


@pytest.mark.parametrize(
    ("key", "batch", "code"),
    [
        (None, messages("one"), ErrorCode.IDEMPOTENCY_KEY_REQUIRED),
        (None, [*messages("one", idempotency_key="k"), *messages("two")], ErrorCode.IDEMPOTENCY_KEY_REQUIRED),
        ("with space", messages("one"), ErrorCode.IDEMPOTENCY_KEY_INVALID),
        ("", messages("one"), ErrorCode.IDEMPOTENCY_KEY_INVALID),
    ],
)
async def test_a_batch_needs_a_key(caller, key, batch, code):
    """Without one nobody could repeat it, and it would be a thousand texts twice."""
    with pytest.raises(InvalidBatch) as refusal:
        await accept_many(caller=caller, messages=batch, idempotency_key=key)
    assert (refusal.value.code, refusal.value.field) == (code, "idempotency_key")
    assert await count() == 0


async def test_what_only_the_database_refuses_fails_alone(caller):
    """A rule that the checks do not know costs its own message, and the answer shows nothing of it."""

    def forbid():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE sms_message ADD CONSTRAINT odd CHECK (text <> 'odd')")

    def allow():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE sms_message DROP CONSTRAINT odd")

    await in_thread(forbid)
    try:
        results = await accept_many(caller=caller, messages=messages("one", "odd", "three"), idempotency_key="b")
    finally:
        await in_thread(allow)
    assert [isinstance(one, Accepted) for one in results] == [True, False, True]
    assert results[1].code is ErrorCode.INTERNAL_ERROR
    assert "odd" not in results[1].detail
    assert await count() == 2


async def test_a_key_without_the_scope_may_not_send_many(transactional_db):
    """The scope is asked for before anything is looked at."""
    reader = await in_thread(lambda: make_caller("reader", granted=["messages:read"]))
    with pytest.raises(PermissionDenied):
        await accept_many(caller=reader, messages=messages("x"), idempotency_key="b")
    assert await count() == 0


async def test_keys_are_the_accounts_own(caller):
    """Another account's batch with the same key and content is another batch."""
    other = await in_thread(lambda: make_caller("other"))
    ours = await accept_many(caller=caller, messages=messages("one"), idempotency_key="b")
    theirs = await accept_many(caller=other, messages=messages("one"), idempotency_key="b")
    assert ids(ours) != ids(theirs)
    assert await count() == 2


async def test_all_or_nothing_shows_what_an_earlier_request_stored(caller):
    """Of a message that is stored it must never be said that it was not: somebody would send it once more."""
    policy = ErrorPolicy.ALL_OR_NOTHING
    first = await accept_many(caller=caller, messages=messages("one", "two"), idempotency_key="b", error_policy=policy)
    for broken, kind in (("other", IdempotencyConflict), ("STOP", InvalidMessage)):
        results = await accept_many(
            caller=caller, messages=messages("one", broken, "three"), idempotency_key="b", error_policy=policy
        )
        assert [type(one) for one in results] == [Accepted, kind, BatchRefused]
        assert (results[0].replayed, results[0].message.id) == (True, first[0].message.id)
    assert await count() == 2


async def test_two_equal_keys_in_a_batch_that_is_undone_are_not_shown_as_stored(caller):
    """The second one's twin is undone with all the others."""
    await accept_many(caller=caller, messages=messages("taken", idempotency_key="own"))
    batch = [*messages("x", "x", idempotency_key="twin"), *messages("another", idempotency_key="own")]
    results = await accept_many(caller=caller, messages=batch, error_policy=ErrorPolicy.ALL_OR_NOTHING)
    assert [type(one) for one in results] == [BatchRefused, BatchRefused, IdempotencyConflict]
    assert await count() == 1


async def test_more_batches_than_there_is_room_for_are_told_to_come_back(caller, monkeypatch):
    """Each takes megabytes: waiting for them is bounded."""
    monkeypatch.setattr("sms.services.accept_many._room", asyncio.Semaphore(2))
    batch = messages(*map(str, range(100)))
    batches = [accept_many(caller=caller, messages=batch, idempotency_key=f"b{n}") for n in range(5)]
    answers = await asyncio.gather(*batches, return_exceptions=True)
    assert sorted(type(one).__name__ for one in answers) == ["Overloaded"] * 3 + ["list"] * 2
    assert await count() == 200


async def test_one_key_for_two_messages_of_a_batch_says_which_was_wrong(caller):
    """Nothing of it is there any more when the answer is made, and still somebody has to be told why."""
    batch = [*messages("x", idempotency_key="twin"), *messages("y", idempotency_key="twin")]
    results = await accept_many(caller=caller, messages=batch, error_policy=ErrorPolicy.ALL_OR_NOTHING)
    assert [type(one) for one in results] == [BatchRefused, IdempotencyConflict]
    assert await count() == 0
