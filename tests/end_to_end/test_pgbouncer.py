"""The service behind PgBouncer in transaction mode, set up as docs/pgbouncer.ini says."""

import configparser
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devstack.processes import Child, free_port
from tests.sockets import watch
from tests.stack import ROOT, Stack, fresh_database, fresh_redis

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MESSAGES = 100

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no pgbouncer on this machine")


@pytest.fixture(scope="module")
def pooled():
    """The address of a database behind a PgBouncer."""
    behind = urllib.parse.urlsplit(fresh_database("pooled"))
    port = free_port()
    directory = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    directory.chmod(0o755)  # root's is read by nobody, whom PgBouncer runs as
    settings = configparser.ConfigParser(comment_prefixes=(";",), interpolation=None)
    settings.read(ROOT / "docs" / "pgbouncer.ini")
    _, found, rest = settings["databases"]["sms"].partition("connect_query=")
    assert found
    settings["databases"] = {
        "pooled": f"host={behind.hostname} port={behind.port} dbname=pooled user={behind.username} "
        f"password={behind.password} {found}{rest}"
    }
    # Who may connect is not what is tested.
    settings["pgbouncer"].update({"listen_port": str(port), "auth_type": "any", "unix_socket_dir": ""})
    del settings["pgbouncer"]["auth_file"]
    with (directory / "pgbouncer.ini").open("w") as file:
        settings.write(file)
    as_whom = ["-u", "nobody"] if os.geteuid() == 0 else []
    child = Child("pgbouncer", [str(PROGRAM), *as_whom, str(directory / "pgbouncer.ini")], log=directory / "log")
    child.start()
    try:
        yield behind._replace(netloc=f"{behind.username}:{behind.password}@127.0.0.1:{port}").geturl()
    finally:
        child.stop(within=5)
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def stack(pooled, tmp_path_factory):
    """The whole service, with no other way to its database."""
    stack = Stack(tmp_path_factory.mktemp("pooled"), DATABASE_URL=pooled, REDIS_URL=fresh_redis(5))
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def test_messages_live_their_lives(stack):
    """Accepted at once, submitted, reported, and told over the socket; and nothing drifts."""
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda number: stack.send(key=f"k{number}"), range(MESSAGES))
    sent = [answer.json()["id"] for answer in answers]
    assert len(set(sent)) == MESSAGES
    events = watch(stack, sent[-1], after=0)
    assert [one["status"] for one in events] == ["QUEUED", "SENDING", "SENT", "DELIVERED"]
    end = time.monotonic() + 30
    while (left := stack.query("SELECT count(*) FROM sms_message WHERE status <> 'DELIVERED'")) != [(0,)]:
        assert time.monotonic() < end, left
        time.sleep(0.1)
    subprocess.run([sys.executable, "manage.py", "reconcile"], cwd=ROOT, env=stack.environment, check=True, timeout=60)


def test_its_connections_have_the_services_limits(stack):
    """A process that freezes in a transaction must not keep its locks, nor a statement run for ever."""
    found = {stack.query(f"SHOW {name}")[0][0] for name in ("statement_timeout", "idle_in_transaction_session_timeout")}
    assert found == {"15s", "5s"}
