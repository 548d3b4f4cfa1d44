"""`examples/otp.py` as a person runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "otp.py"


def run(stack, recipient, **environment):
    """Run it, and return its exit code and its lines."""
    done = subprocess.run(
        [sys.executable, EXAMPLE, recipient],
        env={**os.environ, "SMS_URL": stack.url, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == "" or done.returncode == 1, done.stderr
    return done.returncode, done.stdout.splitlines(), done.stderr


def texts(stack, recipient):
    """Return how many messages there are to a number."""
    return stack.query("SELECT count(*) FROM sms_message WHERE recipient = %s", f"+{recipient}")[0][0]


@pytest.mark.parametrize(
    ("recipient", "patience", "code", "lines"),
    [
        ("233200000901", "20", 0, ["#1 QUEUED", "#2 SENDING", "#3 SENT", "#4 DELIVERED", "again: replayed=True DELIVERED"]),
        (
            "233200000902",
            "20",
            1,
            ["#1 QUEUED", "#2 SENDING", "#3 SENT", "#4 UNDELIVERED ABSENT_SUBSCRIBER", "again: replayed=True UNDELIVERED"],
        ),
        (
            "233200000905",
            "2",
            2,
            ["#1 QUEUED", "#2 SENDING", "#3 SENT", "Nothing final within 2 s.", "again: replayed=True SENT"],
        ),
    ],
)
def test_each_fate_leads_to_its_decision_and_one_text(stack, recipient, patience, code, lines):
    """Delivered, certainly not, and nobody knows: sent again in each case, and one message in each."""
    before = texts(stack, recipient)
    assert run(stack, recipient, SMS_PATIENCE=patience, SMS_API_KEY=stack.api_key)[:2] == (
        code,
        lines if code == 0 else [*lines, SENTENCES[code]],
    )
    assert texts(stack, recipient) == before + 1


SENTENCES = {
    1: "It will not come: ask for another number, or send a new code with a new key.",
    2: "It may still come: do not send another one yet.",
}


def test_a_refusal_is_told(stack):
    """With its code and a sentence; nothing is sent."""
    code, lines, said = run(stack, "not a number")
    assert (code, lines) == (1, [])
    assert re.match("Refused: RECIPIENT_INVALID: 'not a number' ", said)
