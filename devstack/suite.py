"""`test`: pytest with private servers of its own, thrown away afterwards."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack import checkout, screen, settings, signals
from devstack.checkout import ROOT, STATE
from devstack.errors import StopRequested
from devstack.postgres import Postgres, remove_leftovers
from devstack.processes import Child
from devstack.redis import Redis
from devstack.servers import Server

PREFIX = "test-"
SECONDS_TO_STOP = 8.0


def run_tests(arguments: Sequence[str]) -> int:
    """Run pytest and return its exit code; 128 and the signal's number when it was told to stop."""
    checkout.make_state_directory()
    _remove_what_dead_runs_left()
    home = STATE / f"{PREFIX}{os.getpid()}"
    home.mkdir(mode=0o700)
    servers: list[Server] = []
    try:
        env = settings.for_test(ROOT, os.environ)
        env |= _start_servers(home, env, servers)
        return _run_pytest(arguments, env=env)
    except StopRequested:
        return 128 + (signals.received() or 0)
    finally:
        for server in servers:
            server.remove()
        shutil.rmtree(home, ignore_errors=True)


def _start_servers(home: Path, given: Mapping[str, str], servers: list[Server]) -> dict[str, str]:
    """Start what has no address yet, note it in `servers`, and return the addresses."""
    addresses = {}
    with screen.step("private servers for the tests"):
        if "REDIS_URL" not in given:
            redis = Redis(home / "redis")
            servers.append(redis)
            redis.start()
            addresses["REDIS_URL"] = redis.url
        if "DATABASE_URL" not in given:
            postgres = Postgres(home / "postgres", durable=False)
            servers.append(postgres)
            postgres.start()
            addresses["DATABASE_URL"] = postgres.create_database("sms")
    return addresses


def _run_pytest(arguments: Sequence[str], *, env: Mapping[str, str]) -> int:
    # In a terminal pytest stays in our session, or its debugger could not read the keyboard.
    in_terminal = sys.stdin.isatty()
    argv = [sys.executable, "-m", "pytest", *arguments]
    child = Child("pytest", argv, env=env, cwd=ROOT, own_session=not in_terminal)
    child.start()
    try:
        code = child.wait()
        return code if code >= 0 else 128 - code
    except StopRequested:
        # Pytest tears its fixtures down on SIGINT. In a terminal Ctrl-C has reached it already, and a second one
        # would cut that short.
        if not (in_terminal and signals.received() == signal.SIGINT):
            child.send(signal.SIGINT)
        _wait_for_the_end(child)
        raise
    finally:
        child.kill()


def _wait_for_the_end(child: Child) -> None:
    end = time.monotonic() + SECONDS_TO_STOP
    while child.is_running and time.monotonic() < end:
        time.sleep(0.05)


def _remove_what_dead_runs_left() -> None:
    for home in STATE.glob(f"{PREFIX}*"):
        number = home.name.removeprefix(PREFIX)
        if number.isdigit() and not _is_alive(int(number)):
            remove_leftovers(home / "postgres")
            shutil.rmtree(home, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is alive, and somebody else's
    return True
