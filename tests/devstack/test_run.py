"""`make run`: everything up, everything down, and clear words when it cannot be."""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import time
import urllib.request

import psycopg2
import pytest

from tests.devstack.conftest import ELSEWHERE, READY


def test_a_stack_comes_up_and_ctrl_c_leaves_nothing(tree, running):
    """Ctrl-C ends a stack with exit code 0, and no process, no lock and no stack file stay."""
    names = set(tree.facts()["processes"])

    assert names == {"simulator", "web", "worker", "beat"}
    assert running.stop(signal.SIGINT) == 0
    assert tree.processes() == {}
    assert not (tree.state / "stack.json").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_stop_signals_do_the_same(tree, start, number):
    """SIGTERM and SIGHUP end a stack as Ctrl-C does, even while it is being started."""
    command = start("run")
    command.wait_for("PostgreSQL")

    assert command.stop(number) == 0
    assert tree.processes() == {}


def test_a_closed_terminal_stops_the_stack(tree, start):
    """A terminal that goes away ends a stack, even where its signal reaches only the `make` above us."""
    ours, terminal = os.openpty()
    command = start("run", stdin=terminal, **ELSEWHERE)
    os.close(terminal)
    command.wait_for(READY)
    os.close(ours)

    assert command.process.wait(timeout=10) == 0
    assert tree.processes() == {}


def test_signals_while_stopping_are_ignored(impatient_tree):
    """A second and third Ctrl-C do not cut the stopping short; a child that ignores SIGTERM is killed."""
    command = impatient_tree.start("run", FAKE_DEAF="worker", **ELSEWHERE)
    try:
        command.wait_for(READY)
        for _ in range(3):
            command.process.send_signal(signal.SIGINT)
            time.sleep(0.1)

        assert command.process.wait(timeout=5) == 0
        assert impatient_tree.processes() == {}
    finally:
        command.kill()


def test_kill_9_of_the_supervisor_leaves_nothing(tree, running, start):
    """When the supervisor is killed every child ends by itself, and the next run starts as if nothing had been."""
    running.kill()
    tree.wait_until_empty(within=6)

    again = start("run")
    again.wait_for(READY)
    assert again.stop() == 0


@pytest.mark.usefixtures("running")
def test_the_children_get_their_settings(tree):
    """The children are told addresses, secrets and the conveniences of the quickstart."""
    with urllib.request.urlopen(f"{tree.address}/environment") as answer:
        told = json.load(answer)
    kept = json.loads((tree.state / "secrets.json").read_text())

    assert {name: told[name] for name in kept} == kept
    assert told["HOST"] == "127.0.0.1"
    assert told["PORT"] == str(tree.port)
    assert told["DEBUG"] == "true"
    assert told["ANONYMOUS_ACCOUNT"] == "demo"
    assert told["SIMULATOR_URL"] == f"http://127.0.0.1:{told['SIMULATOR_PORT']}"
    assert told["WEBHOOK_URL"] == f"{tree.address}/api/webhooks/dlr/"
    assert told["DATABASE_URL"].startswith("postgresql://sms:")
    assert told["REDIS_URL"].startswith("redis://:")


def test_what_is_printed_can_be_pasted(tree, start):
    """The curl command that is printed is one a shell understands, with the key and the first sender ID."""
    command = start("run", SENDER_IDS="Shop, MyCorp", DEMO_API_KEY="sms_live_mine")
    command.wait_for(READY)
    words = shlex.split(re.search(r"^curl .*?(?=\n\n)", command.said, re.DOTALL | re.MULTILINE)[0])

    assert words[:3] == ["curl", "-i", f"{tree.address}/api/messages/"]
    assert "Authorization: Bearer sms_live_mine" in words
    assert json.loads(words[-1])["sender_id"] == "Shop"
    assert f"{tree.address}/graphql/" in command.said


def test_a_second_run_is_refused(tree, running):
    """A second run in the same checkout says who is there, and disturbs nothing."""
    second = tree.command("run", PORT="1")

    assert second.returncode == 1
    assert tree.address in second.stderr
    assert f"process {running.process.pid}" in second.stderr
    assert running.process.poll() is None


def test_two_checkouts_at_once(tree, running, make_tree):
    """Two checkouts share nothing but the machine; a port of the first is refused to the second at once."""
    other = make_tree("with a space")
    begun = time.monotonic()
    refused = other.command("run", PORT=str(tree.port))
    seconds = time.monotonic() - begun

    assert refused.returncode == 1
    assert f"Port {tree.port} on 127.0.0.1 is taken" in refused.stderr
    assert f"PORT={tree.port + 1} make run" in refused.stderr
    assert seconds < 1
    assert not other.state.exists()
    command = other.start("run")
    try:
        command.wait_for(READY)
        assert running.process.poll() is None
        assert command.stop() == 0
    finally:
        command.kill()
        other.wait_until_empty(within=10)


def test_data_and_secrets_survive_a_restart(tree, start):
    """The database and the API key of one run are those of the next."""
    answers, keys = [], set()
    for statement in ("CREATE TABLE kept AS SELECT 42 AS answer", "TABLE kept"):
        command = start("run")
        command.wait_for(READY)
        answers.append(ask(tree.facts()["database_url"], statement))
        keys.add(tree.facts()["api_key"])
        assert command.stop() == 0

    assert answers == [None, [(42,)]]
    assert len(keys) == 1


def test_a_child_that_dies_stops_everything(tree, start):
    """When a process ends, the run names it, shows the end of its log, and stops the others."""
    command = start("run", FAKE_DIES="worker")

    assert command.process.wait(timeout=15) == 1
    assert "worker ended (exit code 3)" in command.said
    assert "worker has a reason to die" in command.said
    assert tree.processes() == {}


def test_a_killed_server_stops_everything(tree, running):
    """The private servers are watched like the processes of the service."""
    redis = next(pid for pid, line in tree.processes().items() if "redis.conf" in line or "valkey" in line)
    os.kill(redis, signal.SIGKILL)

    assert running.process.wait(timeout=10) == 1
    assert "redis ended (SIGKILL)" in running.said
    assert tree.processes() == {}


def test_a_failed_preparation_is_told(tree, start):
    """When the tables cannot be made, nothing else is started."""
    command = start("run", FAKE_PREPARE="7")

    assert command.process.wait(timeout=15) == 1
    assert "prepare ended (exit code 7)" in command.said
    assert "prepared with sms" in command.said
    assert not (tree.state / "logs" / "web.log").exists()


def test_a_stack_that_never_gets_ready(impatient_tree):
    """After its time a run says what /readyz says, and shows the log of the process to blame."""
    done = impatient_tree.command("run", FAKE_NOT_READY="beat", **ELSEWHERE)

    assert done.returncode == 1
    assert 'Not ready after 1 s; /readyz says: 503 {"not_ready": {"beat": "is away"}}' in done.stderr
    assert "The end of .dev/logs/beat.log:\nbeat started" in done.stderr
    assert impatient_tree.processes() == {}


def test_given_addresses_are_used(tree, start):
    """With addresses from outside nothing private is started, nor a simulator."""
    command = start("run", **ELSEWHERE, SIMULATOR_URL="http://there")
    command.wait_for(READY)

    assert tree.facts()["database_url"] == ELSEWHERE["DATABASE_URL"]
    assert tree.facts()["redis_url"] == ELSEWHERE["REDIS_URL"]
    assert set(tree.facts()["processes"]) == {"web", "worker", "beat"}
    assert not [line for line in tree.processes().values() if "valkey" in line or "postgres" in line]


def test_a_wrong_host_is_told(tree):
    """A HOST that is not ours is told before anything is started."""
    done = tree.command("run", HOST="192.0.2.1")

    assert done.returncode == 1
    assert "HOST=192.0.2.1 is not an address of this machine" in done.stderr


def test_a_port_in_use_by_anything_is_told(tree):
    """The owner of the port need not be one of ours."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = tree.command("run", PORT=str(port))

    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken by another program" in done.stderr


@pytest.mark.usefixtures("running")
def test_the_demo_talks_to_the_running_stack(tree):
    """The demo is told where the stack is and with which key, whatever the shell says."""
    examples = tree.path / "examples"
    examples.mkdir(exist_ok=True)
    (examples / "demo.py").write_text(
        "import os, sys; print(*map(os.environ.get, ('SMS_URL', 'DEMO_API_KEY', 'SENDER_IDS')), sys.argv[1])"
    )

    done = tree.command("demo", "one", DEMO_API_KEY="of-the-shell")

    assert done.stdout.split() == [tree.address, tree.facts()["api_key"], "MyCorp", "one"]


@pytest.mark.usefixtures("running")
def test_manage_has_the_settings_of_the_running_stack(tree):
    """The command is given as it is, with the stack's own addresses and secrets."""
    wanted = ("DATABASE_URL", "REDIS_URL", "SIMULATOR_URL", "SECRET_KEY", "DLR_SIGNING_SECRETS", "DEMO_API_KEY")
    (tree.path / "manage.py").write_text(
        f"import json, os, sys; print(json.dumps([sys.argv[1:], [os.environ[one] for one in {wanted}]]))\n"
    )
    done = tree.command("manage", "accounts", "show", "Corner shop")
    assert done.returncode == 0, done.stderr
    arguments, told = json.loads(done.stdout)
    with urllib.request.urlopen(f"{tree.address}/environment") as answer:
        web = json.load(answer)
    assert arguments == ["accounts", "show", "Corner shop"]
    assert told == [web[one] for one in wanted]


@pytest.mark.parametrize("command", [["demo"], ["manage", "accounts"]])
def test_the_demo_needs_a_stack(tree, command):
    """Without a running stack the demo says what to do, and so does manage."""
    done = tree.command(*command)

    assert done.returncode == 1
    assert "make run" in done.stderr


def ask(url, statement):
    """Run one statement; its rows, or None when it has none."""
    with contextlib.closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None
