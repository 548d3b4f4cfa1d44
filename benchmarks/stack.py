"""The service as it is deployed on one machine, with a PostgreSQL that keeps its own defaults and fsyncs."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from benchmarks import requests
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
    """What the other side is like."""

    batches: bool = True
    latency: float = 0.0
    receipts: bool = False
    receipt_delay: float = 0.0


class Stack:
    """Web, one worker, beat, provider, PostgreSQL and Redis."""

    def __init__(self, directory: Path, *, provider: Provider, settings: Mapping[str, str]) -> None:
        self.directory = directory
        self.port, self.provider_port = free_port(), free_port()
        self.postgres = Postgres(directory / "postgres")
        self.redis = Redis(directory / "redis")
        self._given = settings
        self._provider = provider
        self.environment: dict[str, str] = {}

    def start_servers(self) -> None:
        """Start PostgreSQL and Redis, and make the tables."""
        for server in (self.postgres, self.redis):
            server.start()
        self.environment = self._environment(self.postgres.create_database("sms"))
        self.run("manage.py", "prepare", "-v0")
        self.web = self.child("web", "-m", "config.serve")
        self.worker = self.child("worker", "-m", "config.worker")
        self.beat = self.child("beat", "-m", "config.beat")
        self.provider = self.child("provider", "-m", "benchmarks.provider", *self._provider_options())
        self.children = [self.provider, self.web, self.worker, self.beat]

    def _environment(self, database_url: str) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DATABASE_URL": database_url,
            "REDIS_URL": self.redis.url,
            "SECRET_KEY": "not-a-secret-only-for-benchmarks",
            "DEMO_API_KEY": requests.API_KEY,
            "DLR_SIGNING_SECRETS": requests.SECRET,
            "SIMULATOR_URL": f"http://127.0.0.1:{self.provider_port}",
            "SIMULATOR_BATCHES": str(self._provider.batches).lower(),
            "LOG_LEVEL": "WARNING",
            **self._given,
        }

    def _provider_options(self) -> list[str]:
        options = ["--port", str(self.provider_port), "--latency", str(self._provider.latency)]
        if self._provider.receipts:
            options += ["--receipts-to", str(self.port), "--receipt-delay", str(self._provider.receipt_delay)]
        return options

    def child(self, name: str, *words: str) -> Child:
        """Make a Python process of this stack, with its output in a log of its own."""
        return Child(name, [sys.executable, *words], log=self.directory / f"{name}.log", env=self.environment, cwd=ROOT)

    def start(self, children: Sequence[Child] | None = None) -> None:
        """Start these processes, or all, and wait until the service is ready as far as they let it be."""
        started = self.children if children is None else children
        for child in started:
            child.start()
        self._wait(lambda status, _: status is not None)
        if self.worker.is_running:
            self._wait(lambda status, _: status == 200)

    def _wait(self, is_ready: Any) -> None:
        end = time.monotonic() + READY_WITHIN
        while not is_ready(*(said := ask_ready(self.environment))):
            for child in self.children:
                assert child.is_running or not child.was_started, f"{child.name} ended: {child.log_tail()}"
            assert time.monotonic() < end, f"not ready: {said}"
            signals.pause(0.05)

    def stop(self) -> None:
        """Stop everything, and delete what it stored."""
        stop_all(self.children if self.environment else [])
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

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
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

    def settle(self) -> None:
        """Wait until nothing waits any more, and let `manage.py reconcile` account for every message."""
        end = time.monotonic() + SETTLED_WITHIN
        while (left := self.queue()) > 0:
            assert time.monotonic() < end, f"{left} are still waiting"
            signals.pause(0.1)
        self.run("manage.py", "reconcile")


@contextmanager
def running(
    *, provider: Provider | None = None, worker: bool = True, settings: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Start a stack, and remove all of it at the end. With `worker=False` its worker is not started yet."""
    _allow_many_sockets()
    make_state_directory()
    directory = STATE / f"bench-{os.getpid()}"
    with ExitStack() as at_the_end:
        at_the_end.callback(shutil.rmtree, directory, ignore_errors=True)
        directory.mkdir()
        stack = Stack(directory, provider=provider or Provider(), settings=settings or {})
        at_the_end.callback(stack.stop)
        stack.start_servers()
        stack.start([child for child in stack.children if worker or child is not stack.worker])
        yield stack


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
