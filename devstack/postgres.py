"""A private PostgreSQL."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from devstack import signals
from devstack.errors import DevstackError
from devstack.processes import Child
from devstack.programs import PostgresPrograms, find_postgres
from devstack.rootless import choose_runner, foreign_home
from devstack.servers import Server, write_private

USER = "sms"
# Loses data when the machine crashes, but not when PostgreSQL does: a test may kill it.
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}
# By itself it logs every statement that fails, with the texts and numbers in it; the service logs the failure.
QUIET = {"log_min_messages": "log", "log_min_error_statement": "panic", "log_error_verbosity": "terse"}
STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


@dataclass(eq=False, kw_only=True)
class Postgres(Server):
    """A PostgreSQL on loopback with a password, whose data live in `directory`.

    `durable=False` is faster, and loses the data when the machine crashes. `options` are lines of postgresql.conf.
    """

    name: ClassVar[str] = "postgres"

    durable: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    programs: PostgresPrograms = field(default_factory=find_postgres)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._runner = choose_runner(self.programs.folder / "postgres")
        self._data = self._runner.home_of(self.directory) / "data"

    @property
    def url(self) -> str:
        """For DATABASE_URL: the maintenance database, which always exists."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the address of one database."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def password(self) -> str:
        """Made with the data, and kept beside them."""
        return (self.directory / "password").read_text()

    def create_database(self, name: str) -> str:
        """Create a database unless it is there, and return its address."""
        self.execute(
            f"SELECT 'CREATE DATABASE \"{name}\"' "
            f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') \\gexec"
        )
        return self.url_of(name)

    def execute(self, sql: str, *, database: str = "postgres") -> str:
        """Run SQL as the superuser and return the rows as psql's plain text."""
        psql: list[str | Path] = [self.programs.folder / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database]
        done = subprocess.run(
            [*psql, *where],
            input=sql,
            capture_output=True,
            text=True,
            timeout=60,
            env={**_environment(), "PGPASSWORD": self.password},
            check=False,
        )
        if done.returncode:
            raise DevstackError(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()

    def stop(self, *, mode: Literal["fast", "immediate"] = "fast", within: float = 6.0) -> None:
        """Stop; `immediate` leaves the data to crash recovery."""
        if self.child is not None:
            self.child.stop_signal = STOP_SIGNALS[mode]
        super().stop(within=within)

    def remove(self) -> None:
        """Stop it and delete its data, wherever they are."""
        super().remove()
        remove_leftovers(self.directory)

    def _make_child(self) -> Child:
        self._runner.make_home(self.directory)
        folder = self._runner.reach(self.programs.folder, home=self._data.parent)
        self._outwait_orphan()
        self._make_cluster(folder)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            # A path to a socket may have 107 bytes, and a checkout lies where it lies.
            "unix_socket_directories": "",
            **QUIET,
            **({} if self.durable else FORGETFUL),
            **self.options,
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return self._child_as_runner([folder / "postgres", "-D", self._data, *words])

    def _child_as_runner(self, argv: list[str | Path]) -> Child:
        return Child(
            "postgres",
            [*self._runner.prefix, *argv],
            log=self.log,
            env=_environment(),
            cwd=self._data.parent,
            stop_signal=signal.SIGINT,
            user=self._runner.user,
            group=self._runner.group,
        )

    def _make_cluster(self, folder: Path) -> None:
        version = self._data / "PG_VERSION"
        if version.exists():
            self._refuse_unusable(int(version.read_text()))
            return
        half = self._data.with_name("data.part")
        for unfinished in (self._data, half):
            shutil.rmtree(unfinished, ignore_errors=True)
        self._initdb(folder, half)
        # initdb writes PG_VERSION early; only the name says that it came to its end.
        half.rename(self._data)

    def _initdb(self, folder: Path, data: Path) -> None:
        write_private(self.directory / "password", secrets.token_urlsafe(24))
        word_file = data.with_name("initdb.password")
        write_private(word_file, self.password)
        self._runner.own(word_file)
        access: list[str | Path] = ["-U", USER, "-A", "scram-sha-256", "--pwfile", word_file]
        kind = ["-E", "UTF8", "--no-locale", *([] if self.durable else ["--no-sync"])]
        child = self._child_as_runner([folder / "initdb", "-D", data, *access, *kind])
        child.start()
        try:
            if child.wait():
                raise DevstackError(f"initdb ended ({child.how_it_ended()}):\n{child.log_tail()}")
        finally:
            child.kill()
            word_file.unlink()

    def _refuse_unusable(self, found: int) -> None:
        if not (self.directory / "password").exists():
            raise DevstackError(
                f"{self.directory} holds data whose password is lost: put its file `password` back, "
                "or delete that folder to start afresh (its data are lost)."
            )
        if found != self.programs.major:
            raise DevstackError(
                f"{self.directory} holds data of PostgreSQL {found}, and this is PostgreSQL {self.programs.major}: "
                f"delete that folder to start afresh (its data are lost), or install PostgreSQL {found}."
            )

    def _is_ready(self, child: Child) -> bool:
        # What PostgreSQL writes there itself, and what pg_ctl reads: first the process id, eighth the state.
        with contextlib.suppress(OSError):
            lines = (self._data / "postmaster.pid").read_text().splitlines()
            return lines[:1] == [str(child.pid)] and [line.strip() for line in lines[7:8]] == ["ready"]
        return False

    def _outwait_orphan(self) -> None:
        """Let a PostgreSQL whose supervisor was killed finish; it got its signal from the kernel, or gets it here."""
        end = time.monotonic() + 10
        while (pid := _postmaster_of(self._data)) is not None and time.monotonic() < end:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            signals.pause(0.2)


def remove_leftovers(directory: Path) -> None:
    """Delete the data of a Postgres whose process died without doing so."""
    shutil.rmtree(directory, ignore_errors=True)
    shutil.rmtree(foreign_home(directory), ignore_errors=True)


def _postmaster_of(data: Path) -> int | None:
    """Return the process id of a PostgreSQL that runs on these data, or None.

    A file may name a process that has nothing to do with us: numbers are used again. Its command line tells.
    """
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if str(data) in _command_line(pid) else None


def _command_line(pid: int) -> str:
    """Return the command of a process; empty when there is none."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return ""
    asked = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout


def _environment() -> dict[str, str]:
    # PGPORT, PGDATA and their like would change what the programs do.
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
