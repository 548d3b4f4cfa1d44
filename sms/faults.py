"""Named places where the fault tests make a process die or freeze. Without SMS_FAULT they cost one empty call.

`SMS_FAULT=recorded:kill:3` kills the process the third time that it gets to `recorded`.
"""

import itertools
import os
import signal
from collections.abc import Callable

from django.conf import settings

POINTS = (
    "claimed",  # attempts and leases are committed, nobody was called
    "request_sent",  # the request has left, no answer yet
    "answered",  # the answer is here, not yet written
    "recorded",  # written, the world not yet told
    "applied_receipts",  # the same for receipts
)
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def _armed(fault: str) -> Callable[[str], None]:
    point, action, nth = fault.split(":")
    if point not in POINTS:
        raise SystemExit(f"SMS_FAULT names no point of {', '.join(POINTS)}: {point}")
    number, count = SIGNALS[action], itertools.count(1)

    def reach(reached: str) -> None:
        if reached == point and next(count) == int(nth):
            os.kill(os.getpid(), number)

    return reach


def _nothing(_: str) -> None:
    """Do nothing."""


reach: Callable[[str], None] = _armed(settings.SMS_FAULT) if settings.SMS_FAULT else _nothing
