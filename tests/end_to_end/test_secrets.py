"""Secrets are in no table, no log and no answer; and what is logged cannot pretend to be another line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.http import call
from tests.stack import API_KEY, OLD_SECRET, ROOT, SECRET

SECRETS = [API_KEY, SECRET, OLD_SECRET, "not-a-secret-only-for-tests"]
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
FOUND = 'SELECT count(*) FROM "{}" AS one WHERE position(%s IN one::text) > 0 OR position(%s IN one::text) > 0'
FORGERY = 'x\n{"event": "all_is_well"}\r\x1b[2J'


@pytest.fixture
def used(stack):
    """A service where the key was used, well and badly, and receipts came."""
    bearer = {"Authorization": f"Bearer {API_KEY}"}
    sent = call("POST", f"{stack.url}/api/messages/", {"sender_id": "MyCorp"}, bearer)
    assert sent.status == 400
    call("GET", f"{stack.url}/api/messages/x/", headers={"Authorization": f"Bearer {API_KEY}x"})
    stack.wait_for(stack.send().json()["id"], "DELIVERED")
    return stack


@pytest.mark.parametrize("secret", SECRETS)
def test_no_table_has_a_secret(used, secret):
    """Neither as it is nor in the hexadecimal digits in which bytes are shown: of a key only the digest is kept."""
    tables = [name for (name,) in used.query(TABLES)]
    assert "sms_apikey" in tables
    found = {name: used.query(FOUND.format(name), secret, secret.encode().hex())[0][0] for name in tables}
    assert {name for name, count in found.items() if count} == set()
    assert used.query(FOUND.format("sms_account"), "demo", "demo") == [(1,)]  # it would be found


@pytest.mark.parametrize("secret", SECRETS)
def test_no_log_has_a_secret(used, secret):
    """Of any process, whatever went wrong."""
    logs = [child.log for child in used.children]
    assert len(logs) == 4
    assert [log.name for log in logs if secret in Path(log).read_text()] == []


def test_a_line_of_the_log_is_one_event():
    """What a client or a library says stays within its field, however it is written."""
    program = (
        "import config.settings, logging, structlog, sys\n"
        "structlog.get_logger('webhooks').warning('refused', path=sys.argv[1])\n"
        "logging.getLogger('uvicorn.error').warning('Odd: %s', sys.argv[1])\n"
    )
    given = {"DATABASE_URL": "postgresql://localhost/none", "REDIS_URL": "redis://localhost", "SECRET_KEY": "x" * 16}
    done = subprocess.run(
        [sys.executable, "-c", program, FORGERY],
        env={
            **os.environ,
            **given,
            "DLR_SIGNING_SECRETS": "not-used-by-anything",
            "ANONYMOUS_ACCOUNT": "",
            "LOG_LEVEL": "INFO",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert "\x1b" not in done.stderr
    assert [json.loads(line)["level"] for line in lines] == ["warning", "warning"]
    assert json.loads(lines[0])["event"] == "refused"
    assert json.loads(lines[1])["event"].startswith("Odd: ")
