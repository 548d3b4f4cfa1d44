"""`make test`: pytest with servers of its own."""

import json
import signal

import pytest

from tests.devstack.conftest import ELSEWHERE

ASKS = """
import json, os
from pathlib import Path

def test_settings():
    Path("told.json").write_text(json.dumps(dict(os.environ)))

def test_failing():
    assert "FAIL" not in os.environ
"""
HANGS = """
import time

def test_hanging():
    print("hanging", flush=True)
    time.sleep(60)
"""
PLAIN = ("-p", "no:cacheprovider", "-s", "-q")


@pytest.fixture
def suite(tree, monkeypatch):
    """Return the tree with tests of its own in it."""
    (tree.path / "test_asks.py").write_text(ASKS)
    (tree.path / "test_hangs.py").write_text(HANGS)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the plugins of our own tests take seconds to load
    yield tree
    assert list(tree.state.glob("test-*")) == []


def test_tests_run_beside_a_running_stack(suite, running):
    """Tests get servers of their own, not those of the stack, and neither its secrets nor what `.env` says."""
    (suite.path / ".env").write_text("SENDER_IDS=FromTheFile\nSECRET_KEY=from-the-file\n")
    try:
        done = suite.command("test", "test_asks.py", *PLAIN, BLOCKED_KEYWORDS="from the shell")
    finally:
        (suite.path / ".env").unlink()
    told = json_of(suite)

    assert done.returncode == 0, done.stdout + done.stderr
    assert running.process.poll() is None
    assert told["DATABASE_URL"] != suite.facts()["database_url"]
    assert told["REDIS_URL"] != suite.facts()["redis_url"]
    assert told["DEMO_API_KEY"] != suite.facts()["api_key"]
    assert told["SECRET_KEY"] == "only-the-tests-use-this-secret-key"
    assert "SENDER_IDS" not in told
    assert "BLOCKED_KEYWORDS" not in told


def test_the_exit_code_is_that_of_pytest(suite):
    """A failing test makes the command fail; given addresses are passed on, and then nothing is started."""
    failed = suite.command("test", "test_asks.py", *PLAIN, FAIL="yes", **ELSEWHERE)
    unknown = suite.command("test", "--no-such-option", **ELSEWHERE)

    assert failed.returncode == 1
    assert unknown.returncode == 4
    assert {name: json_of(suite)[name] for name in ELSEWHERE} == ELSEWHERE


@pytest.mark.parametrize(("number", "code", "given"), [(signal.SIGINT, 130, {}), (signal.SIGTERM, 143, ELSEWHERE)])
def test_stop_signals_end_the_tests_and_their_servers(suite, start, number, code, given):
    """Ctrl-C and SIGTERM let pytest finish, then remove the servers and their data."""
    command = start("test", "test_hangs.py", *PLAIN, **given)
    command.wait_for("hanging")

    assert command.stop(number) == code
    assert "KeyboardInterrupt" in command.said
    assert suite.processes() == {}


def test_what_a_killed_test_run_left_is_removed(suite, start):
    """After a kill -9 the processes end, and the next test run removes the data."""
    command = start("test", "test_hangs.py", *PLAIN)
    command.wait_for("hanging")
    command.kill()
    suite.wait_until_empty(within=6)
    left = list(suite.state.glob("test-*"))

    suite.command("test", "--version", **ELSEWHERE)

    assert [folder.name for folder in left] == [f"test-{command.process.pid}"]
    assert list(suite.state.glob("test-*")) == []


def json_of(suite):
    """Return the environment that pytest saw."""
    return json.loads((suite.path / "told.json").read_text())
