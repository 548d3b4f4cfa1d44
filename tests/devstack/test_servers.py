"""The private PostgreSQL and Redis: start, stop, kill, start again."""

import contextlib
import os
import socket
import stat
import urllib.parse
from pathlib import Path

import psycopg2
import pytest
import redis as redis_client

from devstack import rootless
from devstack.errors import DevstackError
from devstack.postgres import Postgres
from devstack.processes import free_port
from devstack.programs import PostgresPrograms, find_postgres
from devstack.redis import Redis


@pytest.fixture
def redis(tmp_path):
    """Run a private Redis."""
    server = Redis(tmp_path / "redis")
    server.start()
    yield server
    server.remove()


def test_postgres_comes_back_with_port_and_data(postgres):
    """After a stop, an immediate stop and a kill -9 the address is the same and what was committed is there."""
    address = postgres.create_database("kept")
    port = postgres.port
    for number, end in enumerate([postgres.stop, lambda: postgres.stop(mode="immediate"), postgres.kill]):
        postgres.execute(f"CREATE TABLE kept_{number} ()", database="kept")
        end()
        postgres.start()

    assert postgres.port == port
    assert postgres.url_of("kept") == address
    assert postgres.execute("SELECT relname FROM pg_class WHERE relname LIKE 'kept%' ORDER BY 1", database="kept") == (
        "kept_0\nkept_1\nkept_2"
    )


def test_a_postgres_without_its_supervisor_is_ended_first(postgres):
    """Who starts on the same data ends the server that a killed supervisor left behind, and goes on with its data."""
    postgres.create_database("inherited")
    heir = Postgres(postgres.directory, durable=False)
    heir.start()
    try:
        assert not postgres.child.is_running
        assert "inherited" in heir.execute("SELECT datname FROM pg_database").split()
    finally:
        heir.stop()
        postgres.start()


def test_a_database_is_created_once(postgres):
    """Creating a database that is there changes nothing."""
    address = postgres.create_database("once")
    postgres.execute("CREATE TABLE there ()", database="once")

    assert postgres.create_database("once") == address
    assert postgres.execute("SELECT count(*) FROM there", database="once") == "0"


def test_postgres_needs_the_password_and_is_on_loopback_only(postgres):
    """A wrong password is refused, and nobody but this machine is listened to."""
    wrong = postgres.url.replace(postgres.password, "wrong")

    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(wrong)
    assert postgres.execute("SHOW listen_addresses") == "127.0.0.1"
    assert postgres.execute("SHOW unix_socket_directories") == ""
    assert stat.S_IMODE((postgres.directory / "password").stat().st_mode) == 0o600


@pytest.fixture(scope="module")
def durable(tmp_path_factory):
    """Run a PostgreSQL as `make run` does, in a directory where initdb was killed twice."""
    directory = tmp_path_factory.mktemp("durable")
    (directory / "data").mkdir()
    (directory / "data.part").mkdir()
    (directory / "data.part" / "PG_VERSION").write_text("18\n")  # initdb writes it early
    server = Postgres(directory, options={"max_connections": "21"})
    server.start()
    yield server
    server.remove()


def test_a_half_made_cluster_is_made_again(durable):
    """A directory in which initdb was killed is no obstacle."""
    assert durable.execute("SELECT 1") == "1"


def test_only_the_one_for_tests_is_unsafe(postgres, durable):
    """What `run` uses keeps PostgreSQL's own settings; a commit waits for the log in either; options are passed on."""
    asked = "SHOW fsync; SHOW synchronous_commit; SHOW max_connections"

    assert durable.execute(asked).split() == ["on", "on", "21"]
    assert postgres.execute(asked).split() == ["off", "on", "100"]


def test_data_of_another_version_are_not_touched(tmp_path):
    """Data of another major version stay as they are, and the sentence says what can be done."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("12\n")
    (tmp_path / "password").write_text("secret")

    with pytest.raises(DevstackError, match=r"holds data of PostgreSQL 12, .* delete that folder .* or install"):
        Postgres(tmp_path).start()
    assert (data / "PG_VERSION").read_text() == "12\n"


def test_data_without_their_password_are_not_touched(tmp_path):
    """Data that we cannot open are the person's to delete."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text(f"{find_postgres().major}\n")

    with pytest.raises(DevstackError, match="password is lost"):
        Postgres(tmp_path).start()
    assert (tmp_path / "data" / "PG_VERSION").exists()


def test_a_server_that_cannot_start_shows_its_log(tmp_path):
    """The reason stands in the error."""
    server = Postgres(tmp_path, durable=False, options={"shared_buffers": "nonsense"})

    with pytest.raises(DevstackError, match="nonsense"):
        server.start()


def test_a_port_that_somebody_took_meanwhile_is_changed(tmp_path):
    """A free port can be gone before it is used; a server whose port nobody knows yet takes another one."""
    server = Redis(tmp_path)
    wanted = server.port
    with socket.create_server(("127.0.0.1", wanted)):
        server.start()
    try:
        assert server.port != wanted
        assert redis_client.Redis.from_url(server.url).ping()
    finally:
        server.remove()


def test_a_port_that_was_asked_for_is_kept(tmp_path, monkeypatch):
    """A server that has to be where it was told fails when somebody else is there."""
    monkeypatch.setattr("devstack.servers.PATIENCE", 0.3)
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(DevstackError, match="Address already in use"):
        Redis(tmp_path, port=port).start()


def test_redis_comes_back_on_its_port(redis):
    """After a stop and a kill -9 the address is the same, with nothing in it."""
    address = redis.url
    for end in (redis.stop, redis.kill):
        with contextlib.closing(redis_client.Redis.from_url(redis.url)) as client:
            client.set("kept", "no")
        end()
        redis.start()

    with contextlib.closing(redis_client.Redis.from_url(redis.url)) as client:
        assert client.dbsize() == 0
    assert redis.url == address


def test_redis_is_private_and_never_evicts(redis):
    """A password is needed and stands in a file for its owner only; what Celery queues is never thrown away."""
    password = urllib.parse.urlsplit(redis.url).password
    with contextlib.closing(redis_client.Redis.from_url(redis.url)) as client:
        settings = client.config_get("maxmemory-policy", "save", "bind")
    with (
        contextlib.closing(redis_client.Redis(port=redis.port, retry=None)) as stranger,
        pytest.raises(redis_client.AuthenticationError),
    ):
        stranger.ping()

    assert settings == {"maxmemory-policy": "noeviction", "save": "", "bind": "127.0.0.1"}
    assert stat.S_IMODE((redis.directory / "redis.conf").stat().st_mode) == 0o600
    assert password.encode() not in Path(f"/proc/{redis.child.pid}/cmdline").read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change")
def test_root_without_user_namespaces(tmp_path, monkeypatch):
    """Where the kernel forbids namespaces, root runs PostgreSQL as another user, from a copy it can reach."""
    monkeypatch.setattr(rootless, "UNSHARE", ("false",))  # what a container answers
    programs = hidden_programs(tmp_path)
    server = Postgres(tmp_path / "postgres", durable=False, programs=programs)
    home = rootless.foreign_home(server.directory)
    try:
        server.start()
        owner = Path(f"/proc/{server.child.pid}").stat().st_uid
        server.create_database("there")
        server.kill()
        server.start()

        assert owner == home.stat().st_uid != 0
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert "there" in server.execute("SELECT datname FROM pg_database")
    finally:
        server.remove()
    assert not home.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change")
def test_a_folder_of_somebody_else_is_not_used(tmp_path, monkeypatch):
    """A directory that somebody else made in the temporary folder, where ours would be, is refused."""
    monkeypatch.setattr(rootless, "UNSHARE", ("false",))
    server = Postgres(tmp_path / "postgres", durable=False)
    trap = rootless.foreign_home(server.directory)
    trap.mkdir(mode=0o777)
    os.chown(trap, 12345, 12345)
    try:
        with pytest.raises(DevstackError, match="belongs to somebody else"):
            server.start()
    finally:
        trap.rmdir()


def hidden_programs(tmp_path):
    """Return PostgreSQL's programs as they lie in a checkout in root's home: nobody else may enter."""
    found = find_postgres()
    package = found.folder.parent.parent
    place = tmp_path / "site-packages"
    place.mkdir(mode=0o700)
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            (place / folder.name).symlink_to(folder)
    return PostgresPrograms(folder=place / package.name / found.folder.parent.name / "bin", major=found.major)
