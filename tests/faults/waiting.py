"""Waiting for things that happen elsewhere, never longer than said."""

from collections.abc import Callable
from time import monotonic

from devstack import signals

EVERY = 0.02


class TookTooLong(AssertionError):
    """Something did not happen in time."""


def happens(condition: Callable[[], object], *, within: float, every: float = EVERY) -> bool:
    """Wait until `condition` is true, and return whether it became so. Raises StopRequested."""
    end = monotonic() + within
    while not condition():
        if monotonic() > end:
            return False
        signals.pause(every)
    return True


def wait_until(condition: Callable[[], object], *, within: float, what: str, every: float = EVERY) -> None:
    """Wait until `condition` is true. Raises TookTooLong naming `what`, or StopRequested."""
    if not happens(condition, within=within, every=every):
        raise TookTooLong(f"{what}: not within {within:.0f} s")
