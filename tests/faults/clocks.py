"""Wall clocks that can be set: each group of processes runs under libfaketime and reads its offset from a file."""

import os
import shutil
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
FAKED = Path(__file__).with_name("faked")
LIBRARIES = "*-linux-gnu*/faketime/libfaketime.so.1"


class NoFaketime(Exception):
    """There is no libfaketime on this machine."""


def find_faketime() -> Path:
    """Return the library to preload. Raises NoFaketime."""
    found = sorted(Path("/usr/lib").glob(LIBRARIES))
    if not found:
        raise NoFaketime("clocks cannot be set without libfaketime: apt install faketime")
    return found[0]


@dataclass
class Clocks:
    """One clock for each of GROUPS. They are all right until one is set."""

    directory: Path  # everybody can read it: PostgreSQL runs as somebody else
    library: Path = field(default_factory=find_faketime)
    offsets: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GROUPS, 0))

    def __post_init__(self) -> None:
        for group in GROUPS:
            self.set(group, 0)

    def environment(self, group: str) -> dict[str, str]:
        """Return what makes a process follow a group's clock."""
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file(group)),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(FAKED),
        }

    def set(self, group: str, offset: int) -> None:
        """Let a group's clock differ from the true time by so many seconds, from this moment on."""
        self.offsets[group] = offset
        part = self._file(group).with_suffix(".part")
        part.write_text(f"{offset:+d}\n")
        part.chmod(0o644)
        part.replace(self._file(group))  # at no time is there half a file

    def step(self, seconds: int, groups: Sequence[str] = GROUPS) -> None:
        """Step the clocks of some groups."""
        for group in groups:
            self.set(group, self.offsets[group] + seconds)

    def _file(self, group: str) -> Path:
        return self.directory / f"{group}.offset"


@contextmanager
def clocks() -> Iterator[Clocks]:
    """Make clocks, and leave no file behind. Raises NoFaketime."""
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
