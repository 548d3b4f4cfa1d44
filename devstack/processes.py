"""Child processes that cannot outlive us: started, watched, stopped."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from devstack import signals

PR_SET_PDEATHSIG = 1

# Loaded before any fork: the child must do as little as possible between fork and exec.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def free_port() -> int:
    """Return a TCP port on loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _die_with_parent(death_signal: int) -> Callable[[], None] | None:
    """Make what a new child runs to be sent `death_signal` when we die, even by kill -9. Linux only.

    The kernel sends it when the *thread* that started the child ends, so start children in the main thread.
    """
    if _libc is None:
        return None
    libc, parent = _libc, os.getpid()

    def tie() -> None:
        libc.prctl(PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:  # we died before the line above
            os._exit(1)

    return tie


@dataclass(eq=False)
class Child:
    """One program in a session of its own, so that Ctrl-C reaches us and not it. Its output goes to `log`.

    With `log=None` it writes where we write. It may be started again after it ended. Start it in the main thread.
    """

    name: str
    argv: Sequence[str | Path]
    _: KW_ONLY
    log: Path | None = None
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    stop_signal: int = signal.SIGTERM
    user: int | None = None
    group: int | None = None
    own_session: bool = True
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _log_offset: int = field(default=0, init=False, repr=False)

    def start(self) -> None:
        """Start the program; raises OSError when it cannot be started at all."""
        with contextlib.ExitStack() as stack:
            output = None
            if self.log is not None:
                output = stack.enter_context(self.log.open("ab"))
                self._log_offset = output.tell()
            # Python 3.12+ warns about a fork among threads.
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process = subprocess.Popen(
                [str(word) for word in self.argv],
                stdin=subprocess.DEVNULL if self.own_session else None,
                stdout=output,
                stderr=output,
                env=self.env,
                cwd=self.cwd,
                start_new_session=self.own_session,
                preexec_fn=_die_with_parent(self.stop_signal),  # noqa: PLW1509  # it takes no lock
                user=self.user,
                group=self.group,
                extra_groups=None if self.user is None else [],
            )

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def was_started(self) -> bool:
        """Whether it was ever started."""
        return self._process is not None

    @property
    def returncode(self) -> int | None:
        """How it ended, as subprocess says it; None while it runs or before its first start."""
        return None if self._process is None else self._process.poll()

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def wait(self, *, tick: Callable[[], None] = lambda: None) -> int:
        """Wait for the end and return the exit code; calls `tick` often. Raises StopRequested."""
        while (code := self.returncode) is None:
            tick()
            signals.pause(0.05)
        return code

    def send(self, number: int) -> None:
        """Send a signal to the program itself; one that has ended is left alone."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL for the program and all that is left of its session. Waits for the end."""
        if self._process is None:
            return
        if self.own_session:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a zombie
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def stop(self, *, within: float = 6.0) -> None:
        """Ask the program to end, and kill what is left after `within` seconds."""
        stop_all([self], within=within)

    def log_tail(self, lines: int = 25) -> str:
        """Return the last lines it wrote since its last start."""
        if self.log is None or not self.log.exists():
            return ""
        with self.log.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(self._log_offset, stream.tell() - 16_384))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])

    def how_it_ended(self) -> str:
        """Return `exit code 3` or `SIGKILL`, for a sentence."""
        code = self.returncode
        if code is None or code >= 0:
            return f"exit code {code}"
        return signal.Signals(-code).name


def stop_all(children: Iterable[Child], *, within: float = 6.0) -> None:
    """Ask all of them to end at once, and kill what is left after `within` seconds. Reaps every one.

    Never raises StopRequested: this is what a stop signal leads to.
    """
    started = [child for child in children if child.was_started]
    for child in started:
        child.send(child.stop_signal)
    end = time.monotonic() + within
    while time.monotonic() < end and any(child.is_running for child in started):
        time.sleep(0.02)
    for child in started:
        child.kill()
