"""Receipts for tests, put into the inbox the way the webhook does it, and the operators' command for them."""

from functools import partial

from sms.models import Receipt
from sms.providers.base import DeliveryReport
from sms.services import report
from sms.services.receive import Incoming
from sms.services.receive import store as store_receipts
from sms.statuses import Status
from tests import commands
from tests.messages import age, attempt, store_as

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


run = partial(commands.run, "receipts")
refusal = partial(commands.refusal, "receipts")
from_a_shell = partial(commands.from_a_shell, "receipts")


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
