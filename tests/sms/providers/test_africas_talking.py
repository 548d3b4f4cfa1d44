"""Africa's Talking: the contract of all providers, and its own words."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from sms.providers.africas_talking import AfricasTalking
from sms.providers.base import DeliveryReport, Outcome, Price, WebhookRequest
from sms.providers.errors import ProviderError
from sms.statuses import Status
from tests.privacy import NUMBER, TEXT
from tests.sms.providers.contract import Inbound, ProviderContract
from tests.sms.providers.peer import Peer, Says, answering
from tests.sms.providers.subject import INBOUND_URL, STATUS_URL, SUBMISSION

ID = "ATXid_1e5e8f1a2b3c4d5e6f708192a3b4c5d6"
FORM = {"content-type": "application/x-www-form-urlencoded"}
NOT_SENT = Outcome.not_sent


def result(code, *, message_id=ID, cost="KES 0.8000"):
    """Return an answer with the result of one recipient."""
    recipient = {"statusCode": code, "number": NUMBER, "status": "x", "cost": cost, "messageId": message_id}
    return answer("Sent to 1/1 Total Cost: KES 0.8000", recipient)


def answer(message, *recipients):
    """Return an answer with results, or none."""
    return Says.json(201, {"SMSMessageData": {"Message": message, "Recipients": list(recipients)}})


class TestAfricasTalking(Inbound, ProviderContract):
    """Africa's Talking keeps the contract."""

    PROVIDER = AfricasTalking
    SETUP = {"username": "sandbox", "api_key": "atsk_for-the-tests", "webhook_token": "at-token-1"}
    YES = Outcome.sent(ID, price=Price(Decimal("0.8000"), "KES"))
    REFUSALS = (
        (
            result(403, message_id="None"),
            NOT_SENT(ProviderError.INVALID_DESTINATION, "code 403", provider_error="403"),
        ),
        (result(406), NOT_SENT(ProviderError.RECIPIENT_OPTED_OUT, "code 406", provider_error="406")),
        (result(405), NOT_SENT(ProviderError.PROVIDER_FUNDS, "code 405", provider_error="405")),
        (
            answer("InvalidSenderId"),
            NOT_SENT(ProviderError.SENDER_NOT_ALLOWED, "no result: InvalidSenderId", provider_error="InvalidSenderId"),
        ),
        (answer("Something new"), NOT_SENT(ProviderError.UNCLASSIFIED, "no result")),
        (Says(400, b"The supplied request is not valid"), NOT_SENT(ProviderError.UNCLASSIFIED, "HTTP 400")),
    )
    NO_YES = (
        *ProviderContract.NO_YES,
        result(500), result(501), result(999), result(101, message_id="None"), result(101, message_id=None), answer(""),
        answer("Sent", {}, {}), Says.json(201, {"SMSMessageData": []}), Says(201, b"The service is busy"),
    )  # fmt: skip
    SIGNING_OPTION, SIGNING_SECRET, OTHER_SECRET = "webhook_token", "at-token-1", "at-token-2"
    COVERS = ()  # a token covers nothing
    ECHOES = False

    def accept(self, received):
        return result(101)

    def refuse(self, words):
        return answer(words)

    def status(self, word):
        return receipt(status=word)

    def sign(self, request, *, secret, at):
        return replace(request, token=secret)

    def inbound_text(self, text, *, sender, recipient):
        return handset(text=text, sender=sender, recipient=recipient)

    @pytest.mark.parametrize("code", [100, 101, 102])
    def test_processed_sent_and_queued_are_taken(self, code):
        """It has the message, and without a price that anybody can read there is none."""
        with Peer(answering(result(code, cost="0"))) as peer:
            assert self.submit_one(self.provider(peer.url)) == Outcome.sent(ID)

    def test_what_is_asked(self):
        """A form to one recipient, with the key in a header."""
        with Peer(answering(self.accept)) as peer:
            self.submit(self.provider(peer.url), SUBMISSION)
        (request,) = peer.requests
        assert (request.method, request.target) == ("POST", "/version1/messaging")
        assert (request.headers["apikey"], request.headers["accept"]) == ("atsk_for-the-tests", "application/json")
        assert request.form == {
            "username": "sandbox",
            "to": NUMBER,
            "message": TEXT,
            "from": "MyCorp",
            "bulkSMSMode": "1",
        }

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ({"status": "Success"}, (Status.DELIVERED, None, None)),
            (
                {"status": "Failed", "failureReason": "UserDoesNotExist"},
                (Status.UNDELIVERED, ProviderError.INVALID_DESTINATION, "UserDoesNotExist"),
            ),
            (
                {"status": "Rejected", "failureReason": "Whatever"},
                (Status.REJECTED, ProviderError.UNCLASSIFIED, "Whatever"),
            ),
            ({"status": "Failed", "failureReason": ""}, (Status.UNDELIVERED, None, None)),
            ({"status": "Expired"}, (Status.EXPIRED, ProviderError.EXPIRED_CARRIER, None)),
            ({"status": "AbsentSubscriber"}, (Status.UNDELIVERED, ProviderError.ABSENT_SUBSCRIBER, None)),
        ],
    )
    def test_why_it_was_not_delivered(self, said, expected):
        """The reason is kept as it came, and translated."""
        status, error, code = expected
        assert self.verifying().receipts(receipt(**said)) == [
            DeliveryReport(ID, said["status"], status, error=error, provider_error=code)
        ]

    def test_an_opt_out_is_the_word_that_says_the_same(self):
        """Somebody used the operator's own menu: the recipient wants nothing more from this sender."""
        request = form(INBOUND_URL, {"phoneNumber": NUMBER, "senderId": "MyCorp"})
        (found,) = self.verifying().inbound(request)
        assert (found.sender, found.recipient, found.text) == (NUMBER, "MyCorp", "STOP")

    def test_an_opt_out_is_never_taken_for_an_older_one(self):
        """It has no id: after a START another one counts."""
        request = form(INBOUND_URL, {"phoneNumber": NUMBER, "senderId": "MyCorp"})
        first, second = (self.verifying().inbound(request)[0] for _ in range(2))
        assert first.provider_reference != second.provider_reference

    @pytest.mark.parametrize(
        ("date", "at"),
        [
            ("2026-11-23T05:30:00Z", datetime(2026, 11, 23, 5, 30, tzinfo=UTC)),
            ("2026-11-23 05:30:00", None),  # by whose clock?
            ("yesterday", None),
        ],
    )
    def test_when_it_came(self, date, at):
        """A time counts with its zone only."""
        (found,) = self.verifying().inbound(handset(text="Hello", date=date))
        assert found.received_at == at

    def test_a_key_that_cannot_stand_in_a_header(self):
        """It is refused, and not repeated."""
        with pytest.raises(ValueError, match="'api_key'"):
            self.provider(api_key="two\nlines")


def form(url, fields):
    """Return a request with a form."""
    return WebhookRequest(headers=FORM, body=urlencode(fields).encode(), url=f"{url}t")


def receipt(**said):
    """Return a receipt as it comes."""
    return form(STATUS_URL, {"id": ID, "phoneNumber": NUMBER, "networkCode": "62001", "retryCount": "0", **said})


def handset(*, text, sender=NUMBER, recipient="1234", date="2026-11-23 05:30:00"):
    """Return a text as it comes."""
    fields = {
        "date": date, "from": sender, "id": ID, "linkId": "l-1", "text": text, "to": recipient, "networkCode": "62001",
    }  # fmt: skip
    return form(INBOUND_URL, fields)
