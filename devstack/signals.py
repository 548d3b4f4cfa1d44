"""Ctrl-C, SIGTERM and SIGHUP become one exception, raised only where we wait."""

import os
import signal
import sys
import time
from types import FrameType

from devstack.errors import StopRequested

PIECE = 0.05

_received: list[int] = []
_terminals: list[int] = []  # the keyboard, when it is one


def listen() -> None:
    """Turn the stop signals into StopRequested, raised by the next `pause`. Call it in the main thread.

    An exception raised anywhere at all could lose a child between its start and the line that remembers it.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _remember)
    if sys.stdin is not None and sys.stdin.isatty():
        _terminals.append(sys.stdin.fileno())


def _remember(number: int, _frame: FrameType | None) -> None:
    _received.append(number)


def _notice_a_closed_terminal() -> None:
    # Its hang-up reaches only the leader of the session. Where that is `make`, as in a pane that runs nothing else,
    # it waits for us and says nothing.
    if any(not os.isatty(terminal) for terminal in _terminals):
        _remember(signal.SIGHUP, None)


def received() -> int | None:
    """Return the first stop signal that came, or None."""
    return _received[0] if _received else None


def pause(seconds: float) -> None:
    """Sleep. Raises StopRequested as soon as a stop signal has come."""
    end = time.monotonic() + seconds
    while True:
        _notice_a_closed_terminal()
        if _received:
            raise StopRequested
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, PIECE))
