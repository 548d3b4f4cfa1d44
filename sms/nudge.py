"""Tell the workers "run now". A nudge carries nothing and may be lost: beat sweeps up what it would have started.

To make a task's message takes Celery several times as long as to send it, and those of one task differ by nothing but
their ids. So Celery makes one, and that is sent again and again.
"""

import heapq
import math
import threading
import time
from functools import cache
from typing import Any, Final
from uuid import UUID, uuid4

import orjson
import structlog
from celery import current_app
from kombu import Connection

log = structlog.get_logger(__name__)

PAUSE = 0.015  # seconds between two nudges: one stands for all that was committed meanwhile
# When many ask, the next set is large anyway, and a nudge costs a millisecond of CPU time, most of it in the worker.
MANY = 1_000.0  # a second
PAUSE_AMONG_MANY = 0.04
PAUSE_AFTER_FAILURE = 1.0
SOON = 10.0  # seconds; for what is further away beat is as good
ROUNDED_TO = 0.1  # seconds; so a flood of waits becomes a hundred of them
NO_ID: Final = str(UUID(int=0))
MOST_WAITING = 100  # nudges in a queue: so many gather only while workers are away, and one run stands for them all


def enough_wait(producer: Any, task: str) -> bool:
    """Whether a task's queue holds so many nudges that another one would say nothing new."""
    waiting: int = producer.channel.client.llen(_queue_of(task))
    return waiting >= MOST_WAITING


def _queue_of(task: str) -> str:
    name: str = current_app.amqp.router.route({}, task)["queue"].name
    return name


_one_at_a_time = threading.Lock()


@cache
def _ready_made(task: str) -> tuple[str, bytes]:
    """Return a task's queue, and what Celery puts there, with NO_ID for every id: one is sent to a broker in memory."""
    queue = _queue_of(task)
    # The brokers in memory are one, and other tasks have the same queue.
    with _one_at_a_time, Connection("memory://") as nowhere, nowhere.Producer() as producer:
        current_app.send_task(task, task_id=NO_ID, producer=producer, ignore_result=True)
        channel: Any = producer.channel
        message = channel._get(queue)  # noqa: SLF001  as it lies there, and not what a consumer would make of it
    message["properties"]["delivery_tag"] = NO_ID
    return queue, orjson.dumps(message)


class Nudge:
    """Sends one task from a thread of its own, so that no request waits for the broker, even when that is down."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._is_wanted = False
        self._waiting = MOST_WAITING  # in its queue, when the last one was sent; so the first one looks
        self._asked = 0  # since the last nudge, about: counted without the lock
        self._times: list[float] = []  # a heap: when to send, by the monotonic clock
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def __call__(self) -> None:
        """Ask for the task; returns at once, and many calls may become one task."""
        self._asked += 1
        if not self._is_wanted:  # read without the lock: whoever set it is sent for after this caller's commit, too
            with self._changed:
                self._is_wanted = True
                self._wake()

    def after(self, seconds: float) -> None:
        """Ask for the task in a while. Only a convenience: if this process dies before, beat does it."""
        if seconds > SOON:
            return
        at = math.ceil((time.monotonic() + seconds) / ROUNDED_TO) * ROUNDED_TO
        with self._changed:
            if at not in self._times:
                heapq.heappush(self._times, at)
                self._wake()

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=f"nudge {self._task}", daemon=True)
            self._thread.start()
        self._changed.notify()

    def before_the_end(self) -> None:
        """Ask for the task on the caller's thread: for a process that is about to end, and would not get to it."""
        self._send()

    def _serve(self) -> None:
        began = time.monotonic()
        while True:
            with self._changed:
                while not self._is_due():
                    self._changed.wait(self._times[0] - time.monotonic() if self._times else None)
                self._is_wanted = False
                asked, self._asked = self._asked, 0
            now = time.monotonic()
            many, began = asked > MANY * (now - began), now
            if not self._send():
                time.sleep(PAUSE_AFTER_FAILURE)
            else:
                time.sleep(PAUSE_AMONG_MANY if many else PAUSE)

    def _is_due(self) -> bool:
        is_due = self._is_wanted
        while self._times and self._times[0] <= time.monotonic():
            heapq.heappop(self._times)
            is_due = True
        return is_due

    def _send(self) -> bool:
        try:
            with current_app.producer_or_acquire() as producer:
                if self._waiting < MOST_WAITING or not enough_wait(producer, self._task):
                    queue, message = _ready_made(self._task)
                    named = message.replace(NO_ID.encode(), str(uuid4()).encode())
                    self._waiting = producer.channel.client.lpush(queue, named)
        except Exception as error:  # noqa: BLE001  the broker is down; the sweep does the work when it is back
            log.warning("nudge_failed", task=self._task, error=type(error).__name__)
            return False
        return True


nudge_dispatch = Nudge("sms.dispatch")
nudge_receipts = Nudge("sms.receipts")
nudge_sweep = Nudge("sms.sweep")
