"""Telnyx: the contract of all providers, Telnyx's own words, and its SDK as the other side."""

import json
import time
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey
from telnyx.lib.webhook_verification import WebhookVerificationError, verify_webhook_signature

from sms.errors import SignatureRefused
from sms.providers.base import DeliveryReport, InboundText, Outcome, Price, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.telnyx import Telnyx
from sms.statuses import Status
from tests.sms.providers import vectors
from tests.sms.providers.contract import Inbound, ProviderContract
from tests.sms.providers.peer import Peer, Says, answering
from tests.sms.providers.subject import ATTEMPT_ID, INBOUND_URL, STATUS_URL, SUBMISSION, Subject
from tests.sms.providers.submitting import NOBODY_KNOWS, said

ID = "834f3d53-8a3c-4aa0-a733-7f2d682a72df"
JSON = {"content-type": "application/json"}


def key_of(seed):
    """A signing key, made of a text."""
    return SigningKey(seed.encode().ljust(32)[:32])


def event(kind, payload, **more):
    """An event of Telnyx, as a request."""
    document = {
        "data": {
            "event_type": kind, "id": "b301ed3f-1490-491f-995f-6e64e69674d4", "record_type": "event",
            "occurred_at": "2026-11-23T05:30:00.000+00:00", "payload": {"record_type": "message", **payload},
        },
        "meta": {"attempt": 1, "delivered_to": STATUS_URL},
        **more,
    }  # fmt: skip
    return WebhookRequest(headers=JSON, body=json.dumps(document).encode(), url=STATUS_URL)


class TestTelnyx(Inbound, ProviderContract):
    """Telnyx keeps the contract."""

    PROVIDER = Telnyx
    SETUP = {
        "api_key": "KEY0123456789ABCDEF_of-the-tests",
        "public_key": b64encode(bytes(key_of("the first").verify_key)).decode(),
    }
    PUBLIC_OPTIONS = ("public_key",)
    YES = Outcome.sent(ID)
    SIGNING_OPTION = "public_key"
    SIGNING_SECRET = "the first"
    OTHER_SECRET = "the second"
    IS_TIMED = True
    VECTORS = "telnyx"
    REFUSALS = (
        (
            Says.json(422, {"errors": [{"code": "10002", "title": "Invalid phone number", "detail": "…"}]}),
            Outcome.not_sent(ProviderError.INVALID_DESTINATION, "HTTP 422, code 10002", provider_error="10002"),
        ),
        (
            Says.json(409, {"errors": [{"code": "40300", "title": "Blocked due to STOP message"}]}),
            Outcome.not_sent(ProviderError.RECIPIENT_OPTED_OUT, "HTTP 409, code 40300", provider_error="40300"),
        ),
        (
            Says.json(429, {"errors": [{"code": "10011"}]}, {"Retry-After": "2"}),
            Outcome.not_sent(
                ProviderError.PROVIDER_THROTTLED, "HTTP 429, code 10011", retry_after=2.0, provider_error="10011"
            ),
        ),
        (
            Says.json(403, {"errors": [{"code": "31337"}]}),
            Outcome.not_sent(ProviderError.PROVIDER_AUTH, "HTTP 403, code 31337", provider_error="31337"),
        ),
    )
    BY_STATUS = Subject.BY_STATUS | {409: ProviderError.PROVIDER_TIMEOUT}

    def accept(self, received):
        """Answer as Telnyx does to a message that it has put into its queue."""
        payload = received.json
        data = {
            "id": ID, "record_type": "message", "direction": "outbound", "type": "SMS", "text": payload["text"],
            "to": [{"phone_number": payload["to"], "status": "queued", "carrier": "MTN", "line_type": "Wireless"}],
            "from": {"phone_number": payload["from"]}, "parts": 1, "cost": None, "errors": [],
        }  # fmt: skip
        return Says.json(200, {"data": data})

    def status(self, word):
        """Return an event about what became of a message."""
        payload = {
            "id": ID, "direction": "outbound", "to": [{"phone_number": "+233209876543", "status": word}],
            "webhook_url": f"{STATUS_URL}?attempt={ATTEMPT_ID}", "errors": [],
            "cost": {"amount": "0.0051", "currency": "USD"},
        }  # fmt: skip
        return event("message.finalized", payload)

    def inbound_text(self, text, *, sender, recipient):
        """Return an event about a text from a handset."""
        payload = {
            "id": ID, "direction": "inbound", "text": text, "from": {"phone_number": sender, "carrier": "MTN"},
            "to": [{"phone_number": recipient, "status": "webhook_delivered"}], "media": [],
            "received_at": "2026-11-23T05:29:58.000Z",
        }  # fmt: skip
        return replace(event("message.received", payload), url=INBOUND_URL)

    def sign(self, request, *, secret, at):
        """Sign with the library that the SDK verifies with."""
        timestamp = str(int(at))
        signed = key_of(secret).sign(timestamp.encode() + b"|" + request.body).signature
        headers = {"telnyx-timestamp": timestamp, "telnyx-signature-ed25519": b64encode(signed).decode()}
        return replace(request, headers=dict(request.headers) | headers)

    def verifier_of(self, secret):
        """Return the public key."""
        return b64encode(bytes(key_of(secret).verify_key)).decode()

    def options_of(self, vector):
        """Return the public key of a vector."""
        return {"public_key": vector["public_key"]}


TELNYX = TestTelnyx()


def test_what_is_sent():
    """A JSON document with where to call us, our attempt's id as the idempotency key, and a bearer's key."""
    with Peer(answering(TELNYX.accept)) as peer:
        TELNYX.submit_one(TELNYX.provider(peer.url))
    (request,) = peer.requests
    assert request.path == "/v2/messages"
    assert request.json == {
        "from": "MyCorp",
        "to": SUBMISSION.recipient,
        "text": SUBMISSION.text,
        "type": "SMS",
        "webhook_url": f"{STATUS_URL}?attempt={ATTEMPT_ID}",
        "use_profile_webhooks": False,
    }
    assert request.headers["authorization"] == f"Bearer {TELNYX.SETUP['api_key']}"
    assert request.headers["idempotency-key"] == str(ATTEMPT_ID)


def test_a_text_arrives_as_it_was_written():
    """Left to itself, Telnyx replaces characters to save segments."""
    document = TELNYX.provider()._document(replace(SUBMISSION, text="“quoted”"))
    assert (document["text"], document["encoding"]) == ("“quoted”", "ucs2")


def test_a_profile_for_alphanumeric_senders():
    """It goes along with the sender."""
    document = TELNYX.provider(messaging_profile_id="0f512bda")._document(SUBMISSION)
    assert (document["messaging_profile_id"], document["from"]) == ("0f512bda", "MyCorp")


def test_an_unknown_conflict_may_be_our_own_key():
    """Perhaps the provider has the message under it, so nobody knows."""
    with Peer(answering(Says.json(409, {"errors": [{"code": "99999"}]}))) as peer:
        assert said(TELNYX.submit_one(TELNYX.provider(peer.url))) == NOBODY_KNOWS


def test_a_price_that_is_told_at_once():
    """It is kept with the outcome."""
    with Peer(answering(Says.json(200, {"data": {"id": ID, "cost": {"amount": "0.0051", "currency": "USD"}}}))) as peer:
        outcome = TELNYX.submit_one(TELNYX.provider(peer.url))
    assert outcome == Outcome.sent(ID, price=Price(Decimal("0.0051"), "USD"))


@pytest.mark.parametrize(
    ("word", "code", "status", "error"),
    [
        ("delivery_failed", "40001", Status.UNDELIVERED, ProviderError.NOT_SMS_CAPABLE),
        ("sending_failed", "40014", Status.EXPIRED, ProviderError.EXPIRED_CARRIER),
        ("sending_failed", "40300", Status.FAILED, ProviderError.RECIPIENT_OPTED_OUT),
        ("delivery_failed", "40008", Status.UNDELIVERED, ProviderError.UNCLASSIFIED),
        ("delivery_unconfirmed", "40004", None, ProviderError.UNCLASSIFIED),
    ],
)
def test_a_receipt_with_an_error(word, code, status, error):
    """The whole report: why, in our words and in Telnyx's, and what it cost."""
    request = TELNYX.status(word)
    request = replace(
        request, body=request.body.replace(b'"errors": []', b'"errors": [{"code": "%s"}]' % code.encode())
    )
    assert TELNYX.provider().receipts(request) == [
        DeliveryReport(ID, word, status, ATTEMPT_ID, error, code, None, Price(Decimal("0.0051"), "USD"))
    ]


def test_an_id_in_an_address_that_nobody_signed_is_not_ours():
    """The signature covers the body, so the address of the request itself proves nothing."""
    request = TELNYX.status("delivered")
    body = request.body.replace(str(ATTEMPT_ID).encode(), b"somebody")
    (report,) = TELNYX.provider().receipts(replace(request, body=body, url=f"{STATUS_URL}?attempt={ATTEMPT_ID}"))
    assert report.client_reference is None


def test_a_text_as_a_whole():
    """With the moment that Telnyx received it at."""
    request = TELNYX.inbound_text("Hello", sender="+233209876543", recipient="+15005550006")
    received_at = datetime(2026, 11, 23, 5, 29, 58, tzinfo=UTC)
    assert TELNYX.provider().inbound(request) == [
        InboundText(ID, "+233209876543", "+15005550006", "Hello", received_at=received_at)
    ]


@pytest.mark.parametrize("key", ["nonsense", "AAAA", b64encode(b"x" * 33).decode(), "é"])
def test_a_public_key_that_is_none(key):
    """The operator hears of it at once."""
    with pytest.raises(ValueError, match="'public_key' must be 32 bytes in base64"):
        TELNYX.provider(public_key=key)


@given(
    body=st.text(st.characters(exclude_categories=("Cs",))),
    age=st.integers(-400, 400),
    secret=st.sampled_from(["a", "b"]),
    change=st.sampled_from(["", "x", "|"]),
)
def test_as_the_sdk(body, age, secret, change):
    """We and the SDK believe the same requests: of any body, age and key, as they were signed or not."""
    now = 1_795_411_800
    request = WebhookRequest(headers={}, body=body.encode(), url=STATUS_URL)
    signed = TELNYX.sign(request, secret=secret, at=now - age)
    arrived = replace(signed, body=signed.body + change.encode())
    public = TELNYX.verifier_of("a")
    with vectors.clock_at(now):
        assert time.time() == now
        assert _believes(TELNYX.provider(public_key=public), arrived) == _sdk_believes(public, arrived)


def _believes(provider, request):
    try:
        provider.verify(request)
    except SignatureRefused:
        return False
    return True


def _sdk_believes(public, request):
    try:
        verify_webhook_signature(request.body, request.headers, public)
    except WebhookVerificationError:
        return False
    return True
