"""`run`: everything up, watched, and everything down again."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import NoReturn

from devstack import checkout, environment, screen, services, settings, signals, welcome
from devstack.checkout import LOGS, ROOT, RUN_LOCK, STACK_FILE, STATE
from devstack.errors import DevstackError, StopRequested
from devstack.locks import FileLock, is_held
from devstack.ports import refuse_taken_port
from devstack.postgres import Postgres
from devstack.processes import Child, free_port, stop_all
from devstack.redis import Redis
from devstack.servers import Server, write_private

READY_SECONDS = 60.0
STOP_SECONDS = 6.0
STOP_SERVERS_SECONDS = 3.0


def read_settings() -> dict[str, str]:
    """Return the settings of `run` that need nothing to be started. Raises DevstackError when one is wrong."""
    return settings.for_run(ROOT, os.environ)


def refuse_if_impossible(wanted: Mapping[str, str]) -> None:
    """Raise DevstackError when a stack runs in this checkout already, or the port is taken."""
    if is_held(RUN_LOCK):
        raise DevstackError(already_running())
    refuse_taken_port(wanted["HOST"], int(wanted["PORT"]))


def already_running() -> str:
    """Describe the stack that holds the lock."""
    with suppress(ValueError):
        holder = json.loads(RUN_LOCK.read_text())
        return f"The stack of this checkout is already running: {holder['address']} (process {holder['pid']})."
    return "The stack of this checkout is just being started by somebody else."


def run() -> int:
    """Run the stack until it is told to stop, or one of its processes ends; returns the exit code."""
    wanted = read_settings()
    checkout.make_state_directory()
    refuse_if_impossible(wanted)
    lock = FileLock(RUN_LOCK)
    if not lock.try_acquire(word=json.dumps({"pid": os.getpid(), "address": settings.address_of(wanted)})):
        raise DevstackError(already_running())
    stack = Stack(wanted)
    try:
        stack.start()
        welcome.print_welcome(stack.settings, seconds=time.monotonic() - environment.began)
        stack.watch()
    except StopRequested:
        screen.say("\nStopping …")
        return 0
    except DevstackError as error:
        screen.complain(str(error))  # before the stopping, which takes its seconds
        return 1
    finally:
        stack.stop()
        lock.release()


class Stack:
    """Private servers where no address was given, and the processes of the service."""

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self.settings = dict(wanted)
        self.servers: list[Server] = []
        self.children: dict[str, Child] = {}

    def start(self) -> None:
        """Start everything and wait until /readyz says so. Raises DevstackError naming the process to blame."""
        for old in LOGS.glob("*.log"):
            old.unlink()
        settings.add_secrets(self.settings, STATE / "secrets.json")
        self._start_servers()
        self._place_simulator()
        self.settings["PYTHONUNBUFFERED"] = "1"  # or the last words of a dying process never reach its log
        self._prepare()
        self._start_services()
        self._write_stack_file()

    def watch(self) -> NoReturn:
        """Wait for ever. Raises DevstackError when a process ends, StopRequested when a signal comes."""
        while True:
            self._refuse_the_dead()
            signals.pause(0.25)

    def stop(self) -> None:
        """Stop everything in good order: first what talks to the servers. Nothing is left when it returns."""
        STACK_FILE.unlink(missing_ok=True)
        stop_all(self.children.values(), within=STOP_SECONDS)
        stop_all(self._server_children(), within=STOP_SERVERS_SECONDS)

    def _start_servers(self) -> None:
        redis = None if "REDIS_URL" in self.settings else Redis(STATE / "redis", log=LOGS / "redis.log")
        if redis:
            self.servers.append(redis)
            redis.spawn()  # gets ready while PostgreSQL is made
        if "DATABASE_URL" not in self.settings:
            with screen.step("PostgreSQL"):
                postgres = Postgres(STATE / "postgres", log=LOGS / "postgres.log")
                self.servers.append(postgres)
                postgres.start()
                self.settings["DATABASE_URL"] = postgres.create_database("sms")
        if redis:
            with screen.step("Redis"):
                redis.wait_ready()
                self.settings["REDIS_URL"] = redis.url

    def _place_simulator(self) -> None:
        host = self.settings.setdefault("SIMULATOR_HOST", "127.0.0.1")
        port = self.settings.setdefault("SIMULATOR_PORT", str(free_port()))
        ours = f"http://{settings.reachable_host(host)}:{port}"
        # An address given from outside is another simulator's, unless it names the very port of ours.
        self.has_simulator = self.settings.setdefault("SIMULATOR_URL", ours) == ours

    def _prepare(self) -> None:
        with screen.step("database tables and demo account") as line:
            child = services.python_child("prepare", services.PREPARE, env=self.settings)
            self.children["prepare"] = child
            child.start()
            if child.wait(tick=line.tick):
                raise DevstackError(self._obituary(child))
        del self.children["prepare"]

    def _start_services(self) -> None:
        names = [name for name in services.COMMANDS if name != "simulator" or self.has_simulator]
        with screen.step(", ".join(names)) as line:
            for name in names:
                child = services.python_child(name, services.COMMANDS[name], env=self.settings)
                self.children[name] = child
                child.start()
            self._wait_ready(line)

    def _wait_ready(self, line: screen.Step) -> None:
        end = time.monotonic() + READY_SECONDS
        while True:
            self._refuse_the_dead()
            status, body = services.ask_ready(self.settings)
            if status == HTTPStatus.OK:
                return
            if time.monotonic() > end:
                raise DevstackError(self._complaint(status, body))
            line.tick()
            signals.pause(0.1)

    def _refuse_the_dead(self) -> None:
        for child in self._all_children():
            if not child.is_running:
                raise DevstackError(self._obituary(child))

    def _server_children(self) -> list[Child]:
        return [server.child for server in self.servers if server.child is not None]

    def _all_children(self) -> list[Child]:
        return [*self.children.values(), *self._server_children()]

    def _obituary(self, child: Child) -> str:
        return f"{child.name} ended ({child.how_it_ended()}). {self._last_words(child)}"

    def _complaint(self, status: int | None, body: str) -> str:
        answer = body if status is None else f"{status} {body}"
        all_children = {child.name: child for child in self._all_children()}
        child = all_children.get(services.blame(body), self.children["web"])
        return f"Not ready after {READY_SECONDS:.0f} s; /readyz says: {answer}\n{self._last_words(child)}"

    def _last_words(self, child: Child) -> str:
        assert child.log is not None
        return f"The end of {checkout.shown(child.log)}:\n{child.log_tail() or '(empty)'}"

    def _write_stack_file(self) -> None:
        facts = {
            "pid": os.getpid(),
            "address": settings.address_of(self.settings),
            "api_key": self.settings["DEMO_API_KEY"],
            "sender_ids": self.settings.get("SENDER_IDS", welcome.SENDER_IDS),
            "dlr_signing_secrets": self.settings["DLR_SIGNING_SECRETS"],
            "simulator_url": self.settings["SIMULATOR_URL"],
            "database_url": self.settings["DATABASE_URL"],
            "redis_url": self.settings["REDIS_URL"],
            "processes": {child.name: child.pid for child in self.children.values()},
        }
        write_private(STACK_FILE, json.dumps(facts, indent=2) + "\n")
