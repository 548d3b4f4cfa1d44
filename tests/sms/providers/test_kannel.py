"""Kannel's adapter: what its words mean; the real program is in `test_real_kannel.py`."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import pytest

from sms.errors import InvalidReceipt
from sms.providers.base import DeliveryReport, InboundText, Outcome, Setup, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.kannel import Kannel
from sms.statuses import Status
from tests.privacy import NUMBER, TEXT
from tests.sms.providers.contract import Inbound, ProviderContract
from tests.sms.providers.peer import Peer, Says, answering
from tests.sms.providers.subject import ATTEMPT_ID, INBOUND_URL, STATUS_URL, SUBMISSION

NOT_SENT = Outcome.not_sent


def no(status, words):
    """Return a refusal as Kannel words it."""
    return Says(status, words.encode(), {"Content-Type": "text/html"})


class TestKannel(Inbound, ProviderContract):
    """Kannel keeps the contract."""

    PROVIDER = Kannel
    SETUP = {"username": "tester", "password": "kannel-password", "webhook_token": "kannel-token-1"}
    YES = Outcome.sent(str(ATTEMPT_ID))
    REFUSALS = (
        (
            no(403, "Authorization failed for sendsms"),
            NOT_SENT(ProviderError.PROVIDER_AUTH, "HTTP 403: Authorization failed"),
        ),
        (no(403, "Not routable. Do not try again."), NOT_SENT(ProviderError.NO_ROUTE, "HTTP 403: Not routable")),
        (
            no(400, "Missing receiver number, rejected"),
            NOT_SENT(ProviderError.INVALID_DESTINATION, "HTTP 400: Missing receiver number"),
        ),
        (
            no(400, "Sender missing and no global set, rejected"),
            NOT_SENT(ProviderError.SENDER_NOT_ALLOWED, "HTTP 400: Sender missing"),
        ),
        (
            no(400, "Number(s) has/have been denied by white- and/or black-lists."),
            NOT_SENT(ProviderError.NO_ROUTE, "HTTP 400: white- and/or black-lists"),
        ),
        (
            no(503, "Temporal failure, try again later."),
            NOT_SENT(ProviderError.PROVIDER_UNAVAILABLE, "HTTP 503: Temporal failure"),
        ),
        (no(400, "Something new"), NOT_SENT(ProviderError.UNCLASSIFIED, "HTTP 400")),
    )
    SIGNING_OPTION, SIGNING_SECRET, OTHER_SECRET = "webhook_token", "kannel-token-1", "kannel-token-2"
    COVERS = ()  # a token covers nothing
    UNKNOWN_WORD = "66"

    def accept(self, received):
        return Says(202, b"0: Accepted for delivery", {"Content-Type": "text/html"})

    def status(self, word):
        return receipt(d=word)

    def sign(self, request, *, secret, at):
        return replace(request, token=secret)

    def inbound_text(self, text, *, sender, recipient):
        return handset(text=text, sender=sender, recipient=recipient)

    def test_queued_for_later_is_taken(self):
        """Kannel keeps a message while no SMSC is connected."""
        with Peer(answering(Says(202, b"3: Queued for later delivery"))) as peer:
            assert self.submit_one(self.provider(peer.url)) == self.YES

    def test_what_is_asked(self):
        """All receipts are asked for, and the escapes reach Kannel as escapes."""
        assert self.asked(SUBMISSION, smsc="ONE") == {
            "username": "tester",
            "password": "kannel-password",
            "smsc": "ONE",
            "from": "MyCorp",
            "to": NUMBER,
            "text": TEXT,
            "charset": "UTF-8",
            "validity": "60",
            "dlr-mask": "31",
            "dlr-url": f"{STATUS_URL}?a={ATTEMPT_ID}&d=%d&A=%A&F=%F&I=%I",
        }

    def test_a_text_that_gsm_cannot_say_is_sent_as_ucs2(self):
        """Else Kannel puts other characters in place of what it cannot say, without a word."""
        asked = self.asked(replace(SUBMISSION, text="я€ç", valid_for=None))
        assert (asked["text"], asked["coding"], asked["charset"]) == ("я€ç", "2", "UTF-8")
        assert "validity" not in asked

    def test_a_validity_of_less_than_a_minute_is_one(self):
        """Kannel counts minutes, and none would be its own default."""
        assert self.asked(replace(SUBMISSION, valid_for=59))["validity"] == "1"

    def test_no_receipts_are_asked_for_without_an_address(self):
        """Where the operator has not said how we are reached, nothing points anywhere."""
        with Peer(answering(self.accept)) as peer:
            setup = self.setup({"base_url": peer.url})
            provider = Kannel.from_setup(Setup(route="primary", options=setup.options))
            self.submit_one(provider)
        assert not {"dlr-mask", "dlr-url"} & peer.requests[0].query.keys()

    def asked(self, submission, **options):
        """Return the fields of the request that a message becomes."""
        with Peer(answering(self.accept)) as peer:
            self.submit(self.provider(peer.url, **options), submission)
        assert peer.requests[0].path == "/cgi-bin/sendsms"
        return peer.requests[0].query

    @pytest.mark.parametrize(
        ("d", "answer", "report"),
        [
            (
                "2",
                "id:1 sub:001 dlvrd:000 stat:EXPIRED err:000 text:",
                ("2 EXPIRED", Status.EXPIRED, "EXPIRED_CARRIER"),
            ),
            ("2", "id:1 stat:REJECTD err:069 text:", ("2 REJECTD", Status.REJECTED, "UNCLASSIFIED", "069")),
            ("2", "id:1 stat:undeliv err:001", ("2 UNDELIV", Status.UNDELIVERED, "UNCLASSIFIED", "001")),
            ("2", "id:1 stat:UNKNOWN", ("2 UNKNOWN", None)),
            ("2", "id:1 stat:NOTHING", ("2 NOTHING", Status.UNDELIVERED)),
            ("2", "", ("2", Status.UNDELIVERED)),
            ("1", "id:1 stat:DELIVRD err:000", ("1", Status.DELIVERED)),
            ("8", "ACK/", ("8", Status.SENT)),
            (
                "16",
                "NACK/0x0000000b/Invalid Destination",
                ("16", Status.REJECTED, "INVALID_DESTINATION", "0x0000000b"),
            ),
            ("16", "NACK/0x0000000A/", ("16", Status.REJECTED, "SENDER_NOT_ALLOWED", "0x0000000a")),
            ("16", "NACK/0x000000ff/x", ("16", Status.REJECTED, "UNCLASSIFIED", "0x000000ff")),
            ("16", "NACK/REJECTED", ("16", Status.REJECTED)),
            ("34", "", ("34", Status.EXPIRED, "EXPIRED_CARRIER")),
        ],
    )
    def test_what_the_smsc_said(self, d, answer, report):
        """What Kannel passes on of the SMSC's words says why, and more exactly what."""
        word, status, error, code = (*report, None, None)[:4]
        assert Kannel.from_setup(self.setup({})).receipts(receipt(d=d, A=answer)) == [
            DeliveryReport(
                provider_reference=str(ATTEMPT_ID),
                provider_status=word,
                status=status,
                client_reference=ATTEMPT_ID,
                error=None if error is None else ProviderError(error),
                provider_error=code,
            )
        ]

    def test_a_text_in_its_own_charset(self):
        """Kannel hands on what it got, and says what that is."""
        request = handset(text="я€ 😀", charset="UTF-16BE", coding="2")
        assert self.verifying().inbound(request) == [
            InboundText(
                provider_reference="8b7cdcc8-1270-43e1-82bc-84546f00f18d",
                sender=NUMBER,
                recipient="1234",
                text="я€ 😀",
                received_at=datetime(2026, 11, 25, 23, 25, 37, tzinfo=UTC),
            )
        ]

    @pytest.mark.parametrize("charset", ["", "x-never-heard-of", "base64", "\0", "é"])
    def test_a_text_in_no_charset_is_taken_for_utf8(self, charset):
        """A text is better kept with a mistake than lost."""
        url = handset(text="Hello").url.replace("charset=UTF-8", f"charset={quote(charset)}")
        (found,) = self.verifying().inbound(WebhookRequest({}, b"", "GET", url))
        assert found.text == "Hello"

    def test_a_text_from_nobody_is_refused(self):
        """The configuration misses something; the sentence names it."""
        url = handset(text="Hello").url.replace("from=", "form=")
        with pytest.raises(InvalidReceipt, match="'from'"):
            self.verifying().inbound(WebhookRequest({}, b"", "GET", url))

    def test_the_reply_to_a_text_is_empty_and_a_200(self):
        """Anything else would be sent to the handset, or come again."""
        reply = self.verifying().reply(handset(text="Hello"))
        assert (reply.status, reply.body) == (200, b"")

    def test_a_token_that_cannot_stand_in_an_address(self):
        """It is refused, and not repeated."""
        with pytest.raises(ValueError, match="'webhook_token'") as refusal:
            self.provider(webhook_token="sl/ash")
        assert "sl/ash" not in str(refusal.value)


def receipt(**said):
    """Return a receipt as Kannel sends it."""
    query = urlencode({"a": str(ATTEMPT_ID), "d": "1", "A": "", "F": "f-1", "I": "i-1", **said})
    return WebhookRequest(headers={"user-agent": "Kannel/1.4.5"}, body=b"", method="GET", url=f"{STATUS_URL}t?{query}")


def handset(*, text, sender=NUMBER, recipient="1234", charset="UTF-8", coding="0"):
    """Return a text as Kannel hands it on: its octets, percent-encoded."""
    fields = {
        "from": sender,
        "to": recipient,
        "text": text.encode(charset),
        "id": "8b7cdcc8-1270-43e1-82bc-84546f00f18d",
        "ts": "1795649137",
        "coding": coding,
        "charset": charset,
    }
    url = f"{INBOUND_URL}t?{urlencode(fields)}"
    return WebhookRequest(headers={"user-agent": "Kannel/1.4.5"}, body=b"", method="GET", url=url)
