"""Celery: carries "run now" to the workers, and nothing else. What is due, and when, stands in PostgreSQL."""

import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import redis
import structlog
from celery import Celery, bootsteps
from celery.beat import ScheduleEntry, Scheduler
from celery.schedules import crontab, schedule
from celery.signals import setup_logging
from kombu import Queue

from config import env
from sms.liveness import EVERY, show_alive
from sms.nudge import enough_wait

log = structlog.get_logger(__name__)

LEAST_REST = 0.01  # seconds: so much too early Celery's beat wakes up, and would then ask the clock without a rest
SWEEP_EVERY = 4  # seconds; only what a crash or a lost nudge left behind waits for it
HEALTH_EVERY = 15
PRUNE_EVERY = 60
RECONCILE_EVERY = 60


def steady_now() -> datetime:
    """Return the time by a clock that never steps; only differences mean anything."""
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=time.monotonic())


def every(seconds: float, task: str) -> dict[str, Any]:
    """Plan a task by the steady clock.

    No `expires`: that is a moment of the sender's clock, judged by the worker's.
    """
    return {"task": task, "schedule": schedule(seconds, nowfun=steady_now)}


app = Celery("sms")
app.conf.update(
    broker_url=env.REDIS_URL,
    broker_connection_retry_on_startup=True,
    # A nudge that cannot be sent now is not worth waiting for, and one that a dying worker held is not worth an account
    # of all that workers hold, which costs two ways to Redis for each: beat sends another.
    broker_transport_options={
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "retry_on_timeout": False,
        "ack_emulation": False,
    },
    task_ignore_result=True,
    task_publish_retry=False,
    task_queues=[Queue("dispatch"), Queue("receipts")],
    task_default_queue="dispatch",
    task_routes={"sms.receipts": {"queue": "receipts"}},
    worker_pool="threads",
    worker_concurrency=env.WORKER_THREADS,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    # Celery's Django fixup looks for this here, and otherwise closes the database connection around every task.
    CELERY_DB_REUSE_MAX=1_000_000_000,
    beat_schedule={
        "dispatch": every(SWEEP_EVERY, "sms.dispatch"),
        "receipts": every(SWEEP_EVERY, "sms.receipts"),
        "sweep": every(SWEEP_EVERY, "sms.sweep"),
        "health": every(HEALTH_EVERY, "sms.health"),
        "prune": every(PRUNE_EVERY, "sms.prune"),
        "reconcile": {**every(RECONCILE_EVERY, "sms.reconcile"), "args": ["RECENT"]},
        "reconcile-changing": {
            "task": "sms.reconcile",
            "schedule": crontab(hour="3", minute="30"),
            "args": ["CHANGING"],
        },
    },
    beat_scheduler="config.celery:LiveScheduler",
    beat_max_loop_interval=SWEEP_EVERY,
)
app.autodiscover_tasks(["sms"])


class LiveScheduler(Scheduler):
    """Beat's plan in memory: a restart loses nothing that matters. Each round of it is a sign of life."""

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Send a nudge, unless so many wait already that workers must be away."""
        if enough_wait(producer, str(entry.task)):
            return None
        return super().apply_async(entry, producer, *args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, and say that beat is alive."""
        wait = super().tick(*args, **kwargs)
        _try_to_show("beat")
        return float(wait and max(wait, LEAST_REST))  # none where something was sent: the next may be due as well


class SignOfLife(bootsteps.StartStopStep):
    """Lets the worker's own loop say that it is alive, so that a loop that hangs says nothing."""

    requires = ("celery.worker.components:Timer",)

    def start(self, worker: Any) -> None:
        """Begin."""
        _try_to_show("worker")
        self._timer = worker.timer.call_repeatedly(EVERY, _try_to_show, ("worker",))

    def stop(self, _: Any) -> None:
        """End."""
        self._timer.cancel()


def _try_to_show(part: str) -> None:
    try:
        show_alive(part)
    except redis.RedisError as error:
        log.warning("no_sign_of_life", part=part, error=type(error).__name__)


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Keep Celery from replacing what `config.logs` set up."""


app.steps["worker"].add(SignOfLife)
