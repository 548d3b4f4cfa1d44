"""What the fake processes have in common: they wait, and misbehave when told to."""

import os
import signal
import sys
import time


def stay(name: str) -> None:
    """Wait until told to stop. FAKE_DIES names the part that ends by itself, FAKE_DEAF the one that ignores SIGTERM."""
    sys.stdout.write(f"{name} started\n")
    if os.environ.get("FAKE_DIES") == name:
        time.sleep(0.3)
        sys.stdout.write(f"{name} has a reason to die\n")
        sys.exit(3)
    if os.environ.get("FAKE_DEAF") == name:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(60)
