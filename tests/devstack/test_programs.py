"""Where the servers' programs come from."""

import sys
from pathlib import Path

import pytest

from devstack import programs
from devstack.errors import DevstackError


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Return the only folder of the PATH, on a machine without the wheels."""
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def make_program(folder, name, says):
    """Make a program that tells its version."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n")
    (folder / name).chmod(0o755)


def make_postgres(folder, version):
    """Make a folder that looks like a PostgreSQL."""
    for name in ("initdb", "postgres", "psql"):
        make_program(folder, name, f"{name} (PostgreSQL) {version}")


def test_the_wheels_come_first():
    """What the lock file brings is used, whatever the machine has."""
    assert programs.find_postgres().folder.is_relative_to(sys.prefix)
    assert programs.find_postgres().major == 18
    assert programs.find_redis().is_relative_to(sys.prefix)


def test_a_linked_postgres_is_followed(path):
    """A distribution links `postgres` alone into the PATH; its siblings are where the link leads."""
    make_postgres(path / "lib", "17.2 (Debian 17.2-1)")
    (path / "postgres").symlink_to(path / "lib" / "postgres")

    assert programs.find_postgres() == programs.PostgresPrograms(folder=(path / "lib").resolve(), major=17)


@pytest.mark.parametrize("version", ["14.9", "no version"])
def test_an_old_postgres_is_passed_over(path, version):
    """A PostgreSQL that is too old counts as none."""
    make_postgres(path, version)

    try:
        found = programs.find_postgres()
    except DevstackError as error:
        assert "apt install postgresql" in str(error)  # noqa: PT017  # a machine may well have one of its own
    else:
        assert found.folder.is_relative_to("/usr/lib/postgresql")


def test_redis_will_do_without_valkey(path):
    """`redis-server` is used where there is no Valkey, and where there is neither the package is named."""
    with pytest.raises(DevstackError, match="apt install redis-server"):
        programs.find_redis()
    make_program(path, "redis-server", "Redis server v=7.0.15")

    assert programs.find_redis() == Path(path / "redis-server")
