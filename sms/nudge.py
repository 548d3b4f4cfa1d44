"""Tell the workers "run now". A nudge carries nothing and may be lost: beat sweeps up what it would have started."""

import threading
import time

import structlog
from celery import current_app

log = structlog.get_logger(__name__)

PAUSE = 0.01  # seconds between two nudges: one stands for all that was committed meanwhile
PAUSE_AFTER_FAILURE = 1.0


class Nudge:
    """Sends one task from a thread of its own, so that no request waits for the broker, even when that is down."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def __call__(self) -> None:
        """Ask for the task; returns at once, and many calls may become one task."""
        self._wanted.set()
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._serve, name=f"nudge {self._task}", daemon=True)
                    self._thread.start()

    def after(self, seconds: float) -> None:
        """Ask for the task in a while. Only a convenience: if this process dies before, beat does it."""
        timer = threading.Timer(seconds, self)
        timer.daemon = True
        timer.start()

    def _serve(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            time.sleep(PAUSE if self._send() else PAUSE_AFTER_FAILURE)

    def _send(self) -> bool:
        try:
            current_app.send_task(self._task, retry=False, ignore_result=True)
        except Exception as error:  # noqa: BLE001  the broker is down; the sweep does the work when it is back
            log.warning("nudge_failed", task=self._task, error=type(error).__name__)
            return False
        return True


nudge_dispatch = Nudge("sms.dispatch")
nudge_receipts = Nudge("sms.receipts")
nudge_sweep = Nudge("sms.sweep")
