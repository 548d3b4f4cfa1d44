"""Celery's entry points: each says "run now" and nothing more, and may run twice, at once, or not at all."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from celery import shared_task
from celery.signals import worker_shutting_down

from sms.errors import Unavailable
from sms.models import Reconciliation
from sms.services import clock, confirm, costs, discard, health, inbound, reconcile, report, settle, submit, sweep

log = structlog.get_logger(__name__)

SLICE = 10.0  # seconds that one run may take before it leaves its thread to others

_stopping = threading.Event()


@worker_shutting_down.connect
def _finish(**_: Any) -> None:
    """Let every run end with the set that it has in hand."""
    _stopping.set()


def _is_working() -> bool:
    return not _stopping.is_set()


def _slice() -> Callable[[], bool]:
    """Return what tells a run whether it may take another set."""
    end = time.monotonic() + SLICE
    return lambda: time.monotonic() < end and _is_working()


@contextmanager
def _patient() -> Iterator[None]:
    """Say in one line that the database is away; beat asks again."""
    try:
        yield
    except Unavailable:
        log.warning("database_away")


@shared_task(name="sms.dispatch", ignore_result=True)
def dispatch_due() -> None:
    """Submit what is due."""
    with _patient():
        submit.submit_due(keep_going=_is_working)


@shared_task(name="sms.receipts", ignore_result=True)
def process_receipts() -> None:
    """Apply the receipts that are due."""
    with _patient():
        report.process_receipts(keep_going=_slice())


@shared_task(name="sms.sweep", ignore_result=True)
def sweep_up() -> None:
    """Settle what was left behind."""
    with _patient():
        sweep.release_expired_leases()
        sweep.queue_scheduled(keep_going=_slice())
        settle.settle(keep_going=_slice())
        confirm.confirm_opt_outs()


@shared_task(name="sms.health", ignore_result=True)
def look_after_routes() -> None:
    """Move the health of routes by what their last messages show."""
    with _patient():
        health.look_after()


@shared_task(name="sms.reconcile", ignore_result=True)
def account_for_everything(scope: str) -> None:
    """Look for drift, and first mend what no single look at the clock can find."""
    with _patient():
        clock.bring_back()
        reconcile.keep_account(Reconciliation.Scope(scope))


@shared_task(name="sms.prune", ignore_result=True)
def prune() -> None:
    """End and delete what is past its time, and add up what is."""
    keep_going = _slice()
    with _patient():
        sweep.expire_unserved(keep_going=keep_going)
        sweep.forget_old_keys(keep_going=keep_going)
        inbound.deliver_incomplete(keep_going=keep_going)
        discard.discard_bodies(keep_going=keep_going)
        sweep.forget_old_changes()
        sweep.forget_old_sessions()
        costs.fold_old_sums(keep_going=keep_going)
