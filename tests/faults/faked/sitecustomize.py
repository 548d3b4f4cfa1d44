"""What a Python process under libfaketime needs: a sleep that works.

libfaketime 0.9.10 refuses to sleep until a moment of the monotonic clock (EINVAL), and that is how Python 3.11+ sleeps.
"""

import select
import time


def sleep(seconds: float, /) -> None:
    """Sleep as long as `time.sleep` would."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = sleep
