"""Jasmin: the contract of all providers, and Jasmin's own words."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest

from sms.errors import InvalidInbound
from sms.providers.base import DeliveryReport, Outcome, Reply, Setup, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.jasmin import Jasmin
from sms.statuses import Status
from tests.privacy import NUMBER, TEXT
from tests.sms.providers.contract import Inbound, ProviderContract
from tests.sms.providers.peer import Peer, Says, answering
from tests.sms.providers.subject import ATTEMPT_ID, INBOUND_URL, STATUS_URL, SUBMISSION

ID = "07033084-5cfd-4812-90a4-e4d24ffb6e3d"
FORM = {"content-type": "application/x-www-form-urlencoded"}
NOT_SENT = Outcome.not_sent


def no(status, words):
    """Return a refusal as Jasmin words it."""
    return Says(status, f'Error "{words}"'.encode(), {"Content-Type": "text/plain"})


class TestJasmin(Inbound, ProviderContract):
    """Jasmin keeps the contract."""

    PROVIDER = Jasmin
    SETUP = {"username": "tester", "password": "jasmin-pass", "webhook_token": "jasmin-token-1"}
    YES = Outcome.sent(ID)
    REFUSALS = (
        (
            no(403, "User throughput exceeded"),
            NOT_SENT(ProviderError.PROVIDER_THROTTLED, "HTTP 403: throughput exceeded"),
        ),
        (
            no(403, "Authentication failure for username:tester"),
            NOT_SENT(ProviderError.PROVIDER_AUTH, "HTTP 403: Authentication failure"),
        ),
        (
            no(403, "Cannot charge submit_sm, check RouterPB log file for details"),
            NOT_SENT(ProviderError.PROVIDER_FUNDS, "HTTP 403: Cannot charge"),
        ),
        (no(412, "No route found"), NOT_SENT(ProviderError.NO_ROUTE, "HTTP 412: No route found")),
        (
            no(412, "Failover route has no bound connectors"),
            NOT_SENT(ProviderError.PROVIDER_UNAVAILABLE, "HTTP 412: no bound connectors"),
        ),
        (
            no(400, "Argument [to] has an invalid value: [+12]."),
            NOT_SENT(ProviderError.INVALID_DESTINATION, "HTTP 400: Argument [to] has an invalid value"),
        ),
        (
            no(400, "Value filter failed for user [x] (source_address filter mismatch)."),
            NOT_SENT(ProviderError.SENDER_NOT_ALLOWED, "HTTP 400: source_address filter mismatch"),
        ),
        (no(400, "Something new"), NOT_SENT(ProviderError.UNCLASSIFIED, "HTTP 400")),
        (no(503, "InterceptorPB not connected !"), NOT_SENT(ProviderError.PROVIDER_UNAVAILABLE, "HTTP 503")),
    )
    NO_YES = (*ProviderContract.NO_YES, Says(200, b'Success ""'), Says(200, b'Error "x"'), Says(200, b'Success "a" x'))
    SIGNING_OPTION, SIGNING_SECRET, OTHER_SECRET = "webhook_token", "jasmin-token-1", "jasmin-token-2"
    COVERS = ()  # a token covers nothing
    UNKNOWN_WORD = "ESME_RTHROTTLED"  # tried again by Jasmin itself
    ACKNOWLEDGEMENT = b"ACK/Jasmin"

    def accept(self, received):
        return Says(200, f'Success "{ID}"'.encode(), {"Content-Type": "text/plain"})

    def status(self, word):
        return receipt(message_status=word)

    def sign(self, request, *, secret, at):
        return replace(request, token=secret)

    def inbound_text(self, text, *, sender, recipient):
        return handset(text.encode("utf-16-be"), coding="8", sender=sender, recipient=recipient)

    def test_what_is_asked(self):
        """Receipts of both levels are asked for, at an address that names the attempt."""
        assert self.asked(SUBMISSION) == {
            "username": "tester",
            "password": "jasmin-pass",
            "from": "MyCorp",
            "to": NUMBER,
            "coding": "0",
            "content": TEXT,
            "validity-period": "60",
            "dlr": "yes",
            "dlr-url": f"{STATUS_URL}?a={ATTEMPT_ID}",
            "dlr-level": "3",
            "dlr-method": "POST",
        }

    def test_a_text_that_gsm_cannot_say_is_sent_as_ucs2(self):
        """Jasmin would put question marks in its place; so it gets the octets."""
        asked = self.asked(replace(SUBMISSION, text="я😀", valid_for=30))
        assert (asked["coding"], asked["hex-content"]) == ("8", "044fd83dde00")
        assert asked["validity-period"] == "1"
        assert "content" not in asked

    def test_no_receipts_are_asked_for_without_an_address(self):
        """Where the operator has not said how we are reached, nothing points anywhere."""
        with Peer(answering(self.accept)) as peer:
            setup = Setup(route="primary", options=self.setup({"base_url": peer.url}).options)
            self.submit_one(Jasmin.from_setup(setup))
        form = peer.requests[0].form
        assert (form["dlr"], "dlr-url" in form) == ("no", False)

    def asked(self, submission):
        """Return the fields of the request that a message becomes."""
        with Peer(answering(self.accept)) as peer:
            self.submit(self.provider(peer.url), submission)
        assert (peer.requests[0].method, peer.requests[0].target) == ("POST", "/send")
        return peer.requests[0].form

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ({"message_status": "DELIVRD", "err": "000"}, (Status.DELIVERED, None, None)),
            ({"message_status": "UNDELIV", "err": "001"}, (Status.UNDELIVERED, ProviderError.UNCLASSIFIED, "001")),
            ({"message_status": "EXPIRED", "err": "000"}, (Status.EXPIRED, ProviderError.EXPIRED_CARRIER, None)),
            ({"message_status": "UNKNOWN", "err": ""}, (None, None, None)),
            ({"message_status": "ESME_ROK", "level": "1"}, (Status.SENT, None, None)),
            (
                {"message_status": "ESME_RINVDSTADR", "level": "1"},
                (Status.REJECTED, ProviderError.INVALID_DESTINATION, "ESME_RINVDSTADR"),
            ),
            (
                {"message_status": "ESME_RTHROTTLED", "level": "1"},
                (None, ProviderError.PROVIDER_THROTTLED, "ESME_RTHROTTLED"),
            ),
            ({"message_status": "ESME_RNEW", "level": "1"}, (None, ProviderError.UNCLASSIFIED, "ESME_RNEW")),
        ],
    )
    def test_receipts_of_both_levels(self, said, expected):
        """The SMSC's answer and the handset's receipt come to one address; Jasmin's own tries are not the end."""
        status, error, code = expected
        assert self.verifying().receipts(receipt(**said)) == [
            DeliveryReport(
                provider_reference=ID,
                provider_status=said["message_status"],
                status=status,
                client_reference=ATTEMPT_ID,
                error=error,
                provider_error=code,
            )
        ]

    def test_a_receipt_by_get(self):
        """Some have set dlr-method to GET for all."""
        posted = receipt()
        url = f"{posted.url}&{posted.body.decode()}"
        asked = WebhookRequest(headers={}, body=b"", method="GET", url=url)
        assert self.verifying().receipts(asked) == self.verifying().receipts(posted)

    @pytest.mark.parametrize(
        ("octets", "coding", "text"),
        [
            (b"\x00 \x1be", "0", "@ €"),
            (b"\x00 \x1be", "\0", "@ €"),
            ("я".encode("utf-16-be"), "\x08", "я"),
            ("я".encode("utf-16-be"), "8", "я"),
            ("é".encode("latin-1"), "3", "é"),
            (b"Hello", "", "Hello"),
            (b"Hello", "\u20ac", "Hello"),
        ],
    )
    def test_a_text_in_its_own_coding(self, octets, coding, text):
        """The coding comes as a number or as the octet itself, and the octets are what was sent."""
        (found,) = self.verifying().inbound(handset(octets, coding=coding))
        assert found.text == text

    def test_a_text_without_octets(self):
        """An older Jasmin sends the content alone."""
        request = handset(b"Hello", coding="0")
        request = replace(request, body=request.body.replace(b"binary=", b"other="))
        (found,) = self.verifying().inbound(request)
        assert found.text == "Hello"

    def test_octets_that_are_none(self):
        """Nothing is guessed."""
        request = handset(b"Hello", coding="0")
        with pytest.raises(InvalidInbound, match="'binary'"):
            self.verifying().inbound(replace(request, body=request.body.replace(b"binary=", b"binary=zz")))

    def test_the_acknowledgement(self):
        """Anything but these words, with a 200, makes Jasmin call again."""
        assert self.verifying().reply(receipt()) == Reply(200, b"ACK/Jasmin")


def receipt(**said):
    """Return a receipt as Jasmin sends it."""
    fields = {"id": ID, "level": "2", "message_status": "DELIVRD", "connector": "c-1", "id_smsc": "1", **said}
    return WebhookRequest(headers=FORM, body=urlencode(fields).encode(), url=f"{STATUS_URL}t?a={ATTEMPT_ID}")


def handset(octets, *, coding, sender=NUMBER, recipient="1234"):
    """Return a text as Jasmin sends it."""
    fields = {
        "id": ID, "from": sender, "to": recipient, "origin-connector": "c-1", "priority": "0", "coding": coding,
        "validity": "None", "content": octets, "binary": octets.hex(),
    }  # fmt: skip
    return WebhookRequest(headers=FORM, body=urlencode(fields).encode(), url=f"{INBOUND_URL}t")
