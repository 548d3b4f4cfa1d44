"""A route's throughput is one for all processes together, whether Redis is there or not."""

import json
import subprocess
import sys
import time

import pytest
import redis

from devstack.redis import Redis
from sms import throughput
from sms.routing.records import RouteRecord
from sms.throughput import Grant, Throughput
from tests.stack import ROOT, fresh_redis

RATE, SECONDS = 100, 4.0
ROUTE = RouteRecord(id=7, name="r", kind="told", throughput=RATE)


def start(url):
    """Start a process that takes what it gets."""
    words = [sys.executable, "-m", "tests.sms.routing.taker", url, str(RATE), str(SECONDS)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def taken_by(*processes):
    """Wait for processes, and return what all of them took, and when, in order."""
    return sorted(tuple(one) for process in processes for one in json.loads(_last_line(process)))


def _last_line(process):
    """Its result: what it logs stands above that."""
    return process.communicate(timeout=60)[0].splitlines()[-1]


def judge(taken, *, at_least):
    """Never above the rate and one second's worth, in any stretch of time; and near the rate in all of it."""
    for first in range(len(taken)):
        total = 0
        for at, number in taken[first:]:
            total += number
            assert total <= RATE * (at - taken[first][0]) + RATE + 1
    lasted = taken[-1][0] - taken[0][0]
    assert sum(number for _, number in taken) >= at_least * RATE * lasted


def test_two_processes_share_one_rate():
    """Together never more than it, and nearly all of it."""
    url = fresh_redis(5)
    taken = taken_by(start(url), start(url))
    judge(taken, at_least=0.8)
    assert taken[0][1] == 1, "a bucket that nobody knows is empty, but for one"


def test_redis_that_dies_in_between_makes_it_slower_at_most(tmp_path):
    """Each goes on with its half, and there is no flood when Redis is back."""
    server = Redis(tmp_path / "redis", log=tmp_path / "redis.log")
    server.start()
    try:
        processes = [start(server.url), start(server.url)]
        time.sleep(1.8)
        server.child.kill()
        time.sleep(1.0)
        server.start()
        judge(taken_by(*processes), at_least=0.5)
    finally:
        server.remove()


@pytest.fixture
def here():
    """A process that has Redis."""
    client = redis.Redis.from_url(fresh_redis(5))
    yield Throughput(lambda: client)
    client.close()


def nobody():
    """A Redis that is not there."""
    return redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)


def test_a_route_without_a_rate_is_not_asked_for():
    """Nor is anything for nothing."""
    route = RouteRecord(id=7, name="r", kind="told")
    assert Throughput(nobody).take(route, 500) == Grant(500, 0.0)
    assert Throughput(nobody).take(ROUTE, 0) == Grant(0, 0.0)


def test_what_is_given_back_is_there_again(here):
    """A second's worth at most."""
    assert here.take(ROUTE, 500).messages == 1
    time.sleep(0.3)
    grant = here.take(ROUTE, 500)
    assert grant.messages >= 29
    assert here.take(ROUTE, 500).messages < grant.messages
    here.give_back(ROUTE, grant.messages)
    assert here.take(ROUTE, 500).messages >= grant.messages
    here.give_back(ROUTE, 10_000)
    assert here.take(ROUTE, 500).messages == RATE


def test_who_gets_none_is_told_when_there_is_one():
    """So nobody asks all the time, and nobody waits for longer than a second."""
    client = redis.Redis.from_url(fresh_redis(5))
    slow = RouteRecord(id=8, name="slow", kind="told", throughput=4)
    here = Throughput(lambda: client)
    assert here.take(slow, 5).messages == 1
    none = here.take(slow, 5)
    assert none.messages == 0
    assert 0.2 < none.wait <= 0.25
    time.sleep(none.wait)
    assert here.take(slow, 5).messages == 1
    client.close()


def test_alone_from_the_beginning_it_takes_a_safe_share():
    """An eighth: so many may there be."""
    here = Throughput(nobody)
    assert here.take(ROUTE, 500).messages == 0
    time.sleep(0.5)
    assert 6 <= here.take(ROUTE, 500).messages <= RATE / throughput.UNKNOWN + 1
    here.give_back(ROUTE, 5)
    assert here.take(ROUTE, 5).messages == 5
