"""Plivo: the contract of all providers, Plivo's own words, and its SDK as the other side."""

import hashlib
import hmac
from base64 import b64encode
from dataclasses import replace
from decimal import Decimal
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plivo.utils import signature_v3, validate_signature, validate_v3_signature

from sms.errors import SignatureRefused
from sms.providers.base import DeliveryReport, Outcome, Price, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.plivo import Plivo
from sms.statuses import Status
from tests.sms.providers.callbacks import Callbacks
from tests.sms.providers.contract import Inbound, ProviderContract
from tests.sms.providers.peer import Peer, Says, answering
from tests.sms.providers.subject import ATTEMPT_ID, INBOUND_URL, STATUS_URL, SUBMISSION

UUID_ = "db3ce55a-7f1d-11e1-8ea7-1231380bc196"
FORM = {"content-type": "application/x-www-form-urlencoded"}
NONCE = "05429567804466091622"
MAIN_TOKEN = "NzE0NmQ4MmEzZjA1MjYyZWQ1Yzdl"


def signature(secret, signed):
    """HMAC-SHA256 in base64."""
    return b64encode(hmac.new(secret.encode(), signed.encode("utf-8", "replace"), hashlib.sha256).digest()).decode()


class PlivoSubject:
    """What both contracts have to know."""

    PROVIDER = Plivo
    SETUP = {
        "auth_id": "MAMTMZMZMZMZMZMZMZMZ",
        "auth_token": "MjYyZWQ1YzdlNzE0NmQ4MmEzZjA1",
        "main_auth_token": MAIN_TOKEN,
    }
    SIGNING_OPTION = "auth_token"
    SIGNING_SECRET = SETUP["auth_token"]
    OTHER_SECRET = "ZmYwMTIzNDU2Nzg5YWJjZGVmMDEy"

    def status(self, word):
        """Return Plivo's status callback."""
        fields = {
            "MessageUUID": UUID_, "To": "233209876543", "From": "14155550100", "Type": "sms", "Status": word,
            "Units": "1", "TotalRate": "0.0065", "TotalAmount": "0.0130", "Sequence": "2",
        }  # fmt: skip
        url = f"{STATUS_URL}?attempt={ATTEMPT_ID}"
        return WebhookRequest(headers=FORM, body=urlencode(fields).encode(), url=url)


class TestPlivo(PlivoSubject, Inbound, ProviderContract):
    """Plivo keeps the contract; the usual signature covers the address alone."""

    YES = Outcome.sent(UUID_)
    COVERS = ("path", "host")
    VECTORS = "plivo"
    REFUSALS = (
        (
            Says.json(400, {"api_id": "1", "error": "src is invalid"}),
            Outcome.not_sent(ProviderError.UNCLASSIFIED, "HTTP 400"),
        ),
        (
            Says.json(402, {"api_id": "1", "error": "Insufficient credit"}),
            Outcome.not_sent(ProviderError.PROVIDER_FUNDS, "HTTP 402"),
        ),
    )

    def accept(self, received):
        """Answer as Plivo does to a message that it has put into its queue."""
        return Says.json(202, {"api_id": "a", "message": "message(s) queued", "message_uuid": [UUID_]})

    def inbound_text(self, text, *, sender, recipient):
        """Return Plivo's request for a text: its numbers have no plus."""
        fields = {
            "MessageUUID": UUID_, "Text": text, "From": sender[1:], "To": recipient[1:], "Type": "sms", "Units": "1",
        }  # fmt: skip
        return WebhookRequest(headers=FORM, body=urlencode(fields).encode(), url=INBOUND_URL)

    def sign(self, request, *, secret, at):
        """Sign with version 2, as Plivo's documentation says."""
        headers = {
            "x-plivo-signature-v2": signature(secret, request.url.partition("?")[0] + NONCE),
            "x-plivo-signature-v2-nonce": NONCE,
        }
        return replace(request, headers=dict(request.headers) | headers)


class TestVersion3(PlivoSubject, Callbacks):
    """The signature of version 3 covers the query and the fields, too."""

    COVERS = ("body", "query", "path", "host")
    VECTORS = "plivo"

    def sign(self, request, *, secret, at):
        """Sign with version 3, as Plivo's documentation says."""
        parts = urlsplit(request.url)
        query = "&".join(
            f"{name}={value}"
            for name, values in sorted(parse_qs(parts.query, keep_blank_values=True).items())
            for value in sorted(values)
        )
        fields = "".join(
            name + value
            for name, values in sorted(parse_qs(request.body.decode("latin-1"), keep_blank_values=True).items())
            for value in sorted(values)
        )
        signed = f"{parts.scheme}://{parts.netloc}{parts.path}?{query}{'.' if query and fields else ''}{fields}.{NONCE}"
        if not query and not fields:
            signed = f"{parts.scheme}://{parts.netloc}{parts.path}.{NONCE}"
        headers = {"x-plivo-signature-v3": signature(secret, signed), "x-plivo-signature-v3-nonce": NONCE}
        return replace(request, headers=dict(request.headers) | headers)


PLIVO = TestPlivo()


def test_what_is_sent():
    """A JSON document with our number, our text, how long it is valid and where to call us; and Basic credentials."""
    with Peer(answering(PLIVO.accept)) as peer:
        PLIVO.submit_one(PLIVO.provider(peer.url))
    (request,) = peer.requests
    assert request.path == "/v1/Account/MAMTMZMZMZMZMZMZMZMZ/Message/"
    assert request.json == {
        "src": "MyCorp",
        "dst": SUBMISSION.recipient.removeprefix("+"),
        "text": SUBMISSION.text,
        "type": "sms",
        "message_expiry": 3600,
        "url": f"{STATUS_URL}?attempt={ATTEMPT_ID}",
        "method": "POST",
    }
    credentials = b64encode(b"MAMTMZMZMZMZMZMZMZMZ:" + PLIVO.SETUP["auth_token"].encode()).decode()
    assert request.headers["authorization"] == f"Basic {credentials}"


@pytest.mark.parametrize(
    ("ours", "theirs"), [(None, None), (0, 5), (5, 5), (10_799, 10_799), (10_800, 10_799), (9**9, 10_799)]
)
def test_the_validity_that_plivo_takes(ours, theirs):
    """From 5 to 10,799 seconds; what lies outside becomes the nearest, and none stays none."""
    document = PLIVO.provider()._document(replace(SUBMISSION, valid_for=ours))
    assert document.get("message_expiry") == theirs


def test_a_powerpack_chooses_the_sender():
    """Then Plivo takes no other."""
    document = PLIVO.provider(powerpack_uuid="86bbb125-97bb-4d72-89fd-81d5c515b015")._document(SUBMISSION)
    assert (document["powerpack_uuid"], "src" in document) == ("86bbb125-97bb-4d72-89fd-81d5c515b015", False)


@pytest.mark.parametrize(
    ("word", "code", "status", "error"),
    [
        ("undelivered", "30", Status.UNDELIVERED, ProviderError.CONTENT_FILTERED),
        ("failed", "200", Status.FAILED, ProviderError.RECIPIENT_OPTED_OUT),
        ("failed", "420", Status.EXPIRED, ProviderError.EXPIRED_CARRIER),
        ("undelivered", "31337", Status.UNDELIVERED, ProviderError.UNCLASSIFIED),
    ],
)
def test_a_receipt_with_an_error(word, code, status, error):
    """The whole report: why, in our words and in Plivo's, and what it cost."""
    request = PLIVO.status(word)
    request = replace(request, body=request.body + f"&ErrorCode={code}".encode())
    assert PLIVO.provider().receipts(request) == [
        DeliveryReport(UUID_, word, status, ATTEMPT_ID, error, code, None, Price(Decimal("0.0130"), "USD"))
    ]


def test_receipts_may_come_by_get():
    """Then the fields are in the query, and a body that nobody signed says nothing."""
    request = PLIVO.status("delivered")
    got = replace(request, method="GET", body=b"Status=failed", url=f"{request.url}&{request.body.decode()}")
    (report,) = PLIVO.provider().receipts(got)
    assert (report.provider_status, report.client_reference) == ("delivered", ATTEMPT_ID)


def test_the_main_account_may_sign():
    """Where a subaccount sends, the main account's token is as good; without it, it is not."""
    url = STATUS_URL
    headers = {
        "x-plivo-signature-ma-v2": signature(MAIN_TOKEN, url + NONCE),
        "x-plivo-signature-v2-nonce": NONCE,
    }
    request = WebhookRequest(headers=headers, body=b"", url=url)
    PLIVO.provider().verify(request)
    with pytest.raises(SignatureRefused):
        PLIVO.provider(main_auth_token="").verify(request)
    swapped = replace(request, headers={"x-plivo-signature-v2": headers["x-plivo-signature-ma-v2"], **headers})
    with pytest.raises(SignatureRefused):
        PLIVO.provider().verify(swapped)


def test_a_webhook_token_is_asked_for_where_one_is_set():
    """The usual signature covers the address alone, so that the address may be made a secret."""
    provider = PLIVO.provider(webhook_token="new-and-unguessable,old-and-unguessable")
    signed = PLIVO.good()
    provider.verify(replace(signed, token="old-and-unguessable"))
    for token in (None, "", "something-else"):
        with pytest.raises(SignatureRefused):
            provider.verify(replace(signed, token=token))


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
PAIRS = st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=5)
ASCII = st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=20)
ASCII_PAIRS = st.dictionaries(ASCII.filter(bool), ASCII, max_size=5)  # the SDK breaks off at a query with more
METHODS = st.sampled_from(["GET", "POST"])
TOKENS = st.text("abcdefXYZ0123456789", min_size=1, max_size=40)
NONCES = st.text("0123456789", min_size=1, max_size=20)
PATHS = st.sampled_from(["", "/", "/hooks/plivo", "/a%20b/"])


def url_of(path, pairs):
    """A public address with a query."""
    return f"https://sms.example.org{path}" + (f"?{urlencode(pairs)}" if pairs else "")


@given(path=PATHS, query=PAIRS, token=TOKENS, nonce=NONCES)
def test_version_2_as_the_sdk(path, query, token, nonce):
    """What we would sign the SDK verifies, and what the SDK would not we do not."""
    url = url_of(path, query)
    good = signature(token, url.partition("?")[0] + nonce)
    assert validate_signature(url, nonce, good, token)
    headers = {"x-plivo-signature-v2": good, "x-plivo-signature-v2-nonce": nonce}
    request = WebhookRequest(headers=headers, body=b"", url=url)
    PLIVO.provider(auth_token=token).verify(request)
    assert not validate_signature(url, nonce + "1", good, token)
    with pytest.raises(SignatureRefused):
        PLIVO.provider(auth_token=token).verify(
            replace(request, headers=headers | {"x-plivo-signature-v2-nonce": nonce + "1"})
        )


@given(path=PATHS, query=ASCII_PAIRS, fields=PAIRS, keys=st.tuples(TOKENS, NONCES), method=METHODS)
def test_version_3_as_the_sdk(path, query, fields, keys, method):
    """The SDK signs, we verify; and a change that it refuses, we refuse."""
    token, nonce = keys
    url = url_of(path, query)
    sent = fields if method == "POST" else {}
    make = signature_v3.construct_post_url if method == "POST" else signature_v3.construct_get_url
    signed = signature_v3.get_signature_v3(token.encode(), make(url, dict(sent)).decode(), nonce.encode()).decode()
    headers = {"x-plivo-signature-v3": f"AAAA,{signed}", "x-plivo-signature-v3-nonce": nonce}
    request = WebhookRequest(headers=headers, body=urlencode(sent).encode(), method=method, url=url)
    PLIVO.provider(auth_token=token).verify(request)
    assert validate_v3_signature(method, url, nonce, token, signed, dict(sent))
    more = url + ("&" if query else "?") + "more=1"
    assert not validate_v3_signature(method, more, nonce, token, signed, dict(sent))
    with pytest.raises(SignatureRefused):
        PLIVO.provider(auth_token=token).verify(replace(request, url=more))
