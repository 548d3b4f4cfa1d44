"""What is counted of an account, and the limits that are decided by it, in a real database."""

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Sum

from sms import accounts
from sms.database import in_thread
from sms.errors import BatchRefused, ErrorCode, IdempotencyConflict, LimitExceeded
from sms.models import Account, Allowance, Message, Usage
from sms.services.accept import accept
from sms.services.accept_many import ErrorPolicy, accept_many
from sms.services.new_message import check
from sms.services.store import Accepted, store
from tests.accounts import make_caller
from tests.messages import age

MESSAGE = {"sender_id": "MyCorp", "recipient": "+233200000901", "text": "Hello"}
WHOLE = ErrorPolicy.ALL_OR_NOTHING


def new(caller, count, **fields):
    """Some messages, ready to be stored."""
    return [check(caller, **MESSAGE, **fields) for _ in range(count)]


def batch(count, **fields):
    """Some messages for a request, no two of them equal."""
    return [{**MESSAGE, "text": f"No. {n}", **fields} for n in range(count)]


def counted(caller):
    """What an account has used today, and how many messages it has."""
    used = Usage.objects.filter(account_id=caller.account_id).aggregate(Sum("accepted"))["accepted__sum"] or 0
    return used, Message.objects.filter(account_id=caller.account_id).count()


def codes(results):
    """What each result says: None for a message."""
    return [None if isinstance(one, Accepted) else one.code for one in results]


async def wait(caller, seconds):
    """Let time pass for the bucket; what is less than nothing holds it as it is for so long."""
    await in_thread(lambda: age("sms_allowance", "filled_at", f"{seconds} seconds", account_id=caller.account_id))


def at_once(work, times):
    """Run `work(number)` on so many threads, each with a connection of its own; return the results."""
    results, gate = [None] * times, threading.Barrier(times)

    def run(number):
        try:
            gate.wait()
            results[number] = work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(times)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return results


def test_every_accepted_message_is_counted_once(caller):
    """By whoever accepts it, at whatever time; a repeat and a conflict are not counted."""
    store(new(caller, 3))
    store(new(caller, 1, idempotency_key="k"))
    store(new(caller, 1, idempotency_key="k"))
    (conflict,) = store([check(caller, **{**MESSAGE, "text": "other"}, idempotency_key="k")])
    assert isinstance(conflict, IdempotencyConflict)
    at_once(lambda _: [store(new(caller, 5)) for _ in range(10)], 8)
    assert counted(caller) == (404, 404)
    assert all(0 <= one.slot < 32 and one.day == datetime.now(UTC).date() for one in Usage.objects.all())


def test_test_messages_are_not_counted(caller):
    """They cost nothing; beside live ones in a set neither."""
    testing = replace(caller, is_test=True)
    store([*new(testing, 2), *new(caller, 1)])
    store(new(testing, 1))
    assert counted(caller) == (1, 4)


def test_accounts_of_one_set_are_counted_apart(caller):
    """As concurrent requests share a commit."""
    other = make_caller("other")
    store([*new(caller, 2), *new(other, 3), *new(caller, 1)])
    assert (counted(caller), counted(other)) == ((3, 3), (3, 3))


async def test_what_is_not_stored_is_not_counted(caller):
    """Neither what a rule refuses, nor a batch that is all or nothing."""
    await accept_many(caller=caller, messages=batch(1, idempotency_key="own"))
    messages = [*batch(2), {**MESSAGE, "text": "other", "idempotency_key": "own"}]
    results = await accept_many(caller=caller, messages=messages, idempotency_key="b", error_policy=WHOLE)
    assert [type(one) for one in results] == [BatchRefused, BatchRefused, IdempotencyConflict]
    assert await in_thread(counted, caller) == (1, 1)


def test_usage_begins_anew_each_day(transactional_db):
    """By UTC: what was used yesterday counts for nothing, and is kept."""
    caller = make_caller("quota", quota=2)
    assert codes(store(new(caller, 3))) == [None, None, ErrorCode.QUOTA_EXCEEDED]
    age("sms_usage", "day", "1 day", account_id=caller.account_id)
    assert codes(store(new(caller, 3))) == [None, None, ErrorCode.QUOTA_EXCEEDED]
    used = accounts.used_today(Account.objects.get(id=caller.account_id))
    assert (used.accepted, used.remaining) == (2, 0)
    assert timedelta() < used.resets_at - datetime.now(UTC) <= timedelta(days=1, minutes=1)
    assert (used.resets_at.hour, used.resets_at.minute, used.resets_at.second) == (0, 0, 0)
    assert counted(caller) == (4, 4)


def test_a_quota_holds_to_the_message_however_many_come_at_once(transactional_db):
    """Through any number of connections, as any number of web processes have."""
    caller = make_caller("quota", quota=100)
    results = at_once(lambda _: [one for _ in range(10) for one in store(new(caller, 3))], 8)
    said = codes([one for some in results for one in some])
    assert (said.count(None), said.count(ErrorCode.QUOTA_EXCEEDED)) == (100, 140)
    assert counted(caller) == (100, 100)


def test_a_rate_holds_however_many_come_at_once(transactional_db):
    """What the bucket holds, and what has come in since; each connection takes from the same."""
    caller = make_caller("rate", rate=5)
    results = at_once(lambda _: [one for _ in range(10) for one in store(new(caller, 3))], 8)
    said = codes([one for some in results for one in some])
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM max(created_at) - min(created_at)) FROM sms_message")
        took = float(cursor.fetchone()[0])
    assert 10 <= said.count(None) <= 10 + 5 * took + 1
    assert said.count(None) + said.count(ErrorCode.RATE_LIMITED) == 240
    assert counted(caller) == (said.count(None),) * 2


def test_who_waits_is_accepted_again(transactional_db):
    """As long as it was told to."""
    caller = make_caller("rate", rate=1)
    *accepted, refused = store(new(caller, 3))
    assert codes(accepted) == [None, None]
    assert (refused.code, refused.retry_after) == (ErrorCode.RATE_LIMITED, 1)
    age("sms_allowance", "filled_at", "1 second", account_id=caller.account_id)
    assert codes(store(new(caller, 1))) == [None]


def test_what_was_stored_before_is_never_refused_and_costs_nothing(transactional_db):
    """Whoever repeats a request gets its message, also when nothing is left."""
    caller = make_caller("both", rate=1, quota=2)
    first, twin = store(new(caller, 2, idempotency_key="k"))
    assert (first.replayed, twin.replayed) == (False, True)
    for _ in range(3):
        (again,) = store(new(caller, 1, idempotency_key="k"))
        assert (again.replayed, again.message.id) == (True, first.message.id)
    assert codes(store(new(caller, 1, idempotency_key="l"))) == [None]
    assert codes(store(new(caller, 1))) == [ErrorCode.QUOTA_EXCEEDED]
    (again,) = store(new(caller, 1, idempotency_key="k"))
    assert again.replayed
    (conflict,) = store([check(caller, **{**MESSAGE, "text": "other"}, idempotency_key="k")])
    assert isinstance(conflict, IdempotencyConflict)
    assert counted(caller) == (2, 2)


def test_what_is_refused_is_refused_under_its_key_too(transactional_db):
    """A second message with the same key does not slip in where the first one was refused; later the key is free."""
    caller = make_caller("quota", quota=1)
    store(new(caller, 1))
    assert codes(store(new(caller, 2, idempotency_key="k"))) == [ErrorCode.QUOTA_EXCEEDED] * 2
    assert counted(caller) == (1, 1)
    Usage.objects.all().delete()
    (accepted,) = store(new(caller, 1, idempotency_key="k"))
    assert not accepted.replayed


def test_test_messages_have_no_limits(transactional_db):
    """They reach nobody."""
    testing = replace(make_caller("quota", rate=1, quota=1), is_test=True)
    assert codes(store(new(testing, 5))) == [None] * 5


def test_one_account_s_limits_are_not_another_one_s(transactional_db):
    """Also when they come in one set."""
    limited, free, other = make_caller("a", quota=1), make_caller("b"), make_caller("c", quota=2)
    results = store([*new(limited, 2), *new(free, 2), *new(other, 2)])
    assert codes(results) == [None, ErrorCode.QUOTA_EXCEEDED, None, None, None, None]
    assert [bool(one.windows) for one in results] == [True, True, False, False, True, True]


async def test_a_batch_is_taken_as_far_as_the_quota_reaches(transactional_db):
    """And the rest when it is sent again on another day, with the same key."""
    caller = await in_thread(lambda: make_caller("quota", quota=3))
    results = await accept_many(caller=caller, messages=batch(5), idempotency_key="b")
    assert codes(results) == [None] * 3 + [ErrorCode.QUOTA_EXCEEDED] * 2
    await in_thread(lambda: age("sms_usage", "day", "1 day", account_id=caller.account_id))
    again = await accept_many(caller=caller, messages=batch(5), idempotency_key="b")
    assert codes(again) == [None] * 5
    assert [one.replayed for one in again] == [True] * 3 + [False] * 2
    assert await in_thread(counted, caller) == (5, 5)


async def test_a_batch_is_not_cut_to_pieces_by_the_rate(transactional_db):
    """One that is larger than the bucket is taken whole from a full one, and paid for afterwards."""
    caller = await in_thread(lambda: make_caller("rate", rate=10))
    assert codes(await accept_many(caller=caller, messages=batch(100), idempotency_key="b")) == [None] * 100
    await wait(caller, -60)
    with pytest.raises(LimitExceeded) as refused:
        await accept(caller=caller, **MESSAGE)
    assert refused.value.retry_after == 9  # 81 tokens are missing, at 10 a second
    results = await accept_many(caller=caller, messages=batch(5), idempotency_key="c")
    assert codes(results) == [ErrorCode.RATE_LIMITED] * 5
    again = await accept_many(caller=caller, messages=batch(100), idempotency_key="b")
    assert all(one.replayed for one in again)
    await wait(caller, 69)
    assert codes(await accept_many(caller=caller, messages=batch(5), idempotency_key="c")) == [None] * 5
    assert await in_thread(counted, caller) == (105, 105)


@pytest.mark.parametrize(("limits", "code"), [({"quota": 3}, "QUOTA_EXCEEDED"), ({"rate": 2}, "RATE_LIMITED")])
async def test_all_or_nothing_is_refused_as_a_whole(transactional_db, limits, code):
    """And takes nothing from what is left."""
    caller = await in_thread(lambda: make_caller("limited", **limits))
    await accept(caller=caller, **MESSAGE)
    await wait(caller, -60)
    results = await accept_many(caller=caller, messages=batch(4), idempotency_key="b", error_policy=WHOLE)
    assert codes(results) == [code] * 4
    assert await in_thread(counted, caller) == (1, 1)
    results = await accept_many(caller=caller, messages=batch(2), idempotency_key="c", error_policy=WHOLE)
    assert codes(results) == [None] * 2
    assert await in_thread(counted, caller) == (3, 3)


async def test_requests_that_share_a_commit_are_judged_one_by_one(transactional_db):
    """As many as the quota has are accepted; each says what is left."""
    caller = await in_thread(lambda: make_caller("quota", quota=5))
    results = await asyncio.gather(*(accept(caller=caller, **MESSAGE) for _ in range(20)), return_exceptions=True)
    assert sorted(map(str, codes(results))) == ["None"] * 5 + ["QUOTA_EXCEEDED"] * 15
    assert {one.windows[0].quota for one in results} == {5}
    assert min(one.windows[0].remaining for one in results) == 0


def test_limits_form_no_circle_of_waiting(transactional_db):
    """Sets with the same accounts, keys and counts, in whatever order: PostgreSQL has no deadlock to break."""
    callers = [make_caller(f"account {number}", quota=10_000, rate=10_000) for number in range(3)]
    callers += [make_caller(f"free {number}") for number in range(2)]

    def work(number):
        for turn in range(30):
            order = callers if (number + turn) % 2 else callers[::-1]
            store([one for caller in order for key in (turn, turn + number) for one in keyed(caller, key)])

    def keyed(caller, key):
        return new(caller, 1, idempotency_key=f"k{key}")

    before = deadlocks()
    at_once(work, 8)
    assert deadlocks() == before
    assert Allowance.objects.count() == 3
    for caller in callers:
        used, stored = counted(caller)
        assert used == stored == 37


def test_counts_form_no_circle_of_waiting(transactional_db):
    """More connections than there are slots to count in, so that some share one, and accounts in whatever order."""
    callers = [make_caller(f"free {number}") for number in range(40)]

    def work(number):
        for turn in range(10):
            store([one for caller in (callers if (number + turn) % 2 else callers[::-1]) for one in new(caller, 1)])

    before = deadlocks()
    at_once(work, 40)
    assert deadlocks() == before
    assert [counted(caller) for caller in callers] == [(400, 400)] * 40


def deadlocks():
    """How many circles of waiting PostgreSQL has had to break in this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT pg_stat_clear_snapshot(), deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        return cursor.fetchone()[1]


def test_a_limit_that_is_taken_away_is_no_limit(transactional_db):
    """And one that comes later begins with a full bucket."""
    caller = make_caller("quota", quota=1)
    store(new(caller, 1))
    free = replace(caller, limits=None)
    assert codes(store(new(free, 50))) == [None] * 50
    rated = replace(caller, limits=replace(caller.limits, rate=100, quota=None))
    age("sms_allowance", "filled_at", "2 seconds", account_id=caller.account_id)
    assert codes(store(new(rated, 200))) == [None] * 200
