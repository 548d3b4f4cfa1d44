"""What REST shows of a message whose text is discarded."""

from rest_api import representations
from sms import selectors
from sms.models import Account, Message
from sms.services.discard import discard_bodies
from tests.messages import apply, move, store


def test_a_text_that_is_discarded_is_empty_and_says_since_when(caller):
    """So is the metadata; the label by which the caller finds the message stays."""
    message = store(caller, metadata=[("login", "7f3a")], client_reference="order-7")
    apply(move(message, "DELIVERED"))
    Account.objects.update(discard_body_after=0)
    assert discard_bodies() == 1
    shown = representations.message(selectors.get_message(caller.account_id, message.id))
    discarded_at = Message.objects.get(id=message.id).body_discarded_at
    assert (shown["text"], shown["text_discarded_at"], shown["metadata"]) == ("", discarded_at, {})
    assert (shown["status"], shown["client_reference"]) == ("DELIVERED", "order-7")
