"""Wall clocks that can be set: each group of processes reads its offset from a file, by a preloaded library."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from devstack.postgres import Postgres
from devstack.processes import Child
from devstack.redis import Redis

# Whose clock can be set apart from the others. The simulator is somebody else's machine, and its clock is right.
GROUPS = ("postgres", "redis", "web", "workers", "beat")
SOURCE = Path(__file__).with_name("wall_clock.c")


class NoCompiler(Exception):
    """The library cannot be made on this machine."""


def find_compiler() -> str:
    """Return the C compiler. Raises NoCompiler."""
    found = shutil.which("cc") or shutil.which("gcc")
    if found is None:
        raise NoCompiler("clocks cannot be set without a C compiler: apt install gcc libc6-dev")
    return found


@dataclass
class Clocks:
    """One clock for each of GROUPS. They are all right until one is set."""

    directory: Path  # everybody can read it: PostgreSQL runs as somebody else
    offsets: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GROUPS, 0))

    def __post_init__(self) -> None:
        self.library = self.directory / "wall_clock.so"
        words = [find_compiler(), "-shared", "-fPIC", "-O2", "-o", str(self.library), str(SOURCE), "-ldl"]
        subprocess.run(words, check=True)
        for group in GROUPS:
            self._file(group).touch(mode=0o644)
            self.set(group, 0)

    def environment(self, group: str) -> dict[str, str]:
        """Return what makes a process follow a group's clock."""
        return {"LD_PRELOAD": str(self.library), "WALL_CLOCK": str(self._file(group))}

    def set(self, group: str, offset: int) -> None:
        """Let a group's clock differ from the true time by so many seconds, from this moment on."""
        self.offsets[group] = offset
        with self._file(group).open("r+b") as file:  # in place: the processes have it mapped
            file.write(offset.to_bytes(8, sys.byteorder, signed=True))

    def step(self, seconds: int, groups: Sequence[str] = GROUPS) -> None:
        """Step the clocks of some groups."""
        for group in groups:
            self.set(group, self.offsets[group] + seconds)

    def _file(self, group: str) -> Path:
        return self.directory / f"{group}.offset"


@contextmanager
def clocks() -> Iterator[Clocks]:
    """Make clocks, and leave no file behind. Raises NoCompiler."""
    directory = Path(tempfile.mkdtemp(prefix="sms-clocks-"))
    directory.chmod(0o755)
    try:
        yield Clocks(directory)
    finally:
        shutil.rmtree(directory)


@dataclass(eq=False, kw_only=True)
class PostgresOnItsClock(Postgres):
    """A PostgreSQL whose clock can be set."""

    clocks: Clocks

    def _make_child(self) -> Child:
        return _follow(super()._make_child(), self.clocks.environment("postgres"))


@dataclass(eq=False, kw_only=True)
class RedisOnItsClock(Redis):
    """A Redis whose clock can be set."""

    clocks: Clocks

    def _make_child(self) -> Child:
        return _follow(super()._make_child(), self.clocks.environment("redis"))


def _follow(child: Child, environment: dict[str, str]) -> Child:
    child.env = {**(child.env or os.environ), **environment}
    return child
