"""Equal messages in one batch, under each policy, into a real database."""

import asyncio
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection

from sms.database import in_thread
from sms.errors import BatchRefused, DuplicateInBatch, ErrorCode, IdempotencyConflict, InvalidMessage
from sms.models import IdempotencyKey, Message, Usage
from sms.services.accept import accept
from sms.services.accept_many import MOST, ErrorPolicy, accept_many
from sms.services.duplicates import DuplicatePolicy
from sms.services.store import Accepted
from tests.accounts import make_caller

WHOLE = ErrorPolicy.ALL_OR_NOTHING
ALLOW, REJECT = DuplicatePolicy.ALLOW, DuplicatePolicy.REJECT
LATER = (datetime.now(UTC) + timedelta(hours=5)).replace(microsecond=0)


def message(text="x", **fields):
    """A message that is accepted, with some fields changed."""
    return {"sender_id": "MyCorp", "recipient": "0200000901", "text": text, **fields}


def told(results):
    """Of each result the text of its message and whether it was there already, or the code of its refusal."""
    return [(one.message.text, one.replayed) if isinstance(one, Accepted) else one.code for one in results]


def ids(results):
    """The ids of messages that were all accepted."""
    assert all(isinstance(one, Accepted) for one in results), results
    return [one.message.id for one in results]


async def count():
    """How many messages are stored."""
    return await in_thread(Message.objects.count)


@pytest.mark.parametrize("policy", ErrorPolicy)
async def test_equal_messages_are_one_message(caller, policy):
    """Each is answered with it, now and when the batch is sent again; one text is sent, under one key."""
    batch = [message("a"), message("b"), message("a"), message("a"), message("b")]
    first, again = [
        await accept_many(caller=caller, messages=batch, idempotency_key="k", error_policy=policy) for _ in range(2)
    ]
    assert told(first) == [("a", False), ("b", False), ("a", True), ("a", True), ("b", True)]
    a, b = ids(first)[:2]
    assert ids(first) == ids(again) == [a, b, a, a, b]
    assert all(one.replayed for one in again)
    assert (await count(), await in_thread(IdempotencyKey.objects.count)) == (2, 2)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"recipient": "0200000901"}, {"recipient": "+233 20 000-0901"}),
        ({"text": "caf\N{LATIN SMALL LETTER E WITH ACUTE}"}, {"text": unicodedata.normalize("NFD", "café")}),
        (
            {"text": '"x"'},
            {"text": "\N{LEFT DOUBLE QUOTATION MARK}x\N{RIGHT DOUBLE QUOTATION MARK}", "transliterate": True},
        ),
        ({"metadata": [("a", "1"), ("b", "2")]}, {"metadata": [("b", "2"), ("a", "1")]}),
        ({"metadata": []}, {"priority": "NORMAL", "valid_for": 72 * 3600, "delivery_policy": "AT_MOST_ONCE"}),
        ({"send_at": LATER}, {"send_at": LATER.astimezone(timezone(timedelta(hours=2)))}),
        ({"idempotency_key": None}, {}),
    ],
)
async def test_another_spelling_is_no_other_message(caller, one, other):
    """The same is what is the same after normalisation, as for a repeated key."""
    results = await accept_many(caller=caller, messages=[message(**one), message(**other)], idempotency_key="k")
    assert len(set(ids(results))) == await count() == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"recipient": "0200000902"},
        {"sender_id": "12345"},
        {"text": "y"},
        {"client_reference": "r"},
        {"delivery_policy": "AT_LEAST_ONCE"},
        {"valid_for": 60},
        {"send_at": LATER},
        {"priority": "BULK"},
        {"metadata": [("a", "1")]},
        {"idempotency_key": "own"},
    ],
)
async def test_what_differs_in_anything_is_another_message(transactional_db, fields):
    """Whatever was asked for differently, and whatever has a key of its own, was meant; no policy minds it."""
    caller = await in_thread(lambda: make_caller("two", sender_ids=["MyCorp", "12345"]))
    batch = [message(), message(**fields)]
    results = await accept_many(caller=caller, messages=batch, idempotency_key="k", duplicates=REJECT)
    assert len(set(ids(results))) == await count() == 2


async def test_the_same_key_of_their_own_is_one_message_as_ever(caller):
    """Such messages are no duplicates: the policy has no say in them."""
    for n, policy in enumerate(DuplicatePolicy):
        batch = [message(idempotency_key=f"own-{n}"), message(idempotency_key=f"own-{n}"), message()]
        results = await accept_many(caller=caller, messages=batch, idempotency_key=f"k-{n}", duplicates=policy)
        assert [one.replayed for one in results] == [False, True, False]
        assert len(set(ids(results))) == 2


async def test_two_equal_messages_are_two_where_that_is_allowed(caller):
    """Places, not contents, make the keys; also when the batch is sent again."""
    batch = [message(), message()]
    answers = [
        await accept_many(caller=caller, messages=batch, idempotency_key="k", duplicates=ALLOW) for _ in range(2)
    ]
    assert [told(one) for one in answers] == [[("x", False)] * 2, [("x", True)] * 2]
    assert ids(answers[0]) == ids(answers[1])
    assert len(set(ids(answers[0]))) == await count() == 2


async def test_the_later_ones_are_refused_where_duplicates_are_rejected(caller):
    """With a code, and the place of the one that they equal; again when the batch is sent again."""
    batch = [message("a"), message("b"), message("a"), message("a")]
    for replayed in (False, True):
        results = await accept_many(caller=caller, messages=batch, idempotency_key="k", duplicates=REJECT)
        refused = ErrorCode.DUPLICATE_IN_BATCH
        assert told(results) == [("a", replayed), ("b", replayed), refused, refused]
        assert "messages[0]" in results[2].detail
    assert await count() == 2


async def test_a_rejected_duplicate_refuses_all_where_it_is_all_or_nothing(caller):
    """Nothing is stored, and each says whether it was the one."""
    results = await accept_many(
        caller=caller,
        messages=[message("a"), message("b"), message("a")],
        idempotency_key="k",
        duplicates=REJECT,
        error_policy=WHOLE,
    )
    assert [type(one) for one in results] == [BatchRefused, BatchRefused, DuplicateInBatch]
    assert (await count(), await in_thread(IdempotencyKey.objects.count)) == (0, 0)


async def test_equal_messages_of_a_batch_that_is_undone_say_the_same(caller):
    """Whether a rule or a key refused another one."""
    await accept(caller=caller, **message("taken"), idempotency_key="own")
    for broken, kind in ((message(""), InvalidMessage), (message("other", idempotency_key="own"), IdempotencyConflict)):
        results = await accept_many(
            caller=caller, messages=[message(), message(), broken], idempotency_key="k", error_policy=WHOLE
        )
        assert [type(one) for one in results] == [BatchRefused, BatchRefused, kind]
    assert await count() == 1


@pytest.mark.parametrize(
    ("policy", "expected", "stored"),
    [
        (ErrorPolicy.EACH_ROW, [("a", False), *["QUOTA_EXCEEDED"] * 3, ("a", True)], 1),
        (WHOLE, ["QUOTA_EXCEEDED"] * 5, 0),
    ],
)
async def test_what_a_limit_refuses_it_refuses_in_every_place(transactional_db, policy, expected, stored):
    """A later one does not slip in where the first one was refused; on another day all of them are one."""
    caller = await in_thread(lambda: make_caller("quota", quota=1))
    batch = [message("a"), message("b"), message("c"), message("b"), message("a")]
    results = await accept_many(caller=caller, messages=batch, idempotency_key="k", error_policy=policy)
    assert told(results) == expected
    assert await count() == stored
    await in_thread(lambda: Usage.objects.all().delete())
    again = await accept_many(caller=caller, messages=batch[1:2] * 3, idempotency_key="l", error_policy=policy)
    assert told(again) == [("b", False), ("b", True), ("b", True)]


async def test_equal_messages_cost_a_limit_one(transactional_db):
    """As they are one."""
    caller = await in_thread(lambda: make_caller("quota", quota=2))
    batch = [message("a"), message("a"), message("a"), message("b")]
    results = await accept_many(caller=caller, messages=batch, idempotency_key="k", error_policy=WHOLE)
    assert told(results) == [("a", False), ("a", True), ("a", True), ("b", False)]
    assert results[0].windows[0].remaining == 0


@pytest.mark.parametrize("policy", ErrorPolicy)
async def test_what_only_the_database_refuses_it_refuses_in_every_place(caller, policy):
    """Each says the same, wherever the set was cut in halves; where it is all or nothing, the whole request fails."""

    def run(sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)

    await in_thread(run, "ALTER TABLE sms_message ADD CONSTRAINT odd CHECK (text <> 'odd')")
    batch = [message("odd"), message("a"), message("odd"), message("b"), message("a"), message("odd")]
    sending = accept_many(caller=caller, messages=batch, idempotency_key="k", error_policy=policy)
    try:
        (results,) = await asyncio.gather(sending, return_exceptions=True)
    finally:
        await in_thread(run, "ALTER TABLE sms_message DROP CONSTRAINT odd")
    if policy is WHOLE:
        assert isinstance(results, Exception)
        assert await count() == 0
        return
    odd = ErrorCode.INTERNAL_ERROR
    assert told(results) == [odd, ("a", False), odd, ("b", False), ("a", True), odd]
    assert len({one.detail for one in results if not isinstance(one, Accepted)}) == 1
    assert await count() == 2


async def test_a_mended_message_that_equals_a_stored_one_is_that_one(caller):
    """Also where the stored one stands behind it: under no policy that minds duplicates is a second text sent."""
    first = await accept_many(caller=caller, messages=[message(""), message("a")], idempotency_key="k")
    mended = [message("a"), message("a")]
    rejected = await accept_many(caller=caller, messages=mended, idempotency_key="k", duplicates=REJECT)
    assert told(rejected) == [ErrorCode.DUPLICATE_IN_BATCH, ("a", True)]
    assert "messages[1]" in rejected[0].detail
    results = await accept_many(caller=caller, messages=mended, idempotency_key="k")
    assert ids(results) == [first[1].message.id] * 2
    assert [one.replayed for one in results] == [True, True]
    assert await count() == 1


async def test_a_place_that_holds_another_message_says_so_and_hides_no_stored_one(caller):
    """What is stored in its place is shown, and never called refused because an equal one was."""
    first = await accept_many(caller=caller, messages=[message("b"), message("a")], idempotency_key="k")
    results = await accept_many(caller=caller, messages=[message("a")] * 3, idempotency_key="k")
    assert isinstance(results[0], IdempotencyConflict)
    assert ids(results[1:]) == [first[1].message.id] * 2
    assert await count() == 2


@pytest.mark.parametrize("policy", [DuplicatePolicy.COLLAPSE, REJECT])
async def test_what_was_sent_twice_is_shown_as_two_whatever_the_policy_is_now(caller, policy):
    """The policy is about what is new."""
    batch = [message(), message()]
    first = await accept_many(caller=caller, messages=batch, idempotency_key="k", duplicates=ALLOW)
    again = await accept_many(caller=caller, messages=batch, idempotency_key="k", duplicates=policy)
    assert (ids(again), [one.replayed for one in again]) == (ids(first), [True, True])
    assert await count() == 2


async def test_batches_with_equal_messages_that_come_at_once_are_one(caller):
    """However many, and whatever commits first."""
    batch = [message("a"), message("b"), message("a")] * 20
    answers = await asyncio.gather(
        *(
            accept_many(caller=caller, messages=batch, idempotency_key="k", error_policy=WHOLE if n % 2 else "EACH_ROW")
            for n in range(8)
        )
    )
    assert len({tuple(ids(one)) for one in answers}) == 1
    assert sum(not result.replayed for one in answers for result in one) == 2
    assert await count() == 2


async def test_a_thousand_times_the_same_is_one_message(caller):
    """The largest batch is no harder."""
    results = await accept_many(caller=caller, messages=[message()] * MOST, idempotency_key="k")
    assert told(results) == [("x", False), *[("x", True)] * (MOST - 1)]
    assert len(set(ids(results))) == await count() == 1
