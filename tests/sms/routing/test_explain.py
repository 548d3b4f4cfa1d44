"""How a message came to be what it is: in order, with a sentence each."""

from datetime import UTC, datetime, timedelta

import pytest

from sms import explain
from sms.database import rows
from sms.errors import MessageNotFound
from sms.models import Message
from sms.providers.base import DeliveryReport
from sms.providers.errors import ProviderError
from sms.services import receive, report
from sms.statuses import Status
from tests.accounts import make_caller
from tests.messages import store
from tests.sms.routing.routes import AWAY, no


def told_of(message):
    """What is told: kinds and sentences."""
    return [(one.kind.value, one.sentence) for one in steps_of(message)]


def steps_of(message):
    """The steps, as they are read."""
    return explain.steps(explain._facts([message.id])[message.id])


def reported(message, word, status=None):
    """A receipt comes, and is processed."""
    stored = Message.objects.get(id=message.id)
    told = DeliveryReport(stored.provider_reference, word, status)
    receive.store([receive.Incoming(stored.provider, told, b"{}")])
    report.process_receipts(keep_going=lambda: True)
    return stored.provider_reference


def test_a_message_that_went_another_way_tells_all_of_it(told, caller):
    """Why by the first, why not, why by the second, and what became of it."""
    told.route("first", countries=["GH"])
    told.route("second")
    told.provider("first").says = no(ProviderError.PROVIDER_UNAVAILABLE, provider_error="503")
    message = store(caller)
    told.run()
    reference = reported(message, "buffered")
    reported(message, "delivered", Status.DELIVERED)
    reported(message, "failed", Status.FAILED)
    assert told_of(message) == [
        ("STATUS", "It was accepted, and waits to be handed over."),
        ("ATTEMPT", "Attempt 1 goes by first: its place is the nearest."),
        ("STATUS", "It was taken to be handed over."),
        ("OUTCOME", "first did not take it: PROVIDER_UNAVAILABLE, its code is 503, no."),
        ("STATUS", "It waits to be handed over: PROVIDER_UNAVAILABLE, no."),
        ("ATTEMPT", "Attempt 2 goes by second: the only one that can take it; first said PROVIDER_UNAVAILABLE."),
        ("STATUS", "It was taken to be handed over."),
        ("OUTCOME", f"second took it, as {reference}."),
        ("STATUS", "The provider has it."),
        ("RECEIPT", "second reported 'buffered', a word that moves nothing. It was kept, and moved nothing."),
        ("STATUS", "Something was noted that does not change SENT."),
        ("RECEIPT", "second reported 'delivered', which is DELIVERED. It moved the status."),
        ("STATUS", "It was delivered."),
        ("RECEIPT", "second reported 'failed', which is FAILED. It was kept, and moved nothing."),
        ("STATUS", "Something was noted that does not change DELIVERED: it contradicts it."),
    ]
    steps = steps_of(message)
    assert [one.at for one in steps] == sorted(one.at for one in steps)
    assert [(one.provider, one.attempt) for one in steps if one.kind == "OUTCOME"] == [("first", 1), ("second", 2)]
    assert [one.provider_status for one in steps if one.kind == "RECEIPT"] == ["buffered", "delivered", "failed"]


def test_what_waits_says_for_what(told, caller):
    """At the end, and when."""
    told.route("only")
    told.provider("only").says = AWAY
    message = store(caller)
    told.run()
    *_, last = steps_of(message)
    assert (last.kind, last.provider, last.sentence) == (
        *("WAITING", "only"),
        "It is to go by only: the only one that can take it.",
    )
    assert last.at > datetime.now(UTC) - timedelta(seconds=1)


def test_every_message_has_its_own(told, caller):
    """Read together, in four statements."""
    messages = [store(caller) for _ in range(3)]
    found = explain._facts([one.id for one in messages])
    assert [len(found[one.id].history) for one in messages] == [1, 1, 1]
    assert [found[one.id].waits.message_id for one in messages] == [one.id for one in messages]


def test_another_accounts_message_is_none(told, caller):
    """As everywhere."""
    stranger, message = make_caller("stranger"), store(caller)
    with pytest.raises(MessageNotFound):
        explain._of_message(stranger.account_id, message.id)
    assert len(explain._of_message(caller.account_id, message.id)) == 2
    assert len(rows("SELECT 1 FROM sms_message")) == 1
