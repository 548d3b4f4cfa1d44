"""Private servers that can be stopped, killed and started again on the same port."""

import contextlib
import os
import shutil
import time
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import ClassVar

from devstack import signals
from devstack.errors import DevstackError
from devstack.processes import Child, free_port

# What a server says when only a moment, or another port, is missing: somebody was faster than we with a free port,
# or the processes of a killed PostgreSQL are not all gone yet.
PORT_TAKEN = "Address already in use"
STILL_IN_USE = "is still in use"
PATIENCE = 5.0


@dataclass(eq=False)
class Server:
    """What PostgreSQL and Redis have in common. Start it in the main thread (see `Child`).

    It keeps its port over a restart; without one it takes any that is free.
    """

    name: ClassVar[str] = "server"

    directory: Path
    _: KW_ONLY
    port: int = 0
    log: Path | None = None
    child: Child | None = field(default=None, init=False, repr=False)  # the program of the last start

    def __post_init__(self) -> None:
        self.directory = self.directory.absolute()  # the programs have working directories of their own
        self._may_move = self.port == 0
        self.port = self.port or free_port()
        self.log = self.log or self.directory / f"{self.name}.log"

    def start(self, *, within: float = 60.0) -> None:
        """Start and wait until it takes connections. Raises DevstackError with the end of its log."""
        self.spawn()
        self.wait_ready(within=within)

    def spawn(self) -> None:
        """Start without waiting; `wait_ready` has to follow."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.child = self._make_child()
        self.child.start()

    def wait_ready(self, *, within: float = 60.0) -> None:
        """Wait until it takes connections. Raises DevstackError with the end of its log."""
        begun = time.monotonic()
        while self.child is not None and not self._is_ready(self.child):
            waited = time.monotonic() - begun
            if not self.child.is_running and not (waited < PATIENCE and self._tries_again(self.child.log_tail())):
                raise DevstackError(f"{self.name} ended ({self.child.how_it_ended()}):\n{self.child.log_tail()}")
            if waited > within:
                raise DevstackError(f"{self.name} is not ready after {within:.0f} s:\n{self.child.log_tail()}")
            signals.pause(0.02)
        self._may_move = False  # from here on somebody may know the address

    def stop(self, *, within: float = 6.0) -> None:
        """Stop in good order, and kill what is left after `within` seconds. May be called at any time."""
        if self.child is not None:
            self.child.stop(within=within)

    def kill(self) -> None:
        """Kill -9, as a crash would."""
        if self.child is not None:
            self.child.kill()

    def remove(self) -> None:
        """Stop it and delete its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _tries_again(self, last_words: str) -> bool:
        """Start once more when the last words speak of something that passes."""
        if PORT_TAKEN not in last_words and STILL_IN_USE not in last_words:
            return False
        if PORT_TAKEN in last_words and self._may_move:
            self.port = free_port()
        signals.pause(0.2)
        self.spawn()
        return True

    def _make_child(self) -> Child:
        """Make the program, and everything that it needs to be there."""
        raise NotImplementedError

    def _is_ready(self, child: Child) -> bool:
        """Whether the program takes connections."""
        raise NotImplementedError


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a crash leaves the old content or the new, never half of it."""
    part = path.with_name(path.name + ".part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    part.replace(path)
