"""The whole service with servers of its own and two workers, every part of which can be struck and mended."""

import os
import signal
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg2

from devstack.postgres import Postgres
from devstack.processes import Child, free_port, stop_all
from devstack.redis import Redis
from tests.faults.background import Background
from tests.faults.clocks import Clocks, PostgresOnItsClock, RedisOnItsClock, clocks
from tests.faults.proxy import Proxy
from tests.faults.reconciler import Reconciler
from tests.faults.waiting import wait_until
from tests.http import call
from tests.stack import SERVERS, Stack

SETTINGS = {
    "LEASE_SECONDS": "4",
    "PROVIDER_TIMEOUT": "2",
    "LOOK_UP_AFTER": "2",
    "SIMULATOR_RECEIPT_DELAY": "0.1",
}
LINKS = ("database", "redis", "provider", "webhook", "front")


class FaultStack(Stack):
    """Two workers, a spare web process, and, where `proxied`, a proxy on every link between the parts."""

    def __init__(
        self,
        directory: Path,
        postgres: Postgres,
        redis: Redis,
        background: Background,
        *,
        proxied: bool,
        clocks: Clocks | None = None,
        **settings: str,
    ) -> None:
        self.postgres, self.redis, self.background = postgres, redis, background
        self.is_proxied, self.clocks = proxied, clocks
        self.links: dict[str, Proxy] = {}
        self._direct_url = postgres.create_database("sms")
        super().__init__(directory, DATABASE_URL=self._direct_url, REDIS_URL=redis.url, **{**SETTINGS, **settings})
        self.lease = int(self.environment["LEASE_SECONDS"])
        self.spare_port = free_port()
        web = [word.format(host="127.0.0.1", port=self.spare_port) for word in SERVERS["uvicorn"]]
        self.spare = self._child("spare", *web)
        self.spare.env = {**self.environment, "PORT": str(self.spare_port)}
        self.workers = [self.worker, self._child("worker2", "-m", "config.worker")]
        if clocks is not None:
            self._follow(clocks)
        self.armed = False
        self.reconcile: Reconciler | None = None
        self._ready: set[int] = set()  # process ids of workers that said so
        if proxied:
            self.url = f"http://127.0.0.1:{self.links['front'].port}"
            self.websocket_url = f"ws://127.0.0.1:{self.links['front'].port}/graphql/"

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        environment = super()._environment(settings)
        if not self.is_proxied:
            return environment
        behind = dict(
            zip(
                LINKS,
                (self.postgres.port, self.redis.port, self.simulator_port, self.port, self.port),
                strict=True,
            )
        )
        self.links = {name: self.background.run(Proxy(port).open()) for name, port in behind.items()}
        ports = {name: link.port for name, link in self.links.items()}
        return environment | {
            "DATABASE_URL": _with_port(environment["DATABASE_URL"], ports["database"]),
            "REDIS_URL": _with_port(environment["REDIS_URL"], ports["redis"]),
            "SIMULATOR_URL": _with_port(environment["SIMULATOR_URL"], ports["provider"]),
            "WEBHOOK_URL": _with_port(environment["WEBHOOK_URL"], ports["webhook"]),
        }

    def _follow(self, clocks: Clocks) -> None:
        groups = {"web": [self.web, self.spare], "workers": self.workers, "beat": [self.beat]}
        for group, children in groups.items():
            for child in children:
                child.env = {**(child.env or {}), **clocks.environment(group)}

    @property
    def children(self) -> list[Child]:
        """All processes that always run."""
        return [self.simulator, self.web, *self.workers, self.beat]

    def start(self) -> None:
        """Start everything and wait until all of it works."""
        super().start()
        for worker in self.workers:
            self.wait_for_worker(worker)
        self.reconcile = Reconciler(self.environment)

    def stop(self) -> None:
        """Stop everything but the servers."""
        if self.reconcile is not None:
            self.reconcile.stop()
        for worker in self.workers:
            worker.send(signal.SIGCONT)
        stop_all([*self.children, self.spare])
        for link in self.links.values():
            self.background.run(link.close())

    def arm(self, fault: str) -> None:
        """Start the first worker anew with a fault point armed: `claimed:kill:3`."""
        self.worker.kill()
        self.worker.env = self.environment | {"SMS_FAULT": fault}
        self.armed = True
        self.worker.start()
        self.wait_for_worker(self.worker)

    def disarm(self) -> None:
        """Start the first worker anew without a fault."""
        self.worker.kill()
        self.worker.env = self.environment
        self.armed = False
        self.worker.start()

    def wait_for_worker(self, worker: Child) -> None:
        """Wait until a worker takes tasks."""
        if worker.pid not in self._ready:
            wait_until(lambda: " ready." in worker.log_tail(200), within=30, what=f"{worker.name} is ready")
            self._ready.add(worker.pid)

    def wait_for_web(self, port: int) -> None:
        """Wait until a web process answers."""
        wait_until(lambda: _is_healthy(port), within=30, what="web answers")

    def mend(self) -> None:
        """Make everything work again, whatever was done to it; costs nothing where nothing is broken."""
        for server in (self.postgres, self.redis):
            if server.child is None or not server.child.is_running:
                server.start()
        for link in self.links.values():
            self.background.call(link.behave)
        self.spare.kill()
        if self.links:
            self.links["front"].backends = (self.port,)
        for child in self.children:
            child.send(signal.SIGCONT)
            if not child.is_running:
                child.start()
        if self.armed:
            self.disarm()
        for worker in self.workers:
            self.wait_for_worker(worker)
        self.wait_ready()

    def query(self, sql: str, *parameters: object) -> list[tuple]:
        """Ask the database itself, past all proxies."""
        connection = psycopg2.connect(self._direct_url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return cursor.fetchall()
        finally:
            connection.close()


@contextmanager
def running(
    directory: Path, *, proxied: bool = False, with_clocks: bool = False, **settings: str
) -> Iterator[FaultStack]:
    """Start a stack, and stop all of it at the end, whatever happened. Raises NoFaketime."""
    with ExitStack() as at_the_end:
        settable = at_the_end.enter_context(clocks()) if with_clocks else None
        background = at_the_end.enter_context(Background())
        postgres = Postgres(directory / "pg", log=directory / "postgres.log")
        redis = Redis(directory / "redis", log=directory / "redis.log")
        if settable is not None:
            postgres = PostgresOnItsClock(directory / "pg", log=directory / "postgres.log", clocks=settable)
            redis = RedisOnItsClock(directory / "redis", log=directory / "redis.log", clocks=settable)
        for server in (postgres, redis):
            at_the_end.callback(server.remove)
            server.start()
        stack = FaultStack(directory, postgres, redis, background, proxied=proxied, clocks=settable, **settings)
        at_the_end.callback(stack.stop)
        stack.start()
        yield stack


def is_frozen(child: Child) -> bool:
    """Whether a process was stopped by a signal."""
    try:
        stat = Path(f"/proc/{child.pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] == "T"


def freeze(child: Child) -> None:
    """SIGSTOP, and wait until it is felt."""
    os.kill(child.pid, signal.SIGSTOP)
    wait_until(lambda: is_frozen(child), within=5, what=f"{child.name} is frozen")


def _with_port(url: str, port: int) -> str:
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()


def _is_healthy(port: int) -> bool:
    try:
        return call("GET", f"http://127.0.0.1:{port}/healthz").status == 200
    except OSError:
        return False
