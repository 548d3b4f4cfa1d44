"""The service as it is deployed on one machine, with a PostgreSQL that keeps its own defaults and fsyncs."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from benchmarks import requests
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from devstack import signals
from devstack.checkout import ROOT, STATE, make_state_directory
from devstack.postgres import Postgres
from devstack.processes import Child, free_port, stop_all
from devstack.redis import Redis
from devstack.services import ask_ready

READY_WITHIN = 60.0
SETTLED_WITHIN = 300.0

UNSETTLED = """
SELECT (SELECT count(*) FROM sms_dispatchentry WHERE purpose = 1),
       (SELECT count(*) FROM sms_receipt WHERE processed_at IS NULL)
"""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """What the other side is like: lean, or the simulator that `make run` starts."""

    batches: bool = True
    latency: float = 0.0
    receipts: bool = False
    receipt_delay: float = 0.0
    receipts_a_request: int = 1
    is_simulator: bool = False

    def command(self, *, port: int, receipts_to: int) -> list[str]:
        """Return the words after `python`."""
        if self.is_simulator:
            return ["-m", "simulator"]
        words = ["-m", "benchmarks.provider", "--port", str(port), "--latency", str(self.latency)]
        if self.receipts:
            words += ["--receipts-to", str(receipts_to), "--receipt-delay", str(self.receipt_delay)]
            words += ["--receipts-a-request", str(self.receipts_a_request)]
        return words


class Stack:
    """Web, one worker, beat, provider, PostgreSQL and Redis."""

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self.directory = directory
        self.has_references = True  # whether benchmarks measure the baseline, and some of the floors, beside it
        self.port, self.provider_port = free_port(), free_port()
        self.postgres = Postgres(directory / "postgres", durable=durable)
        self.redis = Redis(directory / "redis")
        self.environment: dict[str, str] = {}
        self.web = self.child("web", "-m", "config.serve")
        self.beat = self.child("beat", "-m", "config.beat")
        self.worker = self.child("worker", "-m", "config.worker")
        self.provider = self.child("provider")
        self._provider: Provider | None = None

    def start_servers(self) -> None:
        """Start PostgreSQL and Redis, and make the tables."""
        for server in (self.postgres, self.redis):
            server.start()
        self.environment |= {**os.environ, **self._settings(self.postgres.create_database("sms"))}
        self.run("manage.py", "prepare", "-v0")

    def _settings(self, database_url: str) -> dict[str, str]:
        return {
            "PYTHONUNBUFFERED": "1",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DATABASE_URL": database_url,
            "REDIS_URL": self.redis.url,
            "SECRET_KEY": "not-a-secret-only-for-benchmarks",
            "DEMO_API_KEY": requests.API_KEY,
            "DLR_SIGNING_SECRETS": requests.SECRET,
            "SIMULATOR_URL": f"http://127.0.0.1:{self.provider_port}",
            "SIMULATOR_PORT": str(self.provider_port),
            "WEBHOOK_URL": f"http://127.0.0.1:{self.port}/api/webhooks/dlr/",
            "LOG_LEVEL": "WARNING",
        }

    def arrange(self, provider: Provider, *, worker: bool) -> None:
        """Give the service this provider, and a worker that knows it; with `worker=False` none works yet."""
        batches = str(provider.batches).lower()
        if not worker or self.environment.get("SIMULATOR_BATCHES") != batches:
            self.worker.stop()
            self.environment["SIMULATOR_BATCHES"] = batches
        if provider != self._provider:
            self.provider.stop()
            words = provider.command(port=self.provider_port, receipts_to=self.port)
            self.provider = self.child("provider", *words)
            self._provider = provider
        self.start([child for child in self.children if worker or child is not self.worker])

    @property
    def children(self) -> list[Child]:
        """All processes but the servers, those first that others talk to."""
        return [self.provider, self.web, self.worker, self.beat]

    def child(self, name: str, *words: str) -> Child:
        """Make a Python process of this stack, with its output in a log of its own."""
        return Child(name, [sys.executable, *words], log=self.directory / f"{name}.log", env=self.environment, cwd=ROOT)

    def start(self, children: Sequence[Child]) -> None:
        """Start those of these processes that do not run, and wait until the service is as ready as it can be."""
        for child in children:
            if not child.is_running:
                child.start()
        self._wait(lambda status, _: status is not None, children)
        if self.worker.is_running:
            self._wait(lambda status, _: status == 200, children)

    def _wait(self, is_ready: Any, children: Sequence[Child]) -> None:
        end = time.monotonic() + READY_WITHIN
        while not is_ready(*(said := ask_ready(self.environment))):
            for child in children:
                assert child.is_running, f"{child.name} ended: {child.log_tail()}"
            assert time.monotonic() < end, f"not ready: {said}"
            signals.pause(0.05)

    def stop(self) -> None:
        """Stop everything, and delete what it stored."""
        stop_all(self.children)
        for server in (self.postgres, self.redis):
            server.remove()

    def pids(self) -> dict[str, int]:
        """Return the process ids of all parts that run."""
        running = {child.name: child.pid for child in self.children if child.is_running}
        for server in (self.postgres, self.redis):
            assert server.child is not None
            running[server.name] = server.child.pid
        return running

    def run(self, *words: str) -> str:
        """Run Python to its end with the stack's settings and return what it printed. Raises CalledProcessError."""
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def query(self, sql: str, parameters: Mapping[str, object] | Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Execute one statement in a transaction of its own and return its rows, if it has any."""
        connection = psycopg2.connect(self.environment["DATABASE_URL"])
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def queue(self) -> int:
        """Return how many messages wait to be submitted and how many receipts to be applied, together."""
        return sum(self.query(UNSETTLED)[0])

    def drain(self) -> None:
        """Wait until nothing waits any more."""
        end = time.monotonic() + SETTLED_WITHIN
        while (left := self.queue()) > 0:
            assert time.monotonic() < end, f"{left} are still waiting"
            signals.pause(0.1)

    def settle(self) -> None:
        """Wait until nothing waits, and let `manage.py reconcile` account for every message of this run."""
        self.drain()
        self.run("manage.py", "reconcile", "--hours", "1")


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Something to measure, and the stack that it needs."""

    measure: Callable[[Stack, Plan], list[Figure]]
    provider: Provider = field(default_factory=Provider)
    worker: bool = True

    def run(self, plan: Plan) -> list[Figure]:
        """Measure on a stack of its own."""
        with running() as stack:
            stack.arrange(self.provider, worker=self.worker)
            figures = self.measure(stack, plan)
            stack.settle()
            return figures


@contextmanager
def running(*, durable: bool = True) -> Iterator[Stack]:
    """Start the servers of a stack, and remove all of it at the end; `arrange` starts the rest."""
    _allow_many_sockets()
    make_state_directory()
    with ExitStack() as at_the_end:
        directory = Path(tempfile.mkdtemp(prefix="bench-", dir=STATE))
        at_the_end.callback(shutil.rmtree, directory, ignore_errors=True)
        stack = Stack(directory, durable=durable)
        at_the_end.callback(stack.stop)
        stack.start_servers()
        yield stack


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
