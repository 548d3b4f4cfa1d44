"""Beat nudges in time whatever the wall clock says, and adds nothing to a pile."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.conf import settings

from config.celery import LEAST_REST, SWEEP_EVERY, LiveScheduler, app
from sms.nudge import MOST_WAITING

QUEUES = ("dispatch", "receipts")
NUDGES = ["sms.dispatch", "sms.receipts", "sms.sweep"]


@pytest.fixture
def broker():
    """The broker of the tests, without the nudges of others."""
    with redis.Redis.from_url(settings.SMS_REDIS_URL) as client:
        client.delete(*QUEUES)
        yield client
        client.delete(*QUEUES)


@pytest.fixture
def later(monkeypatch):
    """Let so many seconds pass for the steady clock, while the wall clock steps."""
    passed = [0.0]
    steady = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: steady() + passed[0])

    def pass_by(seconds, *, stepping):
        passed[0] += seconds
        monkeypatch.setattr(app, "now", lambda: datetime.now(UTC) + timedelta(seconds=seconds) + stepping)

    return pass_by


def tick(scheduler):
    """Tick as beat does, until it would sleep; return for how long."""
    while (wait := scheduler.tick()) == 0:
        pass
    return wait


def sent(broker):
    """Take from the broker what beat has sent."""
    found = [json.loads(one) for queue in QUEUES for one in broker.lrange(queue, 0, -1)]
    broker.delete(*QUEUES)
    return [one["headers"] for one in found if one["headers"].get("celery_beat_task")]


@pytest.mark.parametrize("stepping", [timedelta(0), timedelta(hours=-1), timedelta(hours=1)])
def test_the_next_nudge_comes_in_time(broker, later, stepping):
    """Four seconds are four seconds, also when the wall clock goes back an hour meanwhile."""
    scheduler = LiveScheduler(app)
    assert 0 < tick(scheduler) <= SWEEP_EVERY
    assert sent(broker) == []
    for _ in range(2):
        later(SWEEP_EVERY, stepping=stepping)
        assert 0 < tick(scheduler) <= SWEEP_EVERY
        assert sorted(one["task"] for one in sent(broker)) == NUDGES


def test_no_nudge_depends_on_two_clocks_that_agree(broker, later):
    """A moment at which it expires would be of beat's clock, and judged by a worker's."""
    scheduler = LiveScheduler(app)
    tick(scheduler)
    later(SWEEP_EVERY, stepping=timedelta(0))
    tick(scheduler)
    assert {(one["expires"], one["eta"]) for one in sent(broker)} == {(None, None)}


def test_while_workers_are_away_no_pile_grows(broker, later):
    """So many wait already that another one would say nothing new; when they are gone, nudges are sent again."""
    scheduler = LiveScheduler(app)
    tick(scheduler)
    for queue in QUEUES:
        broker.rpush(queue, *['{"headers": {}}'] * MOST_WAITING)
    later(SWEEP_EVERY, stepping=timedelta(0))
    tick(scheduler)
    assert sent(broker) == []
    later(SWEEP_EVERY, stepping=timedelta(0))
    tick(scheduler)
    assert sorted(one["task"] for one in sent(broker)) == NUDGES


def test_it_rests_before_each_look(broker, later):
    """Also in the last moment before something is due, when Celery's own would look again and again."""
    scheduler = LiveScheduler(app)
    tick(scheduler)
    later(SWEEP_EVERY - 0.005, stepping=timedelta(0))
    assert tick(scheduler) >= LEAST_REST
    assert sent(broker) == []
