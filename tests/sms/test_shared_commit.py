"""Concurrent callers share a commit, and nobody pays for a neighbour's mistake."""

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest
from django.db import DataError

from sms import shared_commit
from sms.errors import Overloaded, Unanswered, Unavailable
from sms.shared_commit import SharedCommit


async def test_what_gathers_during_a_flush_is_written_together():
    """The first item goes alone, at once; all that came meanwhile share the next commit."""
    sets, go = [], threading.Event()

    def write(items):
        sets.append(list(items))
        go.wait(5)
        return [item * 10 for item in items]

    shared = SharedCommit(write, at_once=100, waiting=100)
    first = asyncio.create_task(shared(1))
    while not sets:
        await asyncio.sleep(0.001)
    others = [asyncio.create_task(shared(n)) for n in (2, 3, 4)]
    await asyncio.sleep(0.01)
    go.set()
    assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
    assert sets == [[1], [2, 3, 4]]


async def test_what_has_gathered_is_written_before_anybody_is_answered():
    """The next set does not wait for the loop, which has the answers of the last one to write."""
    sets, second = [], threading.Event()

    def write(items):
        sets.append(list(items))
        if len(sets) == 2:
            second.set()
        return items

    shared = SharedCommit(write, at_once=1, waiting=100)
    answers = [asyncio.create_task(shared(n)) for n in (1, 2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the thread has been asked, and from here on the loop does nothing
    assert second.wait(5)
    assert sets == [[1], [2]]
    assert await asyncio.gather(*answers) == [1, 2]


async def test_it_works_again_after_every_rest():
    """Items that come one by one, each after the last one's answer, are a set each."""
    sets = []

    def write(items):
        sets.append(list(items))
        return items

    shared = SharedCommit(write, at_once=100, waiting=100)
    for n in range(200):
        assert await shared(n) == n
    assert sets == [[n] for n in range(200)]


async def test_no_item_is_forgotten_when_it_comes_as_the_thread_goes_to_rest():
    """Thousands of items from many callers: each is written once, and each caller hears of its own."""
    written = []

    def write(items):
        written.extend(items)
        return [-item for item in items]

    async def ask(first):
        for item in range(first, first + 200):
            assert await shared(item) == -item
            await asyncio.sleep(0)

    shared = SharedCommit(write, at_once=3, waiting=100)
    async with asyncio.timeout(30):
        await asyncio.gather(*(ask(1_000 * caller) for caller in range(20)))
    assert sorted(written) == [1_000 * caller + n for caller in range(20) for n in range(200)]


def test_a_loop_that_has_ended_takes_nothing_with_it():
    """What it asked for is written to its end, and the next loop is answered."""
    go, sets = threading.Event(), []

    def write(items):
        sets.append(list(items))
        go.wait(5)
        return items

    shared = SharedCommit(write, at_once=100, waiting=100)

    async def leave():
        asyncio.create_task(shared(1))  # noqa: RUF006  left on purpose
        while not sets:
            await asyncio.sleep(0.001)

    asyncio.run(leave())
    go.set()

    async def ask():
        async with asyncio.timeout(5):
            return await shared(2)

    assert asyncio.run(ask()) == 2
    assert sets == [[1], [2]]


async def test_a_set_is_not_larger_than_it_may_be():
    """More than fits in one set goes in several, in order."""
    sets = []

    def write(items):
        sets.append(list(items))
        return items

    shared = SharedCommit(write, at_once=3, waiting=100)
    await asyncio.gather(*(shared(n) for n in range(7)))
    assert sets == [[0, 1, 2], [3, 4, 5], [6]]


async def test_a_refused_item_fails_alone():
    """What the database refuses is found by halving; every neighbour is stored once."""
    stored = []

    def write(items):
        if 5 in items:
            raise DataError("five")
        stored.extend(items)
        return items

    shared = SharedCommit(write, at_once=100, waiting=100)
    results = await asyncio.gather(*(shared(n) for n in range(8)), return_exceptions=True)
    assert [type(result) for result in results] == [int] * 5 + [DataError] + [int] * 2
    assert sorted(stored) == [0, 1, 2, 3, 4, 6, 7]


async def test_a_failed_flush_answers_everybody_and_the_next_one_works():
    """An unexpected failure reaches every waiting caller, and is not the end of the service."""
    broken = True

    def write(items):
        if broken:
            raise RuntimeError("disk")
        return items

    shared = SharedCommit(write, at_once=100, waiting=100)
    results = await asyncio.gather(shared(1), shared(2), return_exceptions=True)
    assert [str(result) for result in results] == ["disk", "disk"]
    broken = False
    assert await shared(3) == 3


async def test_more_than_may_wait_is_refused_at_once():
    """Waiting is bounded: one too many is told so instead of queued."""
    go = threading.Event()

    def write(items):
        go.wait(5)
        return items

    shared = SharedCommit(write, at_once=1, waiting=2)
    tasks = [asyncio.create_task(shared(1))]
    await asyncio.sleep(0.05)  # the first is being written
    tasks += [asyncio.create_task(shared(n)) for n in (2, 3)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await shared(4)
    go.set()
    assert await asyncio.gather(*tasks) == [1, 2, 3]


async def test_a_caller_that_goes_away_harms_nobody():
    """Its item is written all the same, and the others get their answers."""
    shared = SharedCommit(lambda items: items, at_once=100, waiting=100)
    gone = asyncio.create_task(shared(1))
    stays = asyncio.create_task(shared(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 2


@pytest.fixture
def stuck(monkeypatch):
    """A shared commit with little patience whose writes take until an event is set, and the sets that it wrote."""
    monkeypatch.setattr(shared_commit, "TURN_WITHIN", 0.3)
    monkeypatch.setattr(shared_commit, "LOOKS_EVERY", 0.02)
    sets, go = [], threading.Event()

    def write(items):
        sets.append(list(items))
        go.wait(10)
        return items

    yield SharedCommit(write, at_once=1, waiting=100), sets, go
    go.set()


async def started(shared, sets):
    """Let a first item be taken by a flush."""
    task = asyncio.create_task(shared(1))
    while not sets:
        await asyncio.sleep(0.001)
    return task


async def test_what_waits_for_too_long_is_refused_and_never_written(stuck):
    """Those who wait are refused in time, and at once while the flush hangs; the one in the flush hears its result."""
    shared, sets, go = stuck
    first = await started(shared, sets)
    with pytest.raises(Overloaded):
        await shared(2)
    late = asyncio.create_task(shared(3))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert isinstance(late.exception(), Overloaded)
    go.set()
    assert await first == 1
    assert await shared(4) == 4
    assert sets == [[1], [4]]


async def test_what_was_taken_just_now_is_not_taken_for_hanging(monkeypatch):
    """After a rest the last time is old: whoever finds something taken finds its own time beside it."""
    shared, taken_without_time = SharedCommit(lambda items: items, at_once=100, waiting=100), []

    def monotonic():
        if threading.current_thread() is not threading.main_thread():
            taken_without_time.append(bool(shared._taken))
        return time.monotonic()

    monkeypatch.setattr(shared_commit, "time", SimpleNamespace(monotonic=monotonic))
    assert await shared(1) == 1
    while shared._is_writing:
        await asyncio.sleep(0.001)
    assert taken_without_time == [False, False]


async def test_what_a_hanging_flush_has_taken_is_unanswered(stuck, monkeypatch):
    """Its caller hears that nobody knows: it may be stored all the same, and here it is."""
    monkeypatch.setattr(shared_commit, "ANSWER_WITHIN", 0.1)
    shared, sets, go = stuck
    first = await started(shared, sets)
    with pytest.raises(Unanswered):
        await first
    go.set()
    while shared._is_writing:
        await asyncio.sleep(0.001)
    assert await shared(2) == 2
    assert sets == [[1], [2]]


async def test_what_one_half_has_written_is_told_whatever_happens_to_the_other():
    """The database goes away between two halves: only those are told so that were not written."""
    written = []

    def write(items):
        if len(items) == 4:
            raise DataError("one of them")
        if written:
            raise Unavailable
        written.extend(items)
        return items

    shared = SharedCommit(write, at_once=100, waiting=100)
    results = await asyncio.gather(*(shared(n) for n in range(4)), return_exceptions=True)
    assert [type(result) for result in results] == [int, int, Unavailable, Unavailable]
