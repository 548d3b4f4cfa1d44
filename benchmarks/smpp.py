"""`python -m benchmarks.smpp`: one process on one bind, window 100, with an SMSC (npm's `smpp`) that answers in 20 ms.

The SMSC is the one of the tests, which install it: run `make test ARGS=tests/sms/smpp` once before.
"""

import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import command, fill
from benchmarks.dispatching import MARK, SPAN
from benchmarks.figures import Figure
from benchmarks.measure import Series
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Stack
from devstack import signals
from devstack.checkout import ROOT
from devstack.processes import Child, free_port, stop_all

HERE = ROOT / "tests" / "sms" / "providers" / "smsc"
ANSWERS_IN = 20  # ms
MESSAGES = 5_000
ROUTE = """
from django.conf import settings
from sms.credentials import Safe
from sms.models import Route
credentials = Safe(settings.SMS_CREDENTIALS_KEYS).encrypt({"password": "secret"})
options = {"host": "127.0.0.1", "port": "%d", "system_id": "bench"}
print("route", Route.objects.create(name="smpp", kind="smpp", options=options, credentials=credentials).id)
"""
UNDELIVERED = "SELECT count(*) FROM sms_message WHERE provider = 'smpp' AND status <> 'DELIVERED'"


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure from the first claim to the last record, receipts coming in beside it."""
    with _connected(stack) as (route, children):
        series = Series(
            name="dispatch over SMPP, receipts beside it",
            processes=lambda: {**stack.pids(), **{child.name: child.pid for child in children}},
        )
        _empty_queue(stack, max(MESSAGES // plan.small // 4, 20), route)  # warms up
        for _ in range(plan.runs):
            series.run(lambda: _empty_queue(stack, MESSAGES // plan.small, route))
        return [series.figure(target=1_000, queue=stack.queue())]


@contextmanager
def _connected(stack: Stack) -> Iterator[tuple[int, list[Child]]]:
    """Start an SMSC and the process that serves the route to it."""
    node = shutil.which("node")
    assert node is not None, "there is no node on this machine"
    assert (HERE / "node_modules").exists(), "the SMSC is not installed: make test ARGS=tests/sms/smpp"
    port = free_port()
    settings = {"port": port, "delay": ANSWERS_IN, "receipts": "tlv", "quiet": True, "orders": False}
    smsc = Child(
        "smsc", [node, str(HERE / "smsc.js"), json.dumps(settings)], log=stack.directory / "smsc.log", cwd=HERE
    )
    route = int(stack.run("manage.py", "shell", "-v0", "-c", ROUTE % port).rpartition("route")[2])
    served = stack.child("smpp", "manage.py", "smpp", "--route", "smpp")
    try:
        smsc.start()
        while not _listens(port):
            assert smsc.is_running, smsc.log_tail()
            signals.pause(0.05)
        served.start()
        yield route, [smsc, served]
    finally:
        stop_all([served, smsc])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _empty_queue(stack: Stack, count: int, route: int) -> dict[str, object]:
    """Fill the queue, wait until all of it is delivered, and return how long it was on its way to the SMSC."""
    ((since,),) = stack.query(MARK)
    fill.queued(stack, count, route=route)
    stack.drain()
    while stack.query(UNDELIVERED) != [(0,)]:
        signals.pause(0.1)
    ((seconds,),) = stack.query(SPAN, {"since": since})
    return {"answered": count, "seconds": seconds, "latency": None}


BENCHMARK = Benchmark(measure=measure)

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
