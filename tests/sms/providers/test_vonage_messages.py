"""Vonage's Messages API: the contract of all providers, tokens both ways, and its own words."""

import hashlib
import json
import time
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import jwt
import pytest
import vonage_jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from sms.errors import SignatureRefused
from sms.providers.base import DeliveryReport, InboundText, Outcome, Price, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.vonage_messages import VonageMessages
from sms.statuses import Status
from tests.privacy import NUMBER, TEXT
from tests.sms.providers import vectors
from tests.sms.providers.contract import Inbound, ProviderContract
from tests.sms.providers.peer import Peer, Says, answering
from tests.sms.providers.subject import ATTEMPT_ID, INBOUND_URL, STATUS_URL, SUBMISSION

ID = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
SECRET = "aBcDeFgHiJkLmNoPqRsTuVwX-padded-to-32-bytes"


def pem(key):
    """Return a private key as an operator has it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = pem(KEY)
AN_APPLICATION = {"application_id": APPLICATION, "private_key": PEM}


def problem(status, code):
    """Return an error of theirs, by RFC 7807."""
    return Says.json(status, {
        "type": f"https://developer.vonage.com/api-errors/messages#{code}",
        "title": "Words", "detail": "More words", "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
    })  # fmt: skip


def token(body, secret, *, at, algorithm="HS256", **claims):
    """Return a token as Vonage's documentation describes it."""
    claims = {
        "iat": int(at), "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5", "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(), "api_key": "abcd1234", **claims,
    }  # fmt: skip
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, secret, algorithm=algorithm)


def bearing(request, found):
    """Return the request with a token."""
    return replace(request, headers=dict(request.headers) | {"authorization": f"Bearer {found}"})


class TestVonageMessages(Inbound, ProviderContract):
    """The Messages API keeps the contract."""

    PROVIDER = VonageMessages
    # Without the application's key, which takes its time to be read.
    SETUP = {"api_key": "abcd1234", "api_secret": "the-api-secret", "signature_secret": SECRET}
    PUBLIC_OPTIONS = ("api_key",)
    VECTORS = "vonage-messages"
    YES = Outcome.sent(ID)
    SIGNING_OPTION = "signature_secret"
    SIGNING_SECRET = SECRET
    OTHER_SECRET = "XwVuTsRqPoNmLkJiHgFeDcBa-padded-to-32-bytes"
    IS_TIMED = True
    REFUSALS = (
        *(
            (problem(status, code), Outcome.not_sent(error, f"HTTP {status}, code {code}", provider_error=code))
            for status, code, error in [
                (422, "1120", ProviderError.SENDER_NOT_ALLOWED),
                (422, "1240", ProviderError.RECIPIENT_OPTED_OUT),
                (422, "1330", ProviderError.UNCLASSIFIED),
                (422, "9999", ProviderError.UNCLASSIFIED),
                (402, "1070", ProviderError.PROVIDER_FUNDS),
                (429, "1000", ProviderError.PROVIDER_THROTTLED),
            ]
        ),
        (problem(422, "words"), Outcome.not_sent(ProviderError.UNCLASSIFIED, "HTTP 422")),
        (problem(402, "low-balance"), Outcome.not_sent(ProviderError.PROVIDER_FUNDS, "HTTP 402")),
    )

    def accept(self, received):
        """Answer as Vonage does."""
        assert received.json["channel"] == "sms"
        return Says.json(202, {"message_uuid": ID})

    def refuse(self, words):
        """Quote something wherever a problem has words."""
        return Says.json(422, {"type": f"https://x/#{words}", "title": words, "detail": words, "instance": words})

    def status(self, word):
        """Return Vonage's status."""
        document = {
            "message_uuid": ID, "to": NUMBER[1:], "from": "MyCorp", "timestamp": "2026-11-23T05:30:00.000Z",
            "status": word, "client_ref": str(ATTEMPT_ID), "channel": "sms",
            "usage": {"currency": "EUR", "price": "0.0333"},
        }  # fmt: skip
        return self.request(document)

    def request(self, document, url=STATUS_URL):
        """Return a request, not signed."""
        return WebhookRequest({"content-type": "application/json"}, json.dumps(document).encode(), url=url)

    def inbound_text(self, text, *, sender, recipient):
        """Return Vonage's request for a text."""
        document = {
            "message_uuid": ID, "to": recipient.removeprefix("+"), "from": sender.removeprefix("+"),
            "timestamp": "2026-11-23T05:30:00Z", "channel": "sms", "message_type": "text", "text": text,
            "sms": {"num_messages": "1", "keyword": "HELLO"}, "usage": {"currency": "EUR", "price": "0.0"},
        }  # fmt: skip
        return self.request(document, INBOUND_URL)

    def sign(self, request, *, secret, at):
        """Sign as Vonage's documentation says."""
        return bearing(request, token(request.body, secret, at=at))

    def received(self, submission=SUBMISSION, **said):
        """Return the request that leaves for a message."""
        with Peer(answering(self.accept)) as peer:
            self.submit(self.provider(peer.url, **said), submission)
        (request,) = peer.requests
        assert (request.method, request.path) == ("POST", "/v1/messages")
        return request

    def test_the_request(self):
        """Exactly this document leaves: the validity in seconds, our id as the reference."""
        assert self.received().json == {
            "channel": "sms",
            "message_type": "text",
            "from": "MyCorp",
            "to": NUMBER[1:],
            "text": TEXT,
            "client_ref": str(ATTEMPT_ID),
            "sms": {"encoding_type": "text"},
            "ttl": 3600,
            "webhook_url": STATUS_URL,
            "webhook_version": "v1",
        }

    @pytest.mark.parametrize(("text", "kind"), [("Hello [€]", "text"), ("ç", "unicode"), ("😀", "unicode")])
    def test_the_encoding_is_ours(self, text, kind):
        """Our own measure decides, so that the segments are those that were counted."""
        assert self.received(replace(SUBMISSION, text=text)).json["sms"] == {"encoding_type": kind}

    @pytest.mark.parametrize(("seconds", "ttl"), [(None, None), (1, 20), (21, 21), (10**9, 604_800)])
    def test_the_validity_stays_within_the_bounds(self, seconds, ttl):
        """Vonage refuses less than 20 seconds and more than a week."""
        assert self.received(replace(SUBMISSION, valid_for=seconds)).json.get("ttl") == ttl

    def test_the_token_is_signed_with_the_applications_key(self):
        """RS256 under the private key, for a quarter of an hour."""
        scheme, _, found = self.received(**AN_APPLICATION).headers["authorization"].partition(" ")
        claims = jwt.decode(found, KEY.public_key(), algorithms=["RS256"])
        assert scheme == "Bearer"
        assert claims == {
            "application_id": APPLICATION, "iat": claims["iat"], "exp": claims["iat"] + 900, "jti": claims["jti"],
        }  # fmt: skip
        assert abs(claims["iat"] - time.time()) < 5

    def test_a_token_serves_many_requests_and_is_replaced_in_time(self):
        """Each lasts for five minutes at least when it is used; the provider names it among its secrets."""
        provider = self.provider(**AN_APPLICATION)
        first = provider._authorization()
        assert provider._authorization() == first
        assert first["Authorization"].removeprefix("Bearer ") in provider.secrets
        now = time.time()
        with vectors.clock_at(now + 590):
            assert provider._authorization() == first
        with vectors.clock_at(now + 601):
            assert provider._authorization() != first

    def test_an_application_is_told_to_nobody(self, caplog, logs):
        """Neither its key nor its token is anywhere, also when the provider repeats them."""
        with_application = type("WithAnApplication", (TestVonageMessages,), {"SETUP": self.SETUP | AN_APPLICATION})
        with_application().test_a_provider_that_quotes_us(caplog, logs)

    def test_without_an_application_the_account_sends(self):
        """The account's key and secret go as HTTP Basic, and what they become is a secret, too."""
        expected = b64encode(b"abcd1234:the-api-secret").decode()
        assert self.received().headers["authorization"] == f"Basic {expected}"
        assert self.provider().secrets == [expected]

    def test_a_key_whose_line_ends_were_written_out(self):
        """That is how a key comes through an environment variable."""
        said = AN_APPLICATION | {"private_key": PEM.replace("\n", "\\n")}
        assert self.received(**said).headers["authorization"].startswith("Bearer ")

    @pytest.mark.parametrize(
        "said",
        [
            {"application_id": APPLICATION},
            {"private_key": PEM},
            {"api_key": "", "api_secret": ""},
            {"api_secret": ""},
            AN_APPLICATION | {"private_key": pem(ec.generate_private_key(ec.SECP256R1()))},
            AN_APPLICATION | {"private_key": PEM[:200]},
            {"base_url": "api.nexmo.com"},
        ],
        ids=", ".join,
    )
    def test_options_that_cannot_be_right(self, said):
        """The operator hears of it when the route is made, and no key is in the sentence."""
        with pytest.raises(ValueError, match=r"\.$") as refusal:
            self.provider(**said)
        assert "PRIVATE" not in str(refusal.value)

    def test_a_receipt(self):
        """The report as a whole, with the price of the message."""
        content = json.loads(self.status("rejected").body)
        fault = {"type": "https://developer.vonage.com/api-errors/messages#1050", "title": "1050", "detail": "Barred"}
        request = self.signed(self.request(content | {"error": fault}))
        assert self.receipts(request) == [
            DeliveryReport(
                provider_reference=ID,
                provider_status="rejected",
                status=Status.REJECTED,
                client_reference=ATTEMPT_ID,
                error=ProviderError.RECIPIENT_BARRED,
                provider_error="1050",
                price=Price(Decimal("0.0333"), "EUR"),
            )
        ]

    @pytest.mark.parametrize(
        ("fault", "code", "error"),
        [
            ({"type": "https://x/messages#1180"}, "1180", ProviderError.ABSENT_SUBSCRIBER),
            ({"type": "https://x/messages", "title": 1220}, "1220", ProviderError.HANDSET_BUSY_OR_FULL),
            ({"title": "1210"}, "1210", ProviderError.CONTENT_FILTERED),
            ({"type": "https://x/messages#7777"}, "7777", ProviderError.UNCLASSIFIED),
            ({"title": "Too many words"}, None, None),
            ({}, None, None),
            (None, None, None),
        ],
    )
    def test_where_the_code_is(self, fault, code, error):
        """Behind the # of the type, or in the title; words are no code."""
        content = json.loads(self.status("undeliverable").body) | {"error": fault}
        (report,) = self.verifying().receipts(self.request(content))
        assert (report.provider_error, report.error) == (code, error)

    def test_an_inbound_text(self):
        """Vonage has joined its parts here."""
        assert self.verifying().inbound(self.inbound_text("Hello", sender=NUMBER, recipient="12345")) == [
            InboundText(ID, NUMBER, "12345", "Hello", datetime(2026, 11, 23, 5, 30, tzinfo=UTC))
        ]

    @pytest.mark.parametrize("changed", [{"channel": "whatsapp"}, {"message_type": "image"}])
    def test_what_is_no_text_by_sms_is_none(self, changed):
        """It is answered, and gives nothing."""
        content = json.loads(self.inbound_text("Hello", sender=NUMBER, recipient="12345").body) | changed
        assert self.verifying().inbound(self.request(content)) == []

    @pytest.mark.parametrize("claim", ["iat", "payload_hash"])
    @pytest.mark.parametrize(
        "value", [None, "", "x", [], {}, True, -1, 10**400, "\ud800"], ids=lambda value: repr(value)[:9]
    )
    def test_a_claim_that_is_gone_or_strange(self, claim, value):
        """Without the hash the body could be anything, without the time the token would be good for ever."""
        request = self.status("delivered")
        with pytest.raises(SignatureRefused):
            self.receipts(bearing(request, token(request.body, SECRET, at=time.time(), **{claim: value})))

    @pytest.mark.parametrize("claims", [{"exp": 1}, {"nbf": 2**40}])
    def test_a_token_that_is_not_valid_now(self, claims):
        """What the token says of itself is heard."""
        request = self.status("delivered")
        with pytest.raises(SignatureRefused):
            self.receipts(bearing(request, token(request.body, SECRET, at=time.time(), **claims)))

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512", "none", "RS256"])
    def test_the_algorithm_is_not_the_callers_choice(self, algorithm):
        """HS256, whatever the token says."""
        request = self.status("delivered")
        key = {"none": "", "RS256": KEY}.get(algorithm, SECRET + SECRET)
        provider = self.verifying(SECRET + SECRET)
        with pytest.raises(SignatureRefused):
            provider.verify(bearing(request, token(request.body, key, at=time.time(), algorithm=algorithm)))

    def test_the_hash_may_be_in_capitals(self):
        """It is a number in hex."""
        request = self.status("delivered")
        hashed = hashlib.sha256(request.body).hexdigest().upper()
        assert self.receipts(bearing(request, token(request.body, SECRET, at=time.time(), payload_hash=hashed)))


@given(body=st.binary(max_size=50), secret=st.sampled_from([SECRET, TestVonageMessages.OTHER_SECRET]))
def test_the_official_sdk_agrees(body, secret):
    """Of a token over this very body we say what Vonage's own SDK says of it."""
    found = token(body, secret, at=time.time())
    request = bearing(WebhookRequest({}, body), found)
    provider = TestVonageMessages().provider()
    if vonage_jwt.verify_signature(found, SECRET):
        provider.verify(request)
    else:
        with pytest.raises(SignatureRefused):
            provider.verify(request)


def test_the_official_sdk_makes_the_same_token():
    """Its claims, and its algorithm, are ours."""
    made = TestVonageMessages().provider(**AN_APPLICATION)._authorization()["Authorization"].removeprefix("Bearer ")
    theirs = vonage_jwt.JwtClient(APPLICATION, PEM).generate_application_jwt().decode()
    ours, sdks = (jwt.decode(one, KEY.public_key(), algorithms=["RS256"]) for one in (made, theirs))
    assert ours.keys() == sdks.keys()
    assert ours["exp"] - ours["iat"] == sdks["exp"] - sdks["iat"]
    assert jwt.get_unverified_header(made) == jwt.get_unverified_header(theirs)
