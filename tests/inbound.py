"""Texts from handsets for tests, stored the way a webhook does it."""

from itertools import count

from sms.models import InboundMessage
from sms.providers.base import InboundText
from sms.services import inbound
from sms.statuses import Status
from tests.messages import store_as

THEM = "+233200000901"
US = "+233300000001"
_numbers = count(1)


def told(text="Hi", *, reference=None, sender=THEM, recipient=US, **more):
    """Return a text as a provider tells it; each has a reference of its own."""
    return InboundText(reference or f"mo-{next(_numbers)}", sender, recipient, text, **more)


def bring(*texts, provider="simulator"):
    """Store texts in one commit; return what became of each."""
    return inbound.store([inbound.arrived(provider, one) for one in texts])


def say(text, **fields):
    """Store one text and return its row."""
    (result,) = bring(told(text, **fields))
    return InboundMessage.objects.get(id=result.inbound_id)


def sent(caller, *, status=Status.DELIVERED, **fields):
    """Return a message that an account has sent."""
    return store_as(caller, status, **fields)
