"""Twilio: the contract of all providers, Twilio's own words, and its SDK as the other side."""

import hashlib
import hmac
from base64 import b64encode
from dataclasses import replace
from decimal import Decimal
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from sms.errors import SignatureRefused
from sms.providers.base import DeliveryReport, InboundText, Outcome, Price, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.twilio import Twilio
from sms.statuses import Status
from tests.sms.providers.contract import Inbound, ProviderContract
from tests.sms.providers.peer import Peer, Says, answering
from tests.sms.providers.subject import ATTEMPT_ID, INBOUND_URL, STATUS_URL, SUBMISSION

SID = "SM00000000000000000000000000000001"
FORM = {"content-type": "application/x-www-form-urlencoded"}


class TestTwilio(Inbound, ProviderContract):
    """Twilio keeps the contract."""

    PROVIDER = Twilio
    SETUP = {
        "account_sid": "AC00000000000000000000000000000001",
        "auth_token": "8f1c5b0d9a7e4c21b6d3f0a9e2c47d15",
        "shared_keys": "a-shared-key-of-the-tests",
    }
    PUBLIC_OPTIONS = ("api_key_sid",)
    YES = Outcome.sent(SID)
    SIGNING_OPTION = "auth_token"
    SIGNING_SECRET = SETUP["auth_token"]
    OTHER_SECRET = "51d74c2e9a0f3d6b12c4e7a9d0b5c1f8"
    COVERS = ("body", "query", "path", "host")
    VECTORS = "twilio"
    REFUSALS = (
        (
            Says.json(400, {"code": 21211, "message": "Invalid 'To' Phone Number", "more_info": "…", "status": 400}),
            Outcome.not_sent(ProviderError.INVALID_DESTINATION, "HTTP 400, code 21211", provider_error="21211"),
        ),
        (
            Says.json(400, {"code": 99999, "message": "new"}),
            Outcome.not_sent(ProviderError.UNCLASSIFIED, "HTTP 400, code 99999", provider_error="99999"),
        ),
    )

    def accept(self, received):
        """Answer as Twilio does to a message that it has put into its queue."""
        fields = received.form
        document = {
            "sid": SID, "status": "queued", "num_segments": "1", "error_code": None, "error_message": None,
            "price": None, "price_unit": "USD", "direction": "outbound-api", "to": fields["To"], "from": fields["From"],
        }  # fmt: skip
        return Says.json(201, document)

    def status(self, word):
        """Return Twilio's status callback."""
        account = self.SETUP["account_sid"]
        fields = {
            "MessageSid": SID, "SmsSid": SID, "MessageStatus": word, "SmsStatus": word, "ApiVersion": "2010-04-01",
            "To": "+233209876543", "From": "MyCorp", "AccountSid": account,
        }  # fmt: skip
        url = f"{STATUS_URL}?attempt={ATTEMPT_ID}"
        return WebhookRequest(headers=FORM, body=urlencode(fields).encode(), url=url)

    def inbound_text(self, text, *, sender, recipient):
        """Return Twilio's request for a text."""
        fields = {"MessageSid": SID, "Body": text, "From": sender, "To": recipient, "NumMedia": "0", "FromCity": ""}
        return WebhookRequest(headers=FORM, body=urlencode(fields).encode(), url=INBOUND_URL)

    def sign(self, request, *, secret, at):
        """Sign as Twilio's documentation says."""
        pairs = parse_qsl(request.body.decode("latin-1"), keep_blank_values=True)
        signed = request.url + "".join(name + value for name, value in sorted(set(pairs)))
        digest = hmac.new(secret.encode(), signed.encode("utf-8", "replace"), hashlib.sha1).digest()
        headers = dict(request.headers) | {"x-twilio-signature": b64encode(digest).decode()}
        return replace(request, headers=headers)

    def options_of(self, vector):
        """Return the secret where its kind belongs."""
        option = "shared_keys" if "sharedkey" in vector["scheme"] else "auth_token"
        return {option: vector["secret"]}


TWILIO = TestTwilio()


def test_what_is_sent():
    """A form with our number, our text, how long it is valid and where to call us; and Basic credentials."""
    with Peer(answering(TWILIO.accept)) as peer:
        TWILIO.submit_one(TWILIO.provider(peer.url))
    (request,) = peer.requests
    assert request.path == "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json"
    assert request.form == {
        "To": SUBMISSION.recipient,
        "From": "MyCorp",
        "Body": SUBMISSION.text,
        "ValidityPeriod": "3600",
        "StatusCallback": f"{STATUS_URL}?attempt={ATTEMPT_ID}",
    }
    assert request.headers["authorization"] == basic(TWILIO.SETUP["account_sid"], TWILIO.SETUP["auth_token"])


def basic(user, password):
    """The header of Basic authentication."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def test_an_api_key_sends_in_the_place_of_the_token():
    """The account stays in the address; the token goes on verifying."""
    with Peer(answering(TWILIO.accept)) as peer:
        provider = TWILIO.provider(peer.url, api_key_sid="SK01", api_key_secret="the secret of the key")
        TWILIO.submit_one(provider)
    assert peer.requests[0].headers["authorization"] == basic("SK01", "the secret of the key")
    provider.verify(TWILIO.good())


@pytest.mark.parametrize("half", [{"api_key_sid": "SK01"}, {"api_key_secret": "the secret of the key"}])
def test_half_an_api_key_is_none(half):
    """The operator hears of it at once."""
    with pytest.raises(ValueError, match="go together"):
        TWILIO.provider(**half)


@pytest.mark.parametrize(("ours", "theirs"), [(None, None), (0, "1"), (1, "1"), (36_000, "36000"), (9**9, "36000")])
def test_the_validity_that_twilio_takes(ours, theirs):
    """From 1 to 36,000 seconds; what lies outside becomes the nearest, and none stays none."""
    assert TWILIO.provider()._fields(replace(SUBMISSION, valid_for=ours)).get("ValidityPeriod") == theirs


def test_a_messaging_service_chooses_the_sender():
    """Then ours is not sent."""
    fields = TWILIO.provider(messaging_service_sid="MG01")._fields(SUBMISSION)
    assert (fields["MessagingServiceSid"], "From" in fields) == ("MG01", False)


def test_a_price_that_is_told_at_once():
    """Twilio tells what it takes as a negative number."""
    with Peer(answering(Says.json(201, {"sid": SID, "price": "-0.00750", "price_unit": "USD"}))) as peer:
        outcome = TWILIO.submit_one(TWILIO.provider(peer.url))
    assert outcome == Outcome.sent(SID, price=Price(Decimal("0.00750"), "USD"))


@pytest.mark.parametrize(
    ("word", "code", "status", "error"),
    [
        ("undelivered", "30003", Status.UNDELIVERED, ProviderError.ABSENT_SUBSCRIBER),
        ("undelivered", "30005", Status.UNDELIVERED, ProviderError.INVALID_DESTINATION),
        ("failed", "30034", Status.FAILED, ProviderError.SENDER_NOT_ALLOWED),
        ("undelivered", "30036", Status.EXPIRED, ProviderError.EXPIRED_CARRIER),
        ("failed", "30036", Status.EXPIRED, ProviderError.EXPIRED_CARRIER),
        ("undelivered", "30008", Status.UNDELIVERED, ProviderError.UNCLASSIFIED),
        ("canceled", None, None, None),
        ("partially_delivered", None, None, None),
    ],
)
def test_a_receipt_as_a_whole(word, code, status, error):
    """Why, in our words and in Twilio's."""
    request = TWILIO.status(word)
    request = replace(request, body=request.body + (f"&ErrorCode={code}".encode() if code else b""))
    assert TWILIO.provider().receipts(request) == [DeliveryReport(SID, word, status, ATTEMPT_ID, error, code)]


def test_a_text_as_a_whole():
    """Twilio tells no time."""
    request = TWILIO.inbound_text("Hello", sender="+233209876543", recipient="+15005550006")
    assert TWILIO.provider().inbound(request) == [InboundText(SID, "+233209876543", "+15005550006", "Hello")]


def test_a_text_with_pictures_only_is_empty():
    """It is a text from a handset all the same."""
    request = replace(TWILIO.inbound_text("", sender="+1", recipient="+2"))
    assert [one.text for one in TWILIO.provider().inbound(request)] == [""]


def test_nothing_is_believed_without_the_public_address():
    """Twilio signs the address that it called, and the operator has not said what it is."""
    signed = TWILIO.good()
    for url in ("", "/api/webhooks/primary/status/", "https://["):
        with pytest.raises(SignatureRefused):
            TWILIO.provider().verify(replace(signed, url=url))


def test_a_body_of_another_kind_needs_its_hash():
    """A good signature over an address alone does not make a document out of nothing."""
    url = f"{STATUS_URL}?x=1"
    signature_ = RequestValidator(TWILIO.SIGNING_SECRET).compute_signature(url, {})
    headers = {"content-type": "application/json", "x-twilio-signature": signature_}
    empty = WebhookRequest(headers=headers, body=b"", url=url)
    TWILIO.provider().verify(empty)
    with pytest.raises(SignatureRefused):
        TWILIO.provider().verify(replace(empty, body=b'{"MessageStatus": "delivered"}'))


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
FIELDS = st.lists(st.tuples(TEXTS.filter(bool), TEXTS), max_size=6)
SECRETS = st.text("abcdef0123456789", min_size=1, max_size=40)
ADDRESSES = st.sampled_from(
    [
        f"{scheme}://sms.example.org{port}{path}"
        for scheme in ("http", "https")
        for port in ("", ":443", ":80", ":8443")
        for path in ("", "/", "/hooks/twilio", "/hooks?tenant=7&x=%2B1", "/a%20b?x")
    ]
)
ALGORITHMS = st.sampled_from([None, "HMAC_SHA1", "HMAC_SHA256"])


class Multi(dict):
    """Fields of a form as web frameworks give them."""

    def getlist(self, name):
        """Return all values of a field."""
        return self[name]


def multi(pairs):
    """Return repeated fields together."""
    found = Multi()
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


@given(url=ADDRESSES, fields=FIELDS, secret=SECRETS, algorithm=ALGORITHMS, change=st.sampled_from(["", "&x=1", "&"]))
def test_what_the_sdk_signs(url, fields, secret, algorithm, change):
    """Any address, form, secret and algorithm: we believe what the SDK signs, and of a change what it believes."""
    validator = RequestValidator(secret)
    signature_ = validator.compute_signature(url, multi(fields), algorithm)
    headers = FORM | {"x-twilio-signature": signature_}
    if algorithm is not None:
        headers["x-twilio-webhooks-signature-settings"] = f"key=webhooks_sharedkey_01,algorithm={algorithm}"
    option = "auth_token" if algorithm is None else "shared_keys"
    body = (urlencode(fields) + change).encode()
    arrived = multi(parse_qsl(body.decode(), keep_blank_values=True))
    request = WebhookRequest(headers=headers, body=body, url=url)
    assert _believes(TWILIO.provider(**{option: secret}), request) == validator.validate(
        url, arrived, signature_, algorithm
    )
    if not change:
        TWILIO.provider(**{option: secret}).verify(request)


@given(url=ADDRESSES, fields=FIELDS, secret=SECRETS)
def test_what_we_would_sign(url, fields, secret):
    """The signature of these tests, made as the documentation says, is one that the SDK believes."""
    request = WebhookRequest(headers=FORM, body=urlencode(fields).encode(), url=url)
    signed = TWILIO.sign(request, secret=secret, at=0)
    assert RequestValidator(secret).validate(url, multi(fields), signed.headers["x-twilio-signature"])
    TWILIO.provider(auth_token=secret).verify(signed)


@given(body=TEXTS, secret=SECRETS, change=st.sampled_from(["", "x"]))
def test_documents_as_the_sdk(body, secret, change):
    """Of a document the hash is in the signed address, and the document has to have it."""
    validator = RequestValidator(secret)
    url = f"{STATUS_URL}?bodySHA256={validator.compute_hash(body)}"
    signature_ = validator.compute_signature(url, {})
    headers = {"content-type": "application/json", "x-twilio-signature": signature_}
    request = WebhookRequest(headers=headers, body=(body + change).encode(), url=url)
    assert validator.validate(url, body + change, signature_) == (not change)
    assert _believes(TWILIO.provider(auth_token=secret), request) == (not change)


@pytest.mark.parametrize(
    ("settings", "option", "believed"),
    [
        ("key=k,algorithm=HMAC_SHA256", "shared_keys", True),
        (" key = k , algorithm = HMAC_SHA256 ", "shared_keys", True),
        ("key=k,algorithm=HMAC_SHA256", "auth_token", False),
        ("key=k,algorithm=HMAC_MD5", "shared_keys", False),
        ("key=k,algorithm=none", "shared_keys", False),
        ("key=k", "shared_keys", False),
        ("", "shared_keys", False),
    ],
)
def test_the_settings_of_a_shared_key(settings, option, believed):
    """They say which kind of secret signed, and with which algorithm; one kind is not taken for the other."""
    request = TWILIO.status("delivered")
    fields = multi(parse_qsl(request.body.decode()))
    signature_ = RequestValidator("one secret").compute_signature(request.url, fields, "HMAC_SHA256")
    headers = FORM | {"x-twilio-signature": signature_, "x-twilio-webhooks-signature-settings": settings}
    others = {"auth_token": "another", "shared_keys": "and another"}
    provider = TWILIO.provider(**(others | {option: "one secret"}))
    assert _believes(provider, replace(request, headers=headers)) == believed


def _believes(provider, request):
    try:
        provider.verify(request)
    except SignatureRefused:
        return False
    return True
