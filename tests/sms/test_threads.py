"""Waiting for a thread is bounded, in number and in time."""

import asyncio
import threading

import pytest

from sms import threads
from sms.errors import Overloaded, Unanswered
from sms.threads import Threads


@pytest.fixture
def one(monkeypatch):
    """A single thread, little patience, and an event that ends what runs on it."""
    monkeypatch.setattr(threads, "TURN_WITHIN", 0.3)
    go = threading.Event()
    yield Threads("test", count=1, waiting=2), go
    go.set()


async def started(pool, go, ran, name):
    """Let something run that takes until `go`, and wait until it runs."""

    def work():
        ran.append(name)
        go.wait(10)
        return name

    task = asyncio.create_task(pool.run(work))
    while name not in ran:
        await asyncio.sleep(0.001)
    return task


async def test_what_waits_runs_when_a_thread_comes_free(one):
    """In the order in which it came."""
    pool, go = one
    ran = []
    first = await started(pool, go, ran, "first")
    others = [asyncio.create_task(pool.run(ran.append, name)) for name in ("second", "third")]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(first, *others)
    assert ran == ["first", "second", "third"]


async def test_one_too_many_is_refused_at_once(one):
    """More than may wait is told so instead of queued."""
    pool, go = one
    ran = []
    first = await started(pool, go, ran, "first")
    waiting = [asyncio.create_task(pool.run(ran.append, name)) for name in ("second", "third")]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await pool.run(ran.append, "fourth")
    go.set()
    await asyncio.gather(first, *waiting)
    assert ran == ["first", "second", "third"]


async def test_what_waits_for_too_long_never_runs(one):
    """It is refused when its time is up; whoever comes while nothing moves, at once; then all is well again."""
    pool, go = one
    ran = []
    first = await started(pool, go, ran, "first")
    with pytest.raises(Overloaded):
        await pool.run(ran.append, "second")
    stalled = asyncio.create_task(pool.run(ran.append, "third"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert isinstance(stalled.exception(), Overloaded)
    go.set()
    assert await first == "first"
    await pool.run(ran.append, "fourth")
    assert ran == ["first", "fourth"]


async def test_what_takes_too_long_runs_on_unanswered_and_keeps_its_thread(one, monkeypatch):
    """Its caller is told that nobody knows, and the thread is not given to another before it is free."""
    pool, go = one
    monkeypatch.setattr(threads, "ANSWER_WITHIN", 0.1)
    ran = []
    first = await started(pool, go, ran, "first")
    with pytest.raises(Unanswered):
        await first
    with pytest.raises(Overloaded):
        await pool.run(ran.append, "second")
    go.set()
    while pool._free.locked():
        await asyncio.sleep(0.001)
    await pool.run(ran.append, "third")
    assert ran == ["first", "third"]


async def test_a_caller_that_goes_away_gives_its_turn_to_the_next(one):
    """What it asked for is not run."""
    pool, go = one
    ran = []
    first = await started(pool, go, ran, "first")
    gone = asyncio.create_task(pool.run(ran.append, "gone"))
    stays = asyncio.create_task(pool.run(ran.append, "stays"))
    await asyncio.sleep(0)
    gone.cancel()
    go.set()
    await asyncio.gather(first, stays)
    assert ran == ["first", "stays"]
