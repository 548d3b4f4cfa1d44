"""Hubtel: the contract of providers that have to be asked, and its own words."""

import pytest

from sms.errors import InvalidReceipt, SignatureRefused
from sms.providers.base import DeliveryReport, Outcome, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.http import client
from sms.providers.hubtel import Hubtel
from sms.statuses import Status
from tests.privacy import NUMBER, TEXT
from tests.sms.providers.contract import PolledContract
from tests.sms.providers.peer import Peer, Says, answering, nobody_listens
from tests.sms.providers.subject import SUBMISSION

ID = "5a4cf0c6-2ba0-4b3b-9d63-5f4c5d6e7f80"
NOT_SENT = Outcome.not_sent


def result(status, *, message_id=ID, http=201):
    """Return an answer to a submission."""
    document = {
        "rate": 0.03, "messageId": message_id, "status": status, "networkId": "62001", "clientReference": None,
        "statusDescription": f"about {NUMBER}",
    }  # fmt: skip
    return Says.json(http, document)


class TestHubtel(PolledContract):
    """Hubtel keeps the contract."""

    PROVIDER = Hubtel
    SETUP = {"client_id": "hubtel-client", "client_secret": "hubtel-secret"}
    YES = Outcome.sent(ID)
    REFUSALS = (
        (
            result(1, message_id=None),
            NOT_SENT(ProviderError.INVALID_DESTINATION, "code 1", provider_error="1"),
        ),
        (
            result(402, message_id=None, http=402),
            NOT_SENT(ProviderError.PROVIDER_FUNDS, "HTTP 402, code 402", provider_error="402"),
        ),
        (
            result(2, message_id=None, http=400),
            NOT_SENT(ProviderError.SENDER_NOT_ALLOWED, "HTTP 400, code 2", provider_error="2"),
        ),
        (Says(400, b"Bad Request"), NOT_SENT(ProviderError.UNCLASSIFIED, "HTTP 400")),
    )
    NO_YES = (*PolledContract.NO_YES, result(0, message_id=None), result(77), result(1), result(500, message_id=None))

    def accept(self, received):
        return result(0)

    def test_what_is_asked(self):
        """A document, with the secrets in a header and nowhere else."""
        with Peer(answering(self.accept)) as peer:
            self.submit(self.provider(peer.url), SUBMISSION)
        (request,) = peer.requests
        assert (request.method, request.target) == ("POST", "/v1/messages/send")
        assert request.headers["authorization"] == "Basic aHVidGVsLWNsaWVudDpodWJ0ZWwtc2VjcmV0"
        assert request.json == {"From": "MyCorp", "To": NUMBER.removeprefix("+"), "Content": TEXT}

    def test_what_became_of_messages(self):
        """Each is asked for; what is as it was, and what nobody can tell now, is left out."""
        said = {
            "a": Says.json(200, {"messageId": "a", "status": "Delivered", "updateTime": "2026-11-23T05:30:00"}),
            "b": Says.json(200, {"messageId": "b", "status": "Undelivered"}),
            "c": Says.json(200, {"messageId": "c", "status": "Pending"}),
            "d": Says.json(200, {"messageId": "d", "status": "Neverheardof"}),
            "e": Says(404),
            "f": Says(200, b"<html>"),
            "g": Says.json(200, {"status": ["Delivered"]}),
            "h": Says.json(200, {"status": "expired"}),
        }
        with Peer(answering(lambda request: said[request.path.rpartition("/")[2]])) as peer:
            found = client.run(self.provider(peer.url).poll(list(said)))
        assert found == [
            DeliveryReport("a", "Delivered", Status.DELIVERED),
            DeliveryReport("b", "Undelivered", Status.UNDELIVERED),
            DeliveryReport("d", "Neverheardof", None),
            DeliveryReport("h", "expired", Status.EXPIRED, error=ProviderError.EXPIRED_CARRIER),
        ]
        assert {(one.method, one.target) for one in peer.requests} == {("GET", f"/v1/messages/{id_}") for id_ in said}

    def test_a_reference_is_one_part_of_the_address(self):
        """Whatever Hubtel called a message, no other page is asked for."""
        with Peer(answering(Says(404))) as peer:
            client.run(self.provider(peer.url).poll(["../a?b#c d"]))
        assert peer.requests[0].target == "/v1/messages/..%2Fa%3Fb%23c%20d"

    def test_nobody_answers(self):
        """Then nothing is known, and that is no error."""
        assert client.run(self.provider(nobody_listens()).poll(["a", "b"])) == []

    def test_nobody_may_call(self):
        """It makes no requests, so whoever does is somebody else."""
        request = WebhookRequest(headers={}, body=b"{}", token="t")
        with pytest.raises(SignatureRefused):
            self.provider().verify(request)
        with pytest.raises(InvalidReceipt):
            self.provider().receipts(request)

    def test_a_client_id_with_a_colon(self):
        """HTTP Basic would send another one."""
        with pytest.raises(ValueError, match="'client_id'"):
            self.provider(client_id="a:b")
