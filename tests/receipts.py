"""Receipts for tests, put into the inbox the way the webhook does it."""

from sms.models import Receipt
from sms.providers.base import DeliveryReport
from sms.services import report
from sms.services.receive import Incoming
from sms.services.receive import store as store_receipts
from sms.statuses import Status
from tests.messages import attempt, store_as

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
