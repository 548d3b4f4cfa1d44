"""Celery's entry points: each says "run now" and nothing more, and may run twice, at once, or not at all."""

import time

from celery import shared_task

from sms.services import dispatch, report, settle, sweep

SLICE = 10.0  # seconds that one run may take before it leaves its thread to others


@shared_task(name="sms.dispatch", ignore_result=True)
def dispatch_due() -> None:
    """Submit what is due."""
    dispatch.dispatch(until=time.monotonic() + SLICE)


@shared_task(name="sms.receipts", ignore_result=True)
def process_receipts() -> None:
    """Apply the receipts that are due."""
    report.process_receipts(until=time.monotonic() + SLICE)


@shared_task(name="sms.sweep", ignore_result=True)
def sweep_up() -> None:
    """Settle what was left behind."""
    sweep.release_expired_leases()
    settle.settle()


@shared_task(name="sms.prune", ignore_result=True)
def prune() -> None:
    """Delete what is past its time."""
    sweep.forget_old_keys()
