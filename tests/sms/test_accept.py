"""Accepting messages into a real database."""

import asyncio

import pytest

from sms.database import query, rows
from sms.errors import IdempotencyConflict, InvalidMessage, PermissionDenied
from sms.models import DispatchEntry, IdempotencyKey, Message
from sms.services.accept import _accepts, accept
from sms.services.new_message import check
from sms.services.store import Accepted, store
from tests.accounts import make_caller
from tests.messages import history


def request(**fields):
    """A message that is accepted, with some fields changed."""
    return {"sender_id": "MyCorp", "recipient": "0200000901", "text": "Hello", **fields}


async def in_thread(work):
    """Ask the database from a test that runs on the loop."""
    return await asyncio.to_thread(work)


async def test_one_commit_stores_all_that_a_message_needs(caller):
    """After the answer there are the message, its first event and its queue entry."""
    accepted = await accept(caller=caller, **request())

    def look():
        message = Message.objects.get(id=accepted.message.id)
        entry = DispatchEntry.objects.get(message=message)
        assert history(message) == [(1, "QUEUED")]
        assert (message.recipient, message.status, message.sequence) == ("+233200000901", "QUEUED", 1)
        assert (entry.purpose, entry.lease, entry.attempts) == (DispatchEntry.Purpose.SUBMIT, None, 0)
        assert (entry.expires_at - message.created_at).total_seconds() == 72 * 3600
        assert message.created_at == accepted.message.created_at

    await in_thread(look)


async def test_a_message_lives_as_long_and_as_often_as_it_asks(caller):
    """Validity and delivery policy are stored with the message."""
    accepted = await accept(caller=caller, **request(), delivery_policy="AT_LEAST_ONCE", valid_for=90)

    def look():
        message = Message.objects.get(id=accepted.message.id)
        expires_at = DispatchEntry.objects.get(message=message).expires_at
        assert (message.delivery_policy, (expires_at - message.created_at).total_seconds()) == ("AT_LEAST_ONCE", 90)

    await in_thread(look)


async def test_200_at_once_with_one_key_are_one_message(caller):
    """However many come at once, one key makes one message, and all get its id."""
    answers = await asyncio.gather(*(accept(caller=caller, idempotency_key="one", **request()) for _ in range(200)))
    assert len({answer.message.id for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    assert await in_thread(Message.objects.count) == 1


def test_two_processes_with_one_key_make_one_message(caller):
    """Two transactions that store one key at the same time: the second waits, and then finds the first."""
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    def store_one():
        try:
            new = check(caller, **request(), idempotency_key="race")
            return store([new])[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: store_one(), range(40)))
    assert all(isinstance(one, Accepted) for one in results)
    assert sum(not one.replayed for one in results) == 1
    assert len({one.message.id for one in results}) == 1


async def test_a_key_means_the_normalised_request(caller):
    """Another spelling of the same number or text is the same request; another text is not."""
    first = await accept(caller=caller, idempotency_key="k", **request(text="caf\u00e9"))
    again = await accept(caller=caller, idempotency_key="k", **request(text="cafe\u0301", recipient="+233 20 000 0901"))
    assert (again.message.id, again.replayed) == (first.message.id, True)
    for changed in (
        {"text": "cafe"},
        {"recipient": "0200000902"},
        {"client_reference": "x"},
        {"valid_for": 60},
        {"delivery_policy": "AT_LEAST_ONCE"},
    ):
        with pytest.raises(IdempotencyConflict):
            await accept(caller=caller, idempotency_key="k", **request(**{"text": "caf\u00e9", **changed}))


async def test_keys_of_two_accounts_do_not_meet(caller):
    """The same key in another account is another key."""
    other = await in_thread(lambda: make_caller("other"))
    mine = await accept(caller=caller, idempotency_key="k", **request())
    theirs = await accept(caller=other, idempotency_key="k", **request())
    assert mine.message.id != theirs.message.id
    assert not theirs.replayed


async def test_new_and_repeated_in_one_set_are_told_apart(caller):
    """In one flush, a first use, its repeat, a conflict and a message without a key each get their own answer."""
    answers = await asyncio.gather(
        accept(caller=caller, idempotency_key="a", **request()),
        accept(caller=caller, idempotency_key="a", **request()),
        accept(caller=caller, idempotency_key="a", **request(text="other")),
        accept(caller=caller, **request()),
        return_exceptions=True,
    )
    assert isinstance(answers[2], IdempotencyConflict)
    assert (answers[0].replayed, answers[1].replayed, answers[3].replayed) == (False, True, False)
    assert answers[0].message.id == answers[1].message.id != answers[3].message.id
    assert await in_thread(Message.objects.count) == 2


async def test_a_refusal_stores_nothing(caller):
    """Neither message nor key is left of a refused request."""
    with pytest.raises(InvalidMessage):
        await accept(caller=caller, idempotency_key="k", **request(text="STOP"))
    assert await in_thread(Message.objects.count) == 0
    assert await in_thread(IdempotencyKey.objects.count) == 0


async def test_a_key_without_the_scope_may_not_send(transactional_db):
    """Reading is not sending."""
    reader = await in_thread(lambda: make_caller("reader", granted=["messages:read"]))
    with pytest.raises(PermissionDenied, match="messages:send"):
        await accept(caller=reader, **request())


async def test_a_row_that_the_database_refuses_harms_no_neighbour(caller):
    """A value that slipped through the checks fails alone; the others of its set are stored."""
    good = [check(caller, **request()) for _ in range(5)]
    bad = check(caller, **request())
    object.__setattr__(bad, "sender_id", "far longer than the column")
    results = await asyncio.gather(*(_accepts(one) for one in [*good, bad]), return_exceptions=True)
    assert [isinstance(one, Accepted) for one in results] == [True] * 5 + [False]
    assert await in_thread(Message.objects.count) == 5


async def test_keys_that_were_stored_before_digests_were_halved_stay_good(caller):
    """The migration makes of what was stored, the digest of the key alone, what the code makes of the key."""
    told = "SELECT encode(substring(sha256(uuid_send(%s::uuid) || sha256(%s)) FROM 1 FOR 16), 'hex')::uuid"
    ((digest,),) = await in_thread(lambda: query(rows, told, caller.account_id, b"order-1"))
    new = check(caller, sender_id="MyCorp", recipient="233200000901", text="Hello", idempotency_key="order-1")
    assert new.key_digest == digest
