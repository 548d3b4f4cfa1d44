"""A small project tree with fake processes, and the commands run in it as a person would."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack.postgres import Postgres
from devstack.processes import free_port
from devstack.settings import names_of_settings

ROOT = Path(__file__).parent.parent.parent
LOCKS = ("requirements-dev.lock", "requirements-test.lock", "requirements-bench.lock")
# Not the environment's: the commands have to find their way into it themselves.
BARE_PYTHON = sys._base_executable
READY = "Ctrl-C"
# The fakes use neither, and nothing has to be started for them.
ELSEWHERE = {"DATABASE_URL": "postgresql://elsewhere/sms", "REDIS_URL": "redis://elsewhere"}


class Running:
    """A command that is running, with what it has printed."""

    def __init__(self, argv: list[str], *, tree: "Tree", env: dict[str, str], stdin: int) -> None:
        self.output = tree.path / "output.txt"
        with self.output.open("wb") as stream:
            self.process = subprocess.Popen(
                argv, cwd=tree.path, env=env, stdin=stdin, stdout=stream, stderr=subprocess.STDOUT
            )

    @property
    def said(self) -> str:
        """Everything it has printed."""
        return self.output.read_text()

    def wait_for(self, text: str, *, within: float = 20) -> None:
        """Wait until it has printed `text`."""
        end = time.monotonic() + within
        while text not in self.said:
            assert self.process.poll() is None, f"it ended before it said {text!r}:\n{self.said}"
            assert time.monotonic() < end, f"it never said {text!r}:\n{self.said}"
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal and return the exit code. A run has 10 seconds to end."""
        self.process.send_signal(number)
        return self.process.wait(timeout=10)

    def kill(self) -> None:
        """Make sure that it is gone."""
        self.process.kill()
        self.process.wait()


class Tree:
    """A checkout of its own: the real `devstack`, the environment of this test run, fakes for everything else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = path / ".dev"
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        shutil.copytree(Path(__file__).parent / "fakes", path, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "devstack", path / "devstack", ignore=shutil.ignore_patterns("__pycache__"))
        for name in (*LOCKS, ".env.example"):
            shutil.copy(ROOT / name, path)
        (path / ".venv").symlink_to(sys.prefix)

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the person's environment, without a setting of the service but those given."""
        ours = names_of_settings(ROOT / ".env.example") | {"PYTHONDONTWRITEBYTECODE"}
        person = {name: value for name, value in os.environ.items() if name not in ours}
        return person | {"PORT": str(self.port)} | settings

    def command(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `python3 -m devstack` to its end."""
        return subprocess.run(
            [BARE_PYTHON, "-m", "devstack", *words],
            cwd=self.path,
            env=self.environment(**settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def start(self, *words: str, stdin: int = subprocess.DEVNULL, **settings: str) -> Running:
        """Start `python3 -m devstack` without waiting."""
        argv = [BARE_PYTHON, "-m", "devstack", *words]
        return Running(argv, tree=self, env=self.environment(**settings), stdin=stdin)

    def facts(self) -> dict:
        """Return what a running stack tells about itself."""
        return json.loads((self.state / "stack.json").read_text())

    def processes(self) -> dict[int, str]:
        """Return the processes that work inside this tree, by number, with their commands."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "cwd").readlink().is_relative_to(self.path):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue  # it ended meanwhile
        return found

    def wait_until_empty(self, *, within: float) -> None:
        """Wait until no process works inside this tree."""
        end = time.monotonic() + within
        while left := self.processes():
            assert time.monotonic() < end, f"left behind: {left}"
            time.sleep(0.05)


@pytest.fixture(scope="session")
def make_tree(tmp_path_factory) -> Callable[[str], Tree]:
    """Make trees; nothing may run in them at the end."""
    if not (Path(sys.prefix) / "pyvenv.cfg").exists() or not sys.platform.startswith("linux"):
        pytest.skip("needs a virtual environment and /proc")
    return lambda name: Tree(tmp_path_factory.mktemp("trees") / name)


@pytest.fixture(scope="session")
def tree(make_tree) -> Tree:
    """One tree for many tests, so that its database is made once."""
    return make_tree("tree")


@pytest.fixture(scope="session")
def impatient_tree(make_tree) -> Tree:
    """One tree whose stack waits a second where the real one waits longer."""
    tree = make_tree("impatient")
    module = tree.path / "devstack" / "stack.py"
    module.write_text(
        re.sub(r"^(READY_SECONDS|STOP_SECONDS) = .*", r"\1 = 1.0", module.read_text(), flags=re.MULTILINE)
    )
    return tree


@pytest.fixture
def start(tree) -> Iterator[Callable[..., Running]]:
    """Start commands in the tree, and leave nothing of them."""
    begun = []

    def begin(*words: str, **options: Any) -> Running:
        begun.append(tree.start(*words, **options))
        return begun[-1]

    yield begin
    for command in begun:
        command.kill()
    tree.wait_until_empty(within=10)


@pytest.fixture
def running(start) -> Running:
    """Return a stack that is up."""
    command = start("run")
    command.wait_for(READY)
    return command


@pytest.fixture(scope="session")
def postgres(tmp_path_factory) -> Iterator[Postgres]:
    """Run a private PostgreSQL."""
    server = Postgres(tmp_path_factory.mktemp("servers") / "postgres", durable=False)
    server.start()
    yield server
    server.remove()
