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


UNTIL_SENT = ["#1 QUEUED", "#2 SENDING", "#3 SENT"]
FATES = {
    "233200000901": (0, ["#4 DELIVERED", "again: replayed=True DELIVERED"]),
    "233200000902": (
        1,
        [
            "#4 UNDELIVERED ABSENT_SUBSCRIBER",
            "again: replayed=True UNDELIVERED",
            "It will not come: ask for another number, or send a new code with a new key.",
        ],
    ),
    "233200000905": (
        2,
        [
            "Nothing final within 3 s.",
            "again: replayed=True SENT",
            "It may still come: do not send another one yet.",
        ],
    ),
}


@pytest.mark.parametrize("recipient", FATES)
def test_each_fate_leads_to_its_decision_and_one_text(stack, recipient):
    """Delivered, certainly not, and nobody knows: sent again in each case, and one message in each."""
    before = texts(stack, recipient)
    code, lines = FATES[recipient]
    told = run(stack, recipient, SMS_PATIENCE="3" if code == 2 else "20", SMS_API_KEY=stack.api_key)
    assert told[:2] == (code, [*UNTIL_SENT, *lines])
    assert texts(stack, recipient) == before + 1


def test_a_refusal_is_told(stack):
    """With its code and a sentence; nothing is sent."""
    code, lines, said = run(stack, "not a number")
    assert (code, lines) == (1, [])
    assert re.match("Refused: RECIPIENT_INVALID: 'not a number' ", said)
