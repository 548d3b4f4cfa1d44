"""Which of a provider's two addresses a request comes to, and what is stored of it."""

import pytest

from sms.database import in_thread
from sms.errors import InvalidInbound, InvalidReceipt, SignatureRefused
from sms.models import InboundMessage, Receipt
from sms.providers.base import DeliveryReport, InboundText, Provider, WebhookRequest
from sms.services.receive import take

pytestmark = pytest.mark.django_db(transaction=True)


class TwoAddresses(Provider):
    """Tells of a receipt and a text in every request."""

    def __init__(self):
        super().__init__("scripted", patience=1.0, window=1)

    def verify(self, request):
        if request.body == b"forged":
            raise SignatureRefused("no")

    def receipts(self, request):
        return [DeliveryReport("r-1", "DELIVERED", None)]

    def inbound(self, request):
        if request.body == b"broken":
            raise InvalidReceipt("no")  # as the tools of adapters do
        return [InboundText("mo-1", "+233200000901", "1234", "Hi")]


class OneAddress(TwoAddresses):
    """Does so at either address."""

    SHARES_ADDRESS = True


async def stored():
    """How many receipts and texts there are."""
    return await in_thread(lambda: (Receipt.objects.count(), InboundMessage.objects.count()))


@pytest.mark.parametrize(
    ("provider", "is_inbound", "expected"),
    [
        (TwoAddresses, False, (1, 0)),
        (TwoAddresses, True, (0, 1)),
        (OneAddress, False, (1, 1)),
        (OneAddress, True, (1, 1)),
    ],
)
async def test_each_address_is_for_its_own_unless_they_are_one(transactional_db, provider, is_inbound, expected):
    """Whoever tells of both at one is asked about both, at whichever it calls."""
    await take(provider(), WebhookRequest({}, b"good"), is_inbound=is_inbound)
    assert await stored() == expected


@pytest.mark.parametrize(("body", "refusal"), [(b"forged", SignatureRefused), (b"broken", InvalidInbound)])
async def test_of_what_is_refused_nothing_is_stored(transactional_db, body, refusal):
    """Neither the good half of it."""
    with pytest.raises(refusal):
        await take(OneAddress(), WebhookRequest({}, body), is_inbound=False)
    assert await stored() == (0, 0)


async def test_nobody_waits_for_redis(transactional_db, settings):
    """A listener that fails is logged, and the text is stored."""
    settings.SMS_INBOUND_LISTENERS = ["no.such.listener"]
    await take(OneAddress(), WebhookRequest({}, b"good"), is_inbound=True)
    assert await stored() == (1, 1)
