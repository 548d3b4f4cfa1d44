"""`python -m benchmarks.cold_start`: from `make run` in a checkout without data to the first accepted message."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks import command, requests
from benchmarks.figures import AT_MOST, Figure
from benchmarks.plan import Plan
from devstack import signals
from devstack.checkout import ROOT, STATE, make_state_directory
from devstack.processes import free_port
from devstack.settings import names_of_settings

WITHIN = 90.0


class ColdStart:
    """Starts the stack of `make run` again and again, each time with nothing stored."""

    def run(self, plan: Plan) -> list[Figure]:
        """Measure."""
        runs = [_once() for _ in range(plan.runs)]
        name = "cold start: `make run` to the first accepted message, packages installed"
        return [Figure(name=name, unit="s", runs=runs, target=6, sense=AT_MOST)]


def _once() -> float:
    with _checkout_without_data() as tree:
        port = free_port()
        ours = names_of_settings(ROOT / ".env.example")
        person = {name: value for name, value in os.environ.items() if name not in ours}
        begun = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "devstack", "run"],
            cwd=tree,
            env={**person, "PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            while not _accepts(port):
                assert process.poll() is None, "the stack ended"
                assert time.monotonic() < begun + WITHIN, "the stack does not start"
                signals.pause(0.02)
            return time.monotonic() - begun
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


@contextmanager
def _checkout_without_data() -> Iterator[Path]:
    """Make a checkout of links to this one, which so has a `.dev/` of its own, and no `.env`."""
    make_state_directory()
    tree = Path(tempfile.mkdtemp(prefix="bench-", dir=STATE))
    try:
        for one in ROOT.iterdir():
            if one.name not in {".dev", ".env", ".git"}:
                (tree / one.name).symlink_to(one)
        yield tree
    finally:
        shutil.rmtree(tree)


def _accepts(port: int) -> bool:
    body = {"sender_id": "MyCorp", "recipient": requests.RECIPIENT, "text": requests.TEXT}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", "/api/messages/", json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse().status == 202
    except (OSError, http.client.HTTPException):
        return False
    finally:
        with suppress(OSError):
            connection.close()


BENCHMARK = ColdStart()

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
