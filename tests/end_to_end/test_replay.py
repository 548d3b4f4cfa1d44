"""A receipt that could not be applied, mended and put back by an operator, through the real parts."""

import subprocess
import sys
import time

from tests.stack import ROOT

# Tried all but once: the rest is the worker's.
INSERT = """
INSERT INTO sms_receipt (provider, provider_reference, provider_status, status, body, tries, error)
VALUES ('simulator', %s, 'GARBLED', 'GARBLED', '{}', 4, 'the fourth') RETURNING id
"""
STATE = "SELECT outcome, tries, error FROM sms_receipt WHERE id = %s"


def receipts(stack, *words):
    """Run `manage.py receipts` as an operator does, and return what it prints."""
    command = [sys.executable, "manage.py", "receipts", *map(str, words)]
    done = subprocess.run(
        command, cwd=ROOT, env=stack.environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_worker_applies_a_receipt_that_is_replayed(stack):
    """Set aside by the worker with its last error; once the cause is mended, applied by the worker."""
    message = stack.wait_for(stack.send(recipient="233200000905").json()["id"], "SENT")
    ((receipt,),) = stack.query(INSERT, message["provider_reference"])
    end = time.monotonic() + 60
    while stack.query(STATE, receipt)[0][0] is None:
        assert time.monotonic() < end, stack.query(STATE, receipt)
        time.sleep(0.1)
    assert stack.query(STATE, receipt) == [("FAILED", 5, "ValueError: 'GARBLED' is not a valid Status")]
    assert f"{receipt}  simulator  {message['provider_reference']}  GARBLED" in receipts(
        stack, "list", "--state", "set-aside"
    )
    assert stack.message(message["id"])["status"] == "SENT"

    stack.query("UPDATE sms_receipt SET status = 'DELIVERED' WHERE id = %s RETURNING id", receipt)
    assert receipts(stack, "replay", receipt) == "1 back in the inbox.\n"
    done = stack.wait_for(message["id"], "DELIVERED")
    assert [(one["status"], one["provider_status"]) for one in done["events"][-1:]] == [("DELIVERED", "GARBLED")]
    assert f"message             {message['id']} DELIVERED" in receipts(stack, "show", receipt)
