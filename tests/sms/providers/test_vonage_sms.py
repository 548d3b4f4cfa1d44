"""Vonage's SMS API: the contract of all providers, its five ways to sign, and a text's parts."""

import hashlib
import hmac
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vonage_http_client import Auth

from sms.errors import SignatureRefused
from sms.providers.base import DeliveryReport, InboundText, Outcome, Part, Price, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.vonage_sms import VonageSms
from sms.statuses import Status
from tests.privacy import NUMBER, TEXT
from tests.sms.providers import vectors
from tests.sms.providers.contract import Inbound, ProviderContract
from tests.sms.providers.peer import Peer, Says, answering
from tests.sms.providers.subject import ATTEMPT_ID, INBOUND_URL, STATUS_URL, SUBMISSION

ID = "0A0000001234567B"
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
SECRET = "aBcDeFgHiJkLmNoPqRsTuVwX"
VECTORS_SIGNED_AT = 1795411800


def taken(**more):
    """Return what is said of one part that was taken."""
    return {
        "to": NUMBER[1:], "message-id": ID, "status": "0", "remaining-balance": "3.14159265",
        "message-price": "0.03330000", "network": "62001", "client-ref": str(ATTEMPT_ID), **more,
    }  # fmt: skip


def answer(*parts):
    """Return an answer about the parts of one text."""
    return Says.json(200, {"message-count": str(len(parts)), "messages": list(parts)})


def refused(status):
    """Return the answer that refuses, and what it comes to."""
    return answer({"status": status, "error-text": "no words are kept"})


def fields_of(request):
    """Return the fields of a request, wherever they are."""
    if "json" in request.headers.get("content-type", ""):
        try:
            content = json.loads(request.body)
        except (ValueError, RecursionError):
            content = None
        pairs = content.items() if isinstance(content, dict) else ()
        found = {name: value for name, value in pairs if isinstance(value, str)}
    else:
        found = dict(parse_qsl(request.body.decode("latin-1"), keep_blank_values=True))
    return dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True)) | found


def signed_text(fields):
    """Return what Vonage's documentation says is signed."""
    names = sorted(name for name in fields if name != "sig")
    return "".join(f"&{name}={fields[name].replace('&', '_').replace('=', '_')}" for name in names)


def with_fields(request, fields):
    """Put fields where the request has its own."""
    if request.method == "GET":
        return replace(request, url=f"{request.url.partition('?')[0]}?{urlencode(fields)}")
    if "json" in request.headers.get("content-type", ""):
        return replace(request, body=json.dumps(fields).encode())
    return replace(request, body=urlencode(fields).encode())


class Signed(Inbound):
    """What Vonage sends, as a form; the account signs with the hash of MD5, which is its default."""

    PROVIDER = VonageSms
    SETUP = {"api_key": "abcd1234", "api_secret": "the-api-secret", "signature_secret": SECRET}
    SIGNING_OPTION = "signature_secret"
    SIGNING_SECRET = SECRET
    OTHER_SECRET = "XwVuTsRqPoNmLkJiHgFeDcBa"
    COVERS = ("body", "query")
    IS_TIMED = True
    BARE = WebhookRequest(headers=FORM, body=b"", url=STATUS_URL)

    def status(self, word):
        """Return Vonage's receipt."""
        fields = {
            "msisdn": NUMBER[1:], "to": "MyCorp", "network-code": "62001", "messageId": ID, "price": "0.03330000",
            "status": word, "scts": "2611230530", "err-code": "0", "api-key": "abcd1234",
            "message-timestamp": "2026-11-23 05:30:00", "client-ref": str(ATTEMPT_ID),
        }  # fmt: skip
        return with_fields(self.BARE, fields)

    def inbound_text(self, text, *, sender, recipient):
        """Return Vonage's request for a text."""
        fields = {
            "msisdn": sender.removeprefix("+"), "to": recipient.removeprefix("+"), "messageId": ID, "text": text,
            "type": "unicode", "keyword": text.upper()[:10], "message-timestamp": "2026-11-23 05:30:00",
        }  # fmt: skip
        return with_fields(replace(self.BARE, url=INBOUND_URL), fields)

    def sign(self, request, *, secret, at):
        """Sign as Vonage's documentation says: the fields, and the secret behind them."""
        fields = fields_of(request) | {"timestamp": str(int(at)), "nonce": "ec11dd3e-1e7f-4db5-9467-82b02cd223b9"}
        digest = hashlib.md5(signed_text(fields).encode("utf-8", "replace") + secret.encode()).hexdigest()
        return self.with_signature(request, fields | {"sig": digest.upper()})

    def with_signature(self, request, fields):
        """Put the signature into the body, and leave what a hostile request has in its query where it is."""
        in_query = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
        return with_fields(request, {k: v for k, v in fields.items() if k not in in_query or k == "sig"})

    def test_each_part_of_the_signature_is_needed(self):
        """It is in the fields, and each of them is refused when it is gone or strange."""
        good = self.good()
        for name in ("sig", "timestamp", "nonce"):
            fields = fields_of(good)
            for strange in (None, "", " ", "x", "é", "\0", "NaN", "1e999", "-1", "A" * 10_000):
                changed = fields | {name: strange} if strange is not None else fields
                if strange is None:
                    del changed[name]
                with pytest.raises(SignatureRefused):
                    self.receipts(with_fields(good, changed))


class TestVonageSms(Signed, ProviderContract):
    """The SMS API keeps the contract."""

    PUBLIC_OPTIONS = ("api_key", "signature_method")
    VECTORS = "vonage-sms"
    YES = Outcome.sent(ID, price=Price(Decimal("0.0333"), "EUR"))
    REFUSALS = tuple(
        (refused(status), Outcome.not_sent(error, f"status {status}", provider_error=status))
        for status, error in {
            "1": ProviderError.PROVIDER_THROTTLED,
            "2": ProviderError.UNCLASSIFIED,
            "4": ProviderError.PROVIDER_AUTH,
            "5": ProviderError.PROVIDER_UNAVAILABLE,
            "6": ProviderError.INVALID_DESTINATION,
            "7": ProviderError.RECIPIENT_BARRED,
            "8": ProviderError.PROVIDER_AUTH,
            "9": ProviderError.PROVIDER_FUNDS,
            "10": ProviderError.PROVIDER_THROTTLED,
            "12": ProviderError.CONTENT_INVALID,
            "15": ProviderError.SENDER_NOT_ALLOWED,
            "29": ProviderError.NO_ROUTE,
            "33": ProviderError.INVALID_DESTINATION,
            "9999": ProviderError.UNCLASSIFIED,
        }.items()
    )

    def accept(self, received):
        """Answer as Vonage does to a text of one part."""
        return answer(taken(to=received.form["to"]))

    def refuse(self, words):
        """Refuse inside of a success, as Vonage does."""
        return answer({"status": "3", "error-text": words, "client-ref": words})

    def options_of(self, vector):
        """Return the method, too."""
        method = "md5hash" if vector["scheme"].startswith("md5-hash") else vector["scheme"].removesuffix("-hmac")
        return {"signature_secret": vector["secret"], "signature_method": method}

    def test_each_vector(self, vector):
        """The vectors name no clock: they are read five seconds after they were signed."""
        super().test_each_vector(vector | {"now": VECTORS_SIGNED_AT + 5})

    def test_the_vectors_of_another_time_are_refused(self):
        """A good signature is believed for five minutes."""
        (vector,) = [one for one in vectors.of(self.VECTORS) if one["id"] == "vonage-sms-082"]
        with vectors.clock_at(VECTORS_SIGNED_AT + 301), pytest.raises(SignatureRefused):
            self.provider(**self.options_of(vector)).verify(vectors.request_of(vector))

    def sent_fields(self, submission):
        """Return the form that leaves for a message."""
        with Peer(answering(self.accept)) as peer:
            self.submit(self.provider(peer.url), submission)
        (request,) = peer.requests
        assert (request.method, request.path) == ("POST", "/sms/json")
        return request.form

    def test_the_request(self):
        """Exactly these fields leave: the validity in milliseconds, our id as the reference."""
        assert self.sent_fields(SUBMISSION) == {
            "api_key": "abcd1234",
            "api_secret": "the-api-secret",
            "from": "MyCorp",
            "to": NUMBER[1:],
            "text": TEXT,
            "type": "text",
            "client-ref": str(ATTEMPT_ID),
            "ttl": "3600000",
            "callback": STATUS_URL,
        }

    @pytest.mark.parametrize(
        ("seconds", "milliseconds"),
        [(None, None), (1, "20000"), (20, "20000"), (21, "21000"), (604_800, "604800000"), (10**9, "604800000")],
    )
    def test_the_validity_stays_within_the_bounds(self, seconds, milliseconds):
        """Vonage refuses less than 20 seconds and more than a week."""
        assert self.sent_fields(replace(SUBMISSION, valid_for=seconds)).get("ttl") == milliseconds

    @pytest.mark.parametrize(
        ("text", "kind"), [("Hello [€]", "text"), ("ç", "unicode"), ("Ç", "text"), ("Привет 😀", "unicode")]
    )
    def test_what_is_not_in_the_gsm_alphabet_is_unicode(self, text, kind):
        """Sent as "text" it would arrive as question marks."""
        fields = self.sent_fields(replace(SUBMISSION, text=text))
        assert (fields["text"], fields["type"]) == (text, kind)

    def test_a_numeric_sender_has_no_plus(self):
        """Vonage takes numbers in digits only."""
        assert self.sent_fields(replace(SUBMISSION, sender_id="+233200000901"))["from"] == "233200000901"

    @pytest.mark.parametrize(
        ("parts", "outcome"),
        [
            (
                [taken(), taken(**{"message-id": "0B"}), taken(**{"message-id": "0C"})],
                Outcome.sent(ID, price=Price(Decimal("0.0999"), "EUR")),
            ),
            ([taken(), taken(**{"message-price": None})], Outcome.sent(ID)),
            (
                [{"status": "9"}, {"status": "1"}],
                Outcome.not_sent(ProviderError.PROVIDER_FUNDS, "status 9", provider_error="9"),
            ),
            ([taken(), {"status": "9"}], Outcome.maybe_sent("1 of 2 parts were refused: 9")),
            ([taken(), {}], Outcome.maybe_sent("an answer nobody understands")),
            ([], Outcome.maybe_sent("an answer nobody understands")),
            ([taken(**{"message-id": None})], Outcome.maybe_sent("taken without an id")),
        ],
    )  # fmt: skip
    def test_the_parts_of_a_text(self, parts, outcome):
        """A yes takes all of them, and so does a no; the first part's id stands for the text, the price for all."""
        with Peer(answering(answer(*parts))) as peer:
            assert self.submit_one(self.provider(peer.url)) == outcome

    @pytest.mark.parametrize(
        "bare",
        [
            WebhookRequest({}, b"", "GET", STATUS_URL),
            WebhookRequest(FORM, b"", "POST", STATUS_URL),
            WebhookRequest(JSON, b"", "POST", STATUS_URL),
        ],
        ids=["get", "form", "json"],
    )
    def test_a_receipt_comes_in_three_forms(self, bare):
        """The account chooses, and the report is the same."""
        fields = fields_of(self.status("failed")) | {"err-code": "9"}
        assert self.verifying().receipts(with_fields(bare, fields)) == [
            DeliveryReport(
                provider_reference=ID,
                provider_status="failed",
                status=Status.UNDELIVERED,
                client_reference=ATTEMPT_ID,
                error=ProviderError.RECIPIENT_OPTED_OUT,
                provider_error="9",
            )
        ]

    @pytest.mark.parametrize(
        ("code", "error"),
        [
            ("0", None),
            ("1", ProviderError.UNCLASSIFIED),
            ("2", ProviderError.ABSENT_SUBSCRIBER),
            ("3", ProviderError.INVALID_DESTINATION),
            ("6", ProviderError.CONTENT_FILTERED),
            ("7", ProviderError.HANDSET_BUSY_OR_FULL),
            ("8", ProviderError.NETWORK_FAILURE),
            ("11", ProviderError.NO_ROUTE),
            ("14", ProviderError.RECIPIENT_BARRED),
            ("99", ProviderError.UNCLASSIFIED),
            ("1234", ProviderError.UNCLASSIFIED),
        ],
    )
    def test_error_codes(self, code, error):
        """A code that is not known is kept, and guesses nothing."""
        fields = fields_of(self.status("failed")) | {"err-code": code}
        (report,) = self.verifying().receipts(with_fields(self.BARE, fields))
        assert (report.error, report.provider_error) == (error, None if code == "0" else code)

    def test_good_news_of_a_part_is_none_of_the_text(self):
        """The service is told that each part has its own receipts; a receipt names its part and our attempt."""
        assert VonageSms.RECEIPT_PER_PART
        fields = fields_of(self.status("delivered")) | {"messageId": "0A0000001234567C"}
        (report,) = self.receipts(self.signed(with_fields(self.BARE, fields)))
        assert (report.provider_reference, report.client_reference) == ("0A0000001234567C", ATTEMPT_ID)
        assert report.price is None

    @pytest.mark.parametrize(
        ("concat", "part"),
        [
            ({}, None),
            ({"concat": "true", "concat-ref": "7", "concat-total": "3", "concat-part": "2"}, Part("7", 2, 3)),
            ({"concat": "true", "concat-ref": "7", "concat-total": "3", "concat-part": "4"}, None),
            ({"concat": "true", "concat-ref": "7", "concat-total": "3", "concat-part": "0"}, None),
            ({"concat": "true", "concat-ref": "7", "concat-total": "256", "concat-part": "1"}, None),
            ({"concat": "true", "concat-ref": "7", "concat-total": "x", "concat-part": "1"}, None),
            ({"concat": "true", "concat-total": "3", "concat-part": "1"}, None),
            ({"concat": "false", "concat-ref": "7", "concat-total": "3", "concat-part": "2"}, None),
        ],
    )
    def test_a_part_of_an_inbound_text(self, concat, part):
        """Vonage leaves the joining to us; with numbers that make no sense it is a text by itself."""
        fields = fields_of(self.inbound_text("Hello", sender=NUMBER, recipient="12345")) | concat
        assert self.verifying().inbound(with_fields(self.BARE, fields)) == [
            InboundText(ID, NUMBER, "12345", "Hello", datetime(2026, 11, 23, 5, 30, tzinfo=UTC), part)
        ]

    def test_a_binary_message_is_no_text(self):
        """It is answered, so that it does not come for a day, and gives nothing."""
        fields = fields_of(self.inbound_text("", sender=NUMBER, recipient="12345"))
        fields |= {"type": "binary", "data": "0011", "udh": "050003010101"}
        assert self.verifying().inbound(with_fields(self.BARE, fields)) == []

    @pytest.mark.parametrize(
        "said", [{"signature_method": "sha3"}, {"currency": "EURO"}, {"base_url": "rest.nexmo.com"}]
    )
    def test_options_that_cannot_be_right(self, said):
        """The operator hears of it when the route is made."""
        with pytest.raises(ValueError, match=r"."):
            self.provider(**said)


class TestByGet(Signed):
    """The account may choose GET: then all is in the query."""

    COVERS = ("query",)
    BARE = WebhookRequest({}, b"", "GET", STATUS_URL)

    def with_signature(self, request, fields):
        """Put all fields into the query."""
        return replace(with_fields(replace(request, method="GET"), fields), body=request.body)


class TestAsJson(Signed):
    """The account may choose JSON."""

    BARE = WebhookRequest(headers=JSON, body=b"{}", url=STATUS_URL)

    def with_signature(self, request, fields):
        """Put the signature beside whatever else is in the document."""
        try:
            content = json.loads(request.body)
        except (ValueError, RecursionError):
            return request
        if not isinstance(content, dict):
            return request
        names = ("sig", "timestamp", "nonce")
        return replace(request, body=json.dumps(content | {name: fields[name] for name in names}).encode())


class TestByToken(Signed):
    """An account that does not sign: a token in the address."""

    SETUP = {"api_key": "abcd1234", "api_secret": "the-api-secret", "webhook_token": "a-long-random-token"}
    SIGNING_OPTION = "webhook_token"
    SIGNING_SECRET = SETUP["webhook_token"]
    OTHER_SECRET = "another-long-random-token"
    COVERS = ()
    IS_TIMED = False

    def sign(self, request, *, secret, at):
        """Put the token into the address."""
        return replace(request, token=secret)

    def test_each_part_of_the_signature_is_needed(self):
        """The token is."""
        super(Signed, self).test_each_part_of_the_signature_is_needed()

    def test_with_both_both_are_needed(self):
        """A token does not stand in for the signature where the account signs, nor the other way round."""
        provider = self.provider(signature_secret=SECRET)
        bare = self.status("delivered")
        signed = Signed().sign(bare, secret=SECRET, at=time.time())
        provider.verify(replace(signed, token=self.SIGNING_SECRET))
        for request in (signed, replace(bare, token=self.SIGNING_SECRET)):
            with pytest.raises(SignatureRefused):
                provider.verify(request)


HMACS = ("md5", "sha1", "sha256", "sha512")
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FIELDS = st.dictionaries(WORDS.filter(lambda name: name not in ("sig", "timestamp")), WORDS, max_size=8)


@pytest.mark.parametrize("method", HMACS)
@pytest.mark.parametrize("headers", [FORM, JSON], ids=["form", "json"])
@given(fields=FIELDS, spoilt=st.booleans())
def test_the_official_sdk_agrees(method, headers, fields, spoilt):
    """What Vonage's own SDK signs is believed, and refused once anything in it is changed, as the SDK refuses it."""
    sdk = Auth(api_key="k", signature_secret=SECRET, signature_method=method)
    fields = fields | {"timestamp": str(int(time.time()))}
    signed = fields | {"sig": sdk.sign_params(dict(fields)).upper()}
    if spoilt:
        signed["timestamp"] = str(int(signed["timestamp"]) + 1)
    assert sdk.check_signature(dict(signed)) is not spoilt
    options = {"api_key": "k", "api_secret": "s", "signature_secret": SECRET, "signature_method": method}
    provider = TestVonageSms().provider(**options)
    request = with_fields(WebhookRequest(headers=headers, body=b"", url=STATUS_URL), signed)
    if spoilt:
        with pytest.raises(SignatureRefused):
            provider.verify(request)
    else:
        provider.verify(request)


@pytest.mark.parametrize("method", HMACS)
def test_one_method_is_not_taken_for_another(method):
    """The account has one, and whoever breaks MD5 gains nothing where it is another."""
    fields = fields_of(TestVonageSms().status("delivered")) | {"timestamp": str(int(time.time()))}
    by_hash = hashlib.md5(signed_text(fields).encode() + SECRET.encode()).hexdigest()
    by_hmac = hmac.new(SECRET.encode(), signed_text(fields).encode(), method).hexdigest()
    provider = TestVonageSms().provider(signature_method=method)
    provider.verify(with_fields(Signed.BARE, fields | {"sig": by_hmac}))
    with pytest.raises(SignatureRefused):
        provider.verify(with_fields(Signed.BARE, fields | {"sig": by_hash}))
