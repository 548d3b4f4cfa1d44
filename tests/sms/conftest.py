"""What several tests of the domain begin with."""

import pytest

from sms.models import Message
from sms.receipts import State
from tests.receipts import process, receive, receive_poison, sent_message, set_aside, unmatched


@pytest.fixture
def one_of_each(caller):
    """A receipt in each state, by its state."""
    message = sent_message(caller, reference="r-1")
    found = {
        State.SET_ASIDE: set_aside(reference="r-1", word="BAD1"),
        State.UNMATCHED: unmatched(reference="nobody-knows"),
        State.APPLIED: receive(reference="r-1"),
        State.DUPLICATE: receive(reference="r-1"),
        State.NOTED: receive(reference="r-1", status=None, word="BUFFERED"),
        State.WAITING: receive(reference="too-early"),
        State.FAILING: receive_poison(reference="r-1", word="BAD2"),
    }
    process()
    found[State.DUE] = receive(reference="r-1")
    assert Message.objects.get(id=message.id).status == "DELIVERED"
    return found
