"""Receipts for tests, put into the inbox the way the webhook does it, and the operators' command for them."""

import os
import subprocess
import sys
import urllib.parse
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from sms.models import Receipt
from sms.providers.base import DeliveryReport
from sms.services import report
from sms.services.receive import Incoming
from sms.services.receive import store as store_receipts
from sms.statuses import Status
from tests.messages import age, attempt, store_as
from tests.stack import ROOT

NO_WORD = "GARBLED"  # a status that only a bug in an adapter could have stored


def receive(
    *, reference="r-1", status=Status.DELIVERED, word=None, client_reference=None, provider="simulator", body=b"{}"
):
    """Put a receipt into the inbox and return its row."""
    told = DeliveryReport(reference, word or (status or "WORD"), status, client_reference)
    store_receipts([Incoming(provider, told, body)])
    return Receipt.objects.latest("id")


def receive_poison(*, reference, word=NO_WORD, **fields):
    """Put a receipt into the inbox that cannot be applied, and return its row."""
    receipt = receive(reference=reference, **fields)
    Receipt.objects.filter(id=receipt.id).update(status=word)
    receipt.refresh_from_db()
    return receipt


def sent_message(caller, *, reference):
    """Return a message that the provider has under a reference."""
    message = store_as(caller, Status.SENT)
    attempt(message, reference=reference)
    return message


def process():
    """Apply what is due."""
    report.process_receipts(keep_going=lambda: True)


def run(*words):
    """Run `manage.py receipts` and return the lines that it prints."""
    out = StringIO()
    call_command("receipts", *map(str, words), stdout=out, no_color=True)
    return out.getvalue().splitlines()


def from_a_shell(*words):
    """Run `manage.py receipts` as a process of its own, with the database of the tests."""
    url = urllib.parse.urlsplit(os.environ["DATABASE_URL"])
    return subprocess.run(
        [sys.executable, "manage.py", "receipts", *words],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def refusal(*words):
    """Run `manage.py receipts` and return the sentence with which it refuses."""
    with pytest.raises(CommandError) as refused:
        run(*words)
    assert refused.value.returncode == 1
    return str(refused.value)


def set_aside(*, reference, **fields):
    """Return a receipt that was set aside after its last try."""
    receipt = receive_poison(reference=reference, **fields)
    for _ in range(5):
        process()
        age("sms_receipt", "due_at", "1 hour", id=receipt.id)
    receipt.refresh_from_db()
    assert receipt.outcome == "FAILED"
    return receipt


def unmatched(*, reference):
    """Return a receipt for which no message turned up in time."""
    receipt = receive(reference=reference)
    age("sms_receipt", "received_at", "80 hours", id=receipt.id)
    process()
    receipt.refresh_from_db()
    assert receipt.outcome == "UNMATCHED"
    return receipt
