"""Receipts, from the inbox to the message."""

import uuid

import pytest

from sms.models import Message, MessageEvent, Receipt, Route, SubmitAttempt
from sms.providers.base import DeliveryReport
from sms.providers.errors import ProviderError
from sms.routing import snapshot
from sms.services.receive import Incoming
from sms.services.receive import store as store_receipts
from sms.statuses import Status
from tests.messages import age, attempt, history, store, store_as
from tests.receipts import process, receive


def test_a_receipt_finds_its_message_by_the_providers_reference(caller):
    """The reference of any attempt leads to the message."""
    message = store_as(caller, Status.SENT)
    attempt(message, reference="r-1")
    receipt = receive()
    process()
    receipt.refresh_from_db()
    assert (receipt.outcome, receipt.message_id) == ("APPLIED", message.id)
    assert receipt.processed_at is not None
    assert history(message) == [(1, "SENT"), (2, "DELIVERED")]


def test_a_receipt_finds_its_message_by_our_own_reference(caller):
    """Where the provider's answer never came, our attempt's id is enough, and brings the reference."""
    message = store_as(caller, Status.UNCERTAIN)
    made = attempt(message)
    receive(reference="late-1", client_reference=made.id)
    process()
    message.refresh_from_db()
    assert (message.status, message.provider_reference) == ("DELIVERED", "late-1")
    assert SubmitAttempt.objects.get(id=made.id).provider_reference == "late-1"


def test_another_providers_reference_is_not_a_match(caller):
    """References are the provider's own: the same text from another provider is another message's."""
    message = store_as(caller, Status.SENT)
    made = attempt(message, reference="r-1", provider="elsewhere")
    receive()
    receive(client_reference=made.id)
    process()
    assert Message.objects.get(id=message.id).status == "SENT"


def test_a_receipt_before_its_message_waits_and_is_applied(caller):
    """It is kept, looked at again, and applied when the reference turns up."""
    receipt = receive()
    process()
    receipt.refresh_from_db()
    assert (receipt.processed_at, receipt.tries) == (None, 1)
    message = store_as(caller, Status.SENT)
    attempt(message, reference="r-1")
    process()
    assert Message.objects.get(id=message.id).status == "SENT"  # not due yet
    age("sms_receipt", "due_at", "1 minute", id=receipt.id)
    process()
    assert Message.objects.get(id=message.id).status == "DELIVERED"


def test_an_unmatched_receipt_is_given_up_after_72_hours(caller):
    """It is kept as unmatched; nothing else happens to it."""
    receipt = receive()
    age("sms_receipt", "received_at", "73 hours", id=receipt.id)
    process()
    receipt.refresh_from_db()
    assert (receipt.outcome, receipt.message_id) == ("UNMATCHED", None)


def test_what_comes_in_one_set_is_applied_in_its_order(caller):
    """DELIVERED, then UNDELIVERED: the first moves, the second is a conflict, whatever the set looks like."""
    message = store_as(caller, Status.SENT)
    attempt(message, reference="r-1")
    for status in (None, Status.DELIVERED, Status.DELIVERED, Status.UNDELIVERED, Status.SENT):
        receive(status=status, word="FLURBLED" if status is None else None)
    process()
    assert list(Receipt.objects.order_by("id").values_list("outcome", flat=True)) == [
        "NOTED",
        "APPLIED",
        "DUPLICATE",
        "NOTED",
        "NOTED",
    ]
    assert list(
        MessageEvent.objects.filter(message=message, sequence=None)
        .order_by("id")
        .values_list("provider_status", "conflict")
    ) == [("FLURBLED", False), ("UNDELIVERED", True), ("SENT", False)]
    assert history(message)[-1] != (2, "UNDELIVERED")
    assert Message.objects.get(id=message.id).status == "DELIVERED"


@pytest.mark.parametrize("sets", [1, 2])
def test_of_two_identical_receipts_one_is_applied(caller, sets):
    """In one set or in two: the first is APPLIED, the second a DUPLICATE, and the history has one change."""
    message = store_as(caller, Status.SENT)
    attempt(message, reference="r-1")
    receive()
    if sets == 2:
        process()
    receive()
    process()
    assert list(Receipt.objects.order_by("id").values_list("outcome", flat=True)) == ["APPLIED", "DUPLICATE"]
    assert set(Receipt.objects.values_list("message_id", flat=True)) == {message.id}
    assert history(message) == [(1, "SENT"), (2, "DELIVERED")]


def test_a_receipt_may_beat_the_submit_answer(caller):
    """A message whose attempt is still open may end; the receipt proves that the provider has it."""
    message = store_as(caller, Status.SENDING)
    made = attempt(message)
    receive(client_reference=made.id)
    process()
    assert history(message) == [(1, "SENDING"), (2, "DELIVERED")]


@pytest.mark.parametrize("status", [Status.SENDING, Status.UNCERTAIN])
def test_an_intermediate_word_settles_an_open_attempt(caller, status):
    """ENROUTE proves that the provider took the message: it is SENT."""
    message = store_as(caller, status)
    made = attempt(message)
    receive(status=Status.SENT, word="ENROUTE", client_reference=made.id, reference="r-7")
    process()
    message.refresh_from_db()
    assert (message.status, message.provider_reference) == ("SENT", "r-7")


def test_a_receipt_for_somebody_elses_attempt_id_is_unmatched(caller):
    """A made-up client reference leads nowhere."""
    store(caller)
    receipt = receive(client_reference=uuid.uuid4())
    process()
    receipt.refresh_from_db()
    assert receipt.processed_at is None


@pytest.fixture
def long_message(caller):
    """A text of three parts, with a provider that tells of each."""
    Route.objects.create(name="vonage", kind="vonage_sms")
    snapshot.forget()
    message = store_as(caller, Status.SENT)
    made = attempt(message, reference="part-1", provider="vonage")
    Message.objects.filter(id=message.id).update(segment_count=3, provider="vonage", provider_reference="part-1")
    return message, made


def test_a_long_text_is_delivered_when_all_its_parts_are(long_message):
    """Whatever their order, in several sets or one, and however often each comes."""
    message, made = long_message
    for parts in (["part-2"], ["part-2", "part-1"], ["part-1"]):
        for part in parts:
            receive(reference=part, word="delivered", client_reference=made.id, provider="vonage")
        process()
        message.refresh_from_db()
        assert (message.status, message.provider_reference) == ("SENT", "part-1")
    receive(reference="part-3", word="delivered", client_reference=made.id, provider="vonage")
    process()
    message.refresh_from_db()
    assert (message.status, message.provider_reference) == ("DELIVERED", "part-1")
    assert history(message) == [(1, "SENT"), (None, "SENT"), (2, "DELIVERED")]  # a part is a note


def test_a_long_text_is_lost_with_its_first_part(long_message):
    """The rest of it is of no use to anybody."""
    message, made = long_message
    receive(reference="part-1", word="delivered", client_reference=made.id, provider="vonage")
    receive(reference="part-3", word="failed", status=Status.UNDELIVERED, client_reference=made.id, provider="vonage")
    process()
    assert Message.objects.get(id=message.id).status == "UNDELIVERED"


def test_good_news_has_no_error_code(caller):
    """Some providers say a code with "delivered", too: it is kept as they said it, and is no error of the message."""
    message = store_as(caller, Status.SENT)
    attempt(message, reference="r-1")
    told = DeliveryReport("r-1", "DELIVRD", Status.DELIVERED, error=ProviderError.NETWORK_FAILURE, provider_error="7")
    store_receipts([Incoming("simulator", told, b"{}")])
    process()
    message.refresh_from_db()
    assert (message.status, message.error_code) == ("DELIVERED", None)
    event = MessageEvent.objects.get(message=message, sequence=2)
    assert (event.error_code, event.provider_error) == (None, "7")
