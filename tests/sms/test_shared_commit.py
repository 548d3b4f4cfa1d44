"""Concurrent callers share a commit, and nobody pays for a neighbour's mistake."""

import asyncio
import threading

import pytest
from django.db import DataError

from sms.errors import Overloaded
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
