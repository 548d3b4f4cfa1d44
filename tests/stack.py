"""The whole service as real processes: what `make run` starts, with a database and a Redis database of its own."""

import json
import os
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import psycopg2
import pytest
import redis

from devstack.processes import Child, free_port, stop_all
from tests import contract, http
from tests.http import Answer, call

ROOT = Path(__file__).parent.parent
API_KEY = "sms_live_stack_of_the_tests"
SECRET = "first-secret-of-the-tests"
OLD_SECRET = "second-secret-of-the-tests"
STARTS_WITHIN = 60

SERVERS = {
    "uvicorn": ("-m", "config.serve"),
    "daphne": ("manage.py", "runserver", "--noreload", "{host}:{port}"),
}


class Stack:
    """Web, worker, beat and simulator of one database."""

    def __init__(self, directory: Path, *, server: str = "uvicorn", **settings: str) -> None:
        """`settings` are environment variables; DATABASE_URL and REDIS_URL have to be among them."""
        self.directory = directory
        self.port, self.simulator_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.simulator_url = f"http://127.0.0.1:{self.simulator_port}"
        self.websocket_url = f"ws://127.0.0.1:{self.port}/graphql/"
        self.api_key = API_KEY
        self.environment = self._environment(settings)
        web = [word.format(host="127.0.0.1", port=self.port) for word in SERVERS[server]]
        self.simulator = self._child("simulator", "-m", "simulator")
        self.web = self._child("web", *web)
        self.worker = self._child("worker", "-m", "config.worker")
        self.beat = self._child("beat", "-m", "config.beat")

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "SECRET_KEY": "not-a-secret-only-for-tests",
            "DEBUG": "true",
            "ANONYMOUS_ACCOUNT": "demo",
            "DEMO_API_KEY": API_KEY,
            "DLR_SIGNING_SECRETS": f"{SECRET},{OLD_SECRET}",
            "SIMULATOR_URL": self.simulator_url,
            "SIMULATOR_PORT": str(self.simulator_port),
            "SIMULATOR_RECEIPT_DELAY": "0.2",
            "SIMULATOR_LATE_RECEIPT_DELAY": "3",
            "LOOK_UP_AFTER": "1",
            "WEBHOOK_URL": f"{self.url}/api/webhooks/dlr/",
            **settings,
        }

    def _child(self, name: str, *words: str) -> Child:
        log = self.directory / f"{name}.log"
        return Child(name, [sys.executable, *words], log=log, env=self.environment, cwd=ROOT)

    @property
    def children(self) -> list[Child]:
        """All processes."""
        return [self.simulator, self.web, self.worker, self.beat]

    def start(self) -> None:
        """Migrate, start everything, and wait until /readyz says so."""
        subprocess.run(
            [sys.executable, "manage.py", "prepare", "-v0"], cwd=ROOT, env=self.environment, check=True, timeout=60
        )
        http.observers[f"127.0.0.1:{self.port}"] = contract.check
        for child in self.children:
            child.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until every part is alive."""
        end = time.monotonic() + STARTS_WITHIN
        said: object = None
        while time.monotonic() < end:
            dead = [child for child in self.children if not child.is_running]
            assert not dead, f"{dead[0].name} ended: {dead[0].log_tail()}"
            try:
                answer = call("GET", f"{self.url}/readyz")
            except OSError as error:
                said = error
            else:
                if answer.status == 200:
                    return
                said = answer.body
            time.sleep(0.1)
        pytest.fail(f"the stack is not ready: {said!r}\n" + "\n".join(one.log_tail(5) for one in self.children))

    def stop(self) -> None:
        """Stop everything."""
        stop_all(self.children)

    def send(self, *, key: str | None = None, **fields: object) -> Answer:
        """POST one message."""
        headers = {} if key is None else {"Idempotency-Key": key}
        body = {"sender_id": "MyCorp", "recipient": "233200000901", "text": "Hello", **fields}
        return call("POST", f"{self.url}/api/messages/", body, headers)

    def message(self, message_id: str) -> dict:
        """GET one message."""
        return call("GET", f"{self.url}/api/messages/{message_id}/").json()

    def wait_for(self, message_id: str, *statuses: str, within: float = 20) -> dict:
        """Wait until a message has one of the statuses, and return it."""
        end = time.monotonic() + within
        while (message := self.message(message_id))["status"] not in statuses:
            assert time.monotonic() < end, f"still {message['status']}, not {statuses}: {json.dumps(message, indent=1)}"
            time.sleep(0.05)
        return message

    def query(self, sql: str, *parameters: object) -> list[tuple]:
        """Ask the stack's database."""
        with psycopg2.connect(self.environment["DATABASE_URL"]) as connection, connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall()


def fresh_database(name: str) -> str:
    """Return the address of a new database on the tests' server."""
    url = urllib.parse.urlsplit(os.environ["DATABASE_URL"])
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    connection.autocommit = True  # CREATE DATABASE cannot run inside a transaction
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{name}"')
    connection.close()
    return url._replace(path=f"/{name}").geturl()


def fresh_redis(database: int) -> str:
    """Return the address of an empty Redis database on the tests' server."""
    url = urllib.parse.urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{database}").geturl()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


def _running(tmp_path_factory: pytest.TempPathFactory, server: str, redis_database: int, **settings: str):
    urls = {"DATABASE_URL": fresh_database(f"stack_{server}"), "REDIS_URL": fresh_redis(redis_database)}
    stack = Stack(tmp_path_factory.mktemp(server), server=server, **urls, **settings)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """The service on uvicorn, as `make run` serves it."""
    yield from _running(tmp_path_factory, "uvicorn", 1)


@pytest.fixture(scope="session")
def daphne_stack(tmp_path_factory):
    """The service on `manage.py runserver`, which daphne serves, with a provider that takes one message a request."""
    yield from _running(tmp_path_factory, "daphne", 2, SIMULATOR_BATCHES="false", PROVIDER_TIMEOUT="2")
