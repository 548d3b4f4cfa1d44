"""Sinch: the contract of all providers, its reports on recipients and batches, and its signature."""

import hashlib
import hmac
import json
import time
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sinch.domains.sms.sinch_events.v1 import SmsSinchEvent

from sms.errors import InvalidReceipt, SignatureRefused
from sms.providers.base import DeliveryReport, Finding, InboundText, Outcome, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.http import client
from sms.providers.sinch import Sinch
from sms.statuses import Status
from tests.privacy import NUMBER, TEXT
from tests.sms.providers.contract import Inbound, ProviderContract
from tests.sms.providers.peer import Peer, Says, answering, nobody_listens
from tests.sms.providers.subject import ATTEMPT_ID, INBOUND_URL, STATUS_URL, SUBMISSION

BATCH = "01FC66621XXXXX119Z8PMV1QPQ"
SECRET = "foo_secret1234"
HEADER = "x-sinch-webhook-signature"
NONCE = "01FJA8B4A7BM43YGWSG9GBV067"


def request(document, url=STATUS_URL):
    """Return a request, not signed."""
    return WebhookRequest({"content-type": "application/json"}, json.dumps(document).encode(), url=url)


def recipient_report(word, code=401):
    """Return the document of a report on one recipient."""
    return {
        "type": "recipient_delivery_report_sms", "batch_id": BATCH, "recipient": NUMBER[1:], "code": code,
        "status": word, "at": "2026-11-23T05:30:00.000Z", "operator_status_at": "2026-11-23T05:30:00.000Z",
        "client_reference": str(ATTEMPT_ID),
    }  # fmt: skip


def signed(unsigned, secret, at, **headers):
    """Sign as Sinch's documentation says."""
    timestamp = str(int(at))
    over = b".".join([unsigned.body, NONCE.encode(), timestamp.encode()])
    signature = b64encode(hmac.new(secret.encode(), over, hashlib.sha256).digest()).decode()
    added = {HEADER: signature, f"{HEADER}-nonce": NONCE, f"{HEADER}-timestamp": timestamp}
    return replace(unsigned, headers={**unsigned.headers, **added, **headers})


class TestSinch(Inbound, ProviderContract):
    """Sinch keeps the contract."""

    PROVIDER = Sinch
    SETUP = {"service_plan_id": "plan/1", "api_token": "the-api-token", "webhook_secret": SECRET}
    YES = Outcome.sent(BATCH)
    SIGNING_OPTION = "webhook_secret"
    SIGNING_SECRET = SECRET
    OTHER_SECRET = "bar_secret4321"
    IS_TIMED = True
    FREE_HEADERS = (f"{HEADER}-algorithm",)
    REFUSALS = (
        (
            Says.json(400, {"code": "syntax_invalid_parameter_format", "text": "words"}),
            Outcome.not_sent(
                ProviderError.UNCLASSIFIED,
                "HTTP 400, code syntax_invalid_parameter_format",
                provider_error="syntax_invalid_parameter_format",
            ),
        ),
        (
            Says.json(401, {"code": "unauthorized", "text": "words"}),
            Outcome.not_sent(ProviderError.PROVIDER_AUTH, "HTTP 401, code unauthorized", provider_error="unauthorized"),
        ),
    )

    def accept(self, received):
        """Answer as Sinch does to a batch."""
        document = received.json
        return Says.json(201, {
            "id": BATCH, "to": document["to"], "from": document["from"], "canceled": False, "body": document["body"],
            "type": "mt_text", "created_at": "2026-11-23T05:30:00.000Z", "modified_at": "2026-11-23T05:30:00.000Z",
            "client_reference": document["client_reference"],
        })  # fmt: skip

    def refuse(self, words):
        """Quote something."""
        return Says.json(400, {"code": "syntax_constraint_violation", "text": words})

    def status(self, word):
        """Return Sinch's report on a recipient."""
        return request(recipient_report(word))

    def inbound_text(self, text, *, sender, recipient):
        """Return Sinch's request for a text."""
        document = {
            "type": "mo_text", "id": BATCH, "from": sender.removeprefix("+"), "to": recipient.removeprefix("+"),
            "body": text, "received_at": "2026-11-23T05:30:00.000Z", "operator_id": "62001",
        }  # fmt: skip
        return request(document, INBOUND_URL)

    def sign(self, request, *, secret, at):
        """Sign as Sinch's documentation says."""
        return signed(request, secret, at, **{f"{HEADER}-algorithm": "HmacSHA256"})

    def received(self, submission=SUBMISSION):
        """Return the request that leaves for a message."""
        with Peer(answering(self.accept)) as peer:
            self.submit(self.provider(peer.url), submission)
        (found,) = peer.requests
        assert (found.method, found.path) == ("POST", "/xms/v1/plan%2F1/batches")
        return found

    def test_the_request(self):
        """Exactly this document leaves, to one recipient, with the time when the validity passes."""
        began = datetime.now(UTC)
        found = self.received()
        document = found.json
        expires = datetime.fromisoformat(document.pop("expire_at"))
        assert timedelta() <= expires - began - timedelta(seconds=3599) <= timedelta(seconds=5)
        assert found.headers["authorization"] == "Bearer the-api-token"
        assert document == {
            "type": "mt_text",
            "from": "MyCorp",
            "to": [NUMBER[1:]],
            "body": TEXT,
            "client_reference": str(ATTEMPT_ID),
            "delivery_report": "per_recipient",
            "callback_url": STATUS_URL,
        }

    def test_the_validity_stays_within_the_bounds(self):
        """Sinch refuses more than three days; without a validity its own holds."""
        expires = datetime.fromisoformat(self.received(replace(SUBMISSION, valid_for=10**9)).json["expire_at"])
        assert abs(expires - datetime.now(UTC) - timedelta(days=3)) < timedelta(seconds=5)
        assert "expire_at" not in self.received(replace(SUBMISSION, valid_for=None)).json

    @pytest.mark.parametrize("word", ["Delivered", "DELIVERED", "delivered"])
    def test_the_case_of_a_word_means_nothing(self, word):
        """Their pages write it in one way, their SDK in another."""
        assert self.verifying().receipts(request(recipient_report(word, 0))) == [
            DeliveryReport(BATCH, word, Status.DELIVERED, ATTEMPT_ID)
        ]

    @pytest.mark.parametrize(
        ("word", "code", "status", "error"),
        [
            ("Queued", 400, Status.SENT, None),
            ("Dispatched", 401, Status.SENT, None),
            ("Delivered", 0, Status.DELIVERED, None),
            ("Aborted", 402, Status.REJECTED, ProviderError.NO_ROUTE),
            ("Aborted", 403, Status.FAILED, ProviderError.NETWORK_FAILURE),
            ("Aborted", 404, Status.UNDELIVERED, ProviderError.NETWORK_FAILURE),
            ("Aborted", 405, Status.REJECTED, ProviderError.CONTENT_INVALID),
            ("Aborted", 406, Status.EXPIRED, ProviderError.EXPIRED_CARRIER),
            ("Cancelled", 407, Status.FAILED, ProviderError.UNCLASSIFIED),
            ("Aborted", 408, Status.REJECTED, ProviderError.UNCLASSIFIED),
            ("Aborted", 410, Status.REJECTED, ProviderError.SENDER_NOT_ALLOWED),
            ("Aborted", 413, Status.REJECTED, ProviderError.PROVIDER_FUNDS),
            ("Failed", 27, Status.UNDELIVERED, ProviderError.UNCLASSIFIED),
            ("Failed", 404, Status.UNDELIVERED, ProviderError.NETWORK_FAILURE),
            ("Failed", 403, Status.UNDELIVERED, ProviderError.NETWORK_FAILURE),
            ("Expired", 406, Status.EXPIRED, ProviderError.EXPIRED_CARRIER),
            ("Unknown", 1, None, ProviderError.UNCLASSIFIED),
        ],
    )
    def test_words_and_codes(self, word, code, status, error):
        """Where the word is "Aborted", the code says what came of it."""
        (report,) = self.verifying().receipts(request(recipient_report(word, code)))
        assert (report.status, report.error) == (status, error)
        assert report.provider_error == (str(code) if error else None)

    def test_a_report_on_a_batch(self):
        """Each of its entries becomes a report, and keeps its part of the body."""
        entries = [{"code": 404, "status": "Failed", "count": 1, "recipients": [NUMBER[1:]]}]
        entries += [{"code": 0, "status": "Delivered", "count": 1}]
        document = {
            "type": "delivery_report_sms", "batch_id": BATCH, "total_message_count": 2, "statuses": entries,
            "client_reference": str(ATTEMPT_ID),
        }  # fmt: skip
        reports = self.verifying().receipts(request(document))
        assert [json.loads(report.body) for report in reports] == [document | {"statuses": [one]} for one in entries]
        failure = {"error": ProviderError.NETWORK_FAILURE, "provider_error": "404"}
        assert [replace(report, body=None) for report in reports] == [
            DeliveryReport(BATCH, "Failed", Status.UNDELIVERED, ATTEMPT_ID, **failure),
            DeliveryReport(BATCH, "Delivered", Status.DELIVERED, ATTEMPT_ID),
        ]

    @pytest.mark.parametrize("statuses", [None, {}, "x", [None], [{"code": 0}]])
    def test_a_report_on_a_batch_that_is_none(self, statuses):
        """It is refused as a whole."""
        document = {"type": "delivery_report_sms", "batch_id": BATCH, "statuses": statuses}
        with pytest.raises(InvalidReceipt):
            self.verifying().receipts(request(document))

    def test_an_inbound_text(self):
        """As a whole."""
        assert self.verifying().inbound(self.inbound_text("Hello", sender=NUMBER, recipient="12345")) == [
            InboundText(BATCH, NUMBER, "12345", "Hello", datetime(2026, 11, 23, 5, 30, tzinfo=UTC))
        ]

    @pytest.mark.parametrize("kind", ["mo_binary", "mo_media", "something_new"])
    def test_what_is_neither_report_nor_text(self, kind):
        """It is answered, so that it does not come for days, and gives nothing."""
        document = {"type": kind, "id": BATCH, "from": NUMBER[1:], "to": "12345", "body": "AAEC"}
        assert self.verifying().receipts(request(document)) == []
        assert self.verifying().inbound(request(document)) == []

    def test_a_refusal_makes_sinch_try_again(self):
        """After a 4xx they never do, and the receipt would be lost for a clock or a secret of ours that is wrong."""
        assert 500 <= Sinch.WHEN_REFUSED < 600

    def look_up(self, says):
        """Return what a look-up finds, and what it asked."""
        with Peer(answering(says)) as peer:
            (finding,) = client.run(self.provider(peer.url).look_up([ATTEMPT_ID]))
        (asked,) = peer.requests
        assert (asked.method, asked.path) == ("GET", "/xms/v1/plan%2F1/batches")
        assert asked.query == {"client_reference": str(ATTEMPT_ID), "page_size": "1"}
        assert asked.headers["authorization"] == "Bearer the-api-token"
        return finding

    def test_a_look_up_finds_by_our_reference(self):
        """The batch with our own reference is the message."""
        batches = [{"id": BATCH, "client_reference": str(ATTEMPT_ID)}]
        assert self.look_up(Says.json(200, {"count": 1, "batches": batches})) == Finding.found(BATCH)

    @pytest.mark.parametrize(
        "says",
        [
            Says.json(200, {"count": 0, "batches": []}),
            Says.json(200, {"batches": [{"id": BATCH, "client_reference": "another"}, None, {"id": BATCH}]}),
            Says.json(200, {"batches": [{"client_reference": str(ATTEMPT_ID)}]}),
            Says.json(200, {"batches": {}}),
            Says.json(404, {}),
            Says(500),
            Says(200, b"<html>"),
        ],
        ids=str,
    )
    def test_what_is_not_listed_may_be_there(self, says):
        """Nothing is sent again for want of an entry in a list."""
        assert self.look_up(says) == Finding.no_answer()

    def test_a_look_up_without_an_answer(self):
        """Nobody knows."""
        assert client.run(self.provider(nobody_listens()).look_up([ATTEMPT_ID])) == [Finding.no_answer()]


class TestByToken(Inbound):
    """Sinch signs only once it has been set up there: until then a token is in the address."""

    PROVIDER = Sinch
    SETUP = {"service_plan_id": "plan1", "api_token": "the-api-token", "webhook_token": "a-long-random-token"}
    SIGNING_OPTION = "webhook_token"
    SIGNING_SECRET = SETUP["webhook_token"]
    OTHER_SECRET = "another-long-random-token"
    COVERS = ()
    status = TestSinch.status
    inbound_text = TestSinch.inbound_text

    def sign(self, request, *, secret, at):
        """Put the token into the address."""
        return replace(request, token=secret)

    def test_with_both_both_are_needed(self):
        """A token does not stand in for the signature, nor the other way round."""
        provider = self.provider(webhook_secret=SECRET)
        bare = self.status("Delivered")
        by_sinch = signed(bare, SECRET, time.time())
        provider.verify(replace(by_sinch, token=self.SIGNING_SECRET))
        for one in (by_sinch, replace(bare, token=self.SIGNING_SECRET)):
            with pytest.raises(SignatureRefused):
                provider.verify(one)


@given(body=st.text(st.characters(exclude_categories=["Cs"])), spoilt=st.sampled_from(["", "body", "nonce", "secret"]))
def test_the_official_sdk_agrees(body, spoilt):
    """Of a request that was signed just now we say what Sinch's own SDK says of it."""
    secret = TestSinch.OTHER_SECRET if spoilt == "secret" else SECRET
    one = signed(WebhookRequest({}, body.encode()), secret, time.time())
    if spoilt == "body":
        one = replace(one, body=one.body + b" ")
    if spoilt == "nonce":
        one = replace(one, headers={**one.headers, f"{HEADER}-nonce": "x"})
    assert SmsSinchEvent(SECRET).validate_authentication_header(dict(one.headers), one.body) is not bool(spoilt)
    provider = TestSinch().provider()
    if spoilt:
        with pytest.raises(SignatureRefused):
            provider.verify(one)
    else:
        provider.verify(one)


def test_the_official_sdk_reads_the_same():
    """The requests of these tests are what Sinch's own SDK takes for its reports and texts."""
    events = SmsSinchEvent(SECRET)
    report = events.parse_event(recipient_report("Delivered", 0))
    assert (report.batch_id, report.status, report.client_reference) == (BATCH, "Delivered", str(ATTEMPT_ID))
    text = events.parse_event(json.loads(TestSinch().inbound_text("Hi", sender=NUMBER, recipient="12345").body))
    assert (text.id, text.from_, text.to, text.body) == (BATCH, NUMBER[1:], "12345", "Hi")
