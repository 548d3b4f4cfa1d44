"""Nudges: one for many, and soon, without a thread for each wait."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import redis
from celery import current_app
from django.conf import settings

from sms import nudge as nudges
from sms.nudge import SOON, Nudge

TASKS = ("sms.dispatch", "sms.sweep")


@pytest.fixture
def nudge():
    """A nudge, and how many of its tasks wait in the real broker's queue."""
    with redis.Redis.from_url(settings.SMS_REDIS_URL) as broker:
        broker.delete("dispatch")
        made = Nudge("tests.nothing")
        yield made, lambda: broker.llen("dispatch")
        while made._is_wanted:
            time.sleep(0.01)
        time.sleep(0.1)  # for the last one that is on its way
        broker.delete("dispatch")


def becomes(count, expected):
    """Wait until that many were sent."""
    end = time.monotonic() + 10
    while count() < expected:
        assert time.monotonic() < end, count()
        time.sleep(0.01)


def test_many_calls_become_few_tasks(nudge):
    """Whoever calls while one is on its way shares the next."""
    ask, count = nudge
    for _ in range(1000):
        ask()
    becomes(count, 1)
    assert count() < 100


def test_nudges_are_further_apart_when_many_ask(nudge):
    """Half a second of thousands who ask: 50 nudges at the usual pace, a quarter of it now."""
    ask, count = nudge
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        ask()
        time.sleep(0.0002)
    becomes(count, 1)
    assert count() <= 16


def test_a_wait_is_kept_and_many_are_one_thread(nudge):
    """A thousand waits for the same moment are one nudge, and no thread each; a later one comes as well."""
    ask, count = nudge
    before, begun = threading.active_count(), time.monotonic()
    for _ in range(1000):
        ask.after(0.3)
    ask.after(0.7)
    assert threading.active_count() <= before + 1
    becomes(count, 1)
    assert time.monotonic() - begun >= 0.3
    becomes(count, 2)
    time.sleep(0.7)
    assert count() <= 5  # where a thousand calls take longer than what waits are rounded to


def test_a_long_wait_is_left_to_beat(nudge):
    """Nothing is remembered for long: a flood of retries must not grow the memory."""
    ask, count = nudge
    for number in range(1000):
        ask.after(SOON + 1 + number)
    ask.after(0.0)
    becomes(count, 1)
    assert ask._times == []


def test_a_queue_that_nobody_empties_stays_short(nudge, monkeypatch):
    """As many nudges as do some good, and no more; one is sent again as soon as they were taken."""
    ask, count = nudge
    monkeypatch.setattr(nudges, "MOST_WAITING", 3)
    for _ in range(10):
        assert ask._send()
    assert count() == 3
    with redis.Redis.from_url(settings.SMS_REDIS_URL) as broker:
        broker.delete("dispatch")
    ask()
    becomes(count, 1)


def test_what_is_sent_is_what_celery_sends():
    """But for the ids, of which each has its own."""
    ask = Nudge("sms.receipts")
    with redis.Redis.from_url(settings.SMS_REDIS_URL) as broker:
        broker.delete("receipts")
        assert ask._send()
        assert ask._send()
        current_app.send_task("sms.receipts", ignore_result=True)
        celerys, *ours = [json.loads(one) for one in broker.lrange("receipts", 0, -1)]
        broker.delete("receipts")
    ids = [(one["headers"].pop("id"), one["properties"].pop("delivery_tag")) for one in (celerys, *ours)]
    assert len(set(ids)) == 3
    for one in (celerys, *ours):
        assert one["headers"].pop("root_id") == one["properties"].pop("correlation_id")
        del one["properties"]["reply_to"]  # the sender's thread; nothing is answered
    assert [celerys] * 2 == ours


def test_two_tasks_of_one_queue_are_not_mixed_up(monkeypatch):
    """Though both are made in the same moment, by a broker that the whole process shares."""
    sent = threading.Barrier(2, timeout=0.5)
    send = current_app.send_task

    def both_have_sent(*args, **options):
        send(*args, **options)
        with suppress(threading.BrokenBarrierError):
            sent.wait()

    monkeypatch.setattr(
        type(current_app._get_current_object()), "send_task", lambda _, *a, **o: both_have_sent(*a, **o)
    )
    with ThreadPoolExecutor(2) as threads:
        made = dict(zip(TASKS, threads.map(nudges._ready_made.__wrapped__, TASKS), strict=True))
    assert {task: json.loads(message)["headers"]["task"] for task, (_, message) in made.items()} == {
        task: task for task in TASKS
    }
