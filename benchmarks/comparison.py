"""The baseline's processes, on the servers of a stack and talking to its provider."""

import http.client
import importlib.util
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import redis

from benchmarks.stack import Provider, Stack
from devstack import signals
from devstack.processes import free_port, stop_all

DATABASE = "baseline"
REDIS_DATABASE = 7
STARTS_WITHIN = 30.0
GUNICORN = ("--workers", "2", "--worker-class", "gthread", "--threads", "8", "--keep-alive", "75")
CELERY = ("worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "WARNING", "--without-mingle")


def is_installed() -> bool:
    """Whether the packages of the baseline are there: `make bench` installs them, `make test` does not need them."""
    return all(importlib.util.find_spec(name) for name in ("rest_framework", "gunicorn", "requests"))


class Baseline:
    """gunicorn and a Celery worker, with a provider of their own that reports to them."""

    def __init__(self, stack: Stack, *, provider: Provider) -> None:
        self.port, self._provider_port = free_port(), free_port()
        stack.environment |= self._environment(stack)
        application = ("-m", "gunicorn", "benchmarks.baseline.wsgi", *GUNICORN, "--bind", f"127.0.0.1:{self.port}")
        self.web = stack.child("baseline-web", *application)
        self.worker = stack.child("baseline-worker", "-m", "celery", "-A", "benchmarks.baseline.celery", *CELERY)
        receipts = ["--receipts-to", str(self.port)] if provider.receipts else []
        self.provider = stack.child(
            "baseline-provider", "-m", "benchmarks.provider", "--port", str(self._provider_port), *receipts
        )
        for child in (self.web, self.worker):
            assert child.env is not None
            child.env = {**child.env, "SIMULATOR_URL": f"http://127.0.0.1:{self._provider_port}"}
        self._stack = stack

    def _environment(self, stack: Stack) -> dict[str, str]:
        address = urllib.parse.urlsplit(stack.redis.url)._replace(path=f"/{REDIS_DATABASE}").geturl()
        return {
            "BASELINE_DATABASE_URL": stack.postgres.create_database(DATABASE),
            "BASELINE_REDIS_URL": address,
        }

    def start(self) -> None:
        """Make the table, and start all but the worker."""
        manage = ("-m", "django", "migrate", "--run-syncdb", "-v0", "--settings", "benchmarks.baseline.settings")
        self._stack.run(*manage)
        self.provider.start()
        self.web.start()
        for _ in range(int(STARTS_WITHIN / 0.05)):
            if self._answers():
                return
            signals.pause(0.05)
        raise AssertionError(f"the baseline does not start: {self.web.log_tail()}")

    def start_worker(self) -> None:
        """Start the Celery worker, without what was queued before."""
        with redis.Redis.from_url(self._stack.environment["BASELINE_REDIS_URL"]) as client:
            client.flushdb()
        self.worker.start()

    def stop(self) -> None:
        """Stop its processes."""
        stop_all([self.web, self.worker, self.provider], within=3.0)

    def pids(self) -> dict[str, int]:
        """Return the process ids of what runs."""
        running = [child for child in (self.web, self.worker, self.provider) if child.is_running]
        servers = {name: pid for name, pid in self._stack.pids().items() if name in ("postgres", "redis")}
        return {child.name.removeprefix("baseline-"): child.pid for child in running} | servers

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        """Execute one statement in its database."""
        connection = psycopg2.connect(self._stack.environment["BASELINE_DATABASE_URL"])
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/api/messages/")
            return connection.getresponse().status == 405
        except OSError:
            return False
        finally:
            connection.close()


@contextmanager
def beside(stack: Stack, *, provider: Provider) -> Iterator[Baseline | None]:
    """Run the baseline beside the service; None where its packages are not installed, or nobody wants it."""
    if not (is_installed() and stack.has_references):
        yield None
        return
    baseline = Baseline(stack, provider=provider)
    try:
        baseline.start()
        yield baseline
    finally:
        baseline.stop()
