"""Infobip: the contract of all providers, batches, and the tables of statuses and errors."""

import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sms.errors import InvalidReceipt, SignatureRefused
from sms.providers.base import DeliveryReport, Finding, InboundText, Outcome, Price, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.http import client
from sms.providers.infobip import BATCH, Infobip
from sms.statuses import Status
from tests.privacy import NUMBER, TEXT
from tests.sms.providers.contract import Inbound, ProviderContract
from tests.sms.providers.peer import Peer, Says, answering, nobody_listens
from tests.sms.providers.subject import ATTEMPT_ID, INBOUND_URL, STATUS_URL, SUBMISSION

BULK = "2034072219640523072"
PENDING = {"groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED", "description": "words"}
REFERENCE = str(ATTEMPT_ID)


def reject(name):
    """Return a status of the group of rejections."""
    return {"groupId": 5, "groupName": "REJECTED", "id": 1, "name": name, "description": "words"}


def answer(*results):
    """Return an answer about messages, each with its id and its status."""
    messages = [{"messageId": id_, "status": status, "destination": "…"} for id_, status in results]
    return Says.json(200, {"bulkId": BULK, "messages": messages})


def ids_of(received):
    """Return the ids in a request."""
    return [one["destinations"][0]["messageId"] for one in received.json["messages"]]


def request(document, url=STATUS_URL):
    """Return a request, not signed."""
    return WebhookRequest({"content-type": "application/json"}, json.dumps(document).encode(), url=url)


def report(name, group="NEVERHEARDOF", *, error="NO_ERROR"):
    """Return one report of version 3."""
    return {
        "bulkId": BULK, "messageId": REFERENCE, "to": NUMBER[1:], "sender": "MyCorp", "callbackData": REFERENCE,
        "sentAt": "2026-11-23T05:30:00.000+0000", "doneAt": "2026-11-23T05:30:01.000+0000", "messageCount": 2,
        "mccMnc": "62001", "price": {"pricePerMessage": 0.0333, "currency": "EUR"},
        "status": {"groupId": 3, "groupName": group, "id": 5, "name": name, "description": "words"},
        "error": {"groupId": 0, "groupName": "OK", "id": 0, "name": error, "description": "words", "permanent": False},
    }  # fmt: skip


class ByToken(Inbound):
    """What Infobip sends: it does not sign, so the address ends with a token."""

    PROVIDER = Infobip
    SETUP = {"api_key": "the-api-key", "webhook_token": "a-long-random-token"}
    SIGNING_OPTION = "webhook_token"
    SIGNING_SECRET = "a-long-random-token"
    OTHER_SECRET = "another-long-random-token"
    COVERS = ()

    def status(self, word):
        """Return Infobip's report, which may have many."""
        return request({"results": [report(word)]})

    def inbound_text(self, text, *, sender, recipient):
        """Return Infobip's request for a text."""
        document = {
            "messageId": "817790313235066447", "from": sender.removeprefix("+"), "to": recipient.removeprefix("+"),
            "text": text, "cleanText": "", "keyword": "HELLO", "receivedAt": "2026-11-23T05:30:00.000+0000",
            "smsCount": 1, "price": {"pricePerMessage": 0, "currency": "EUR"}, "callbackData": "x",
        }  # fmt: skip
        return request({"results": [document], "messageCount": 1, "pendingMessageCount": 0}, INBOUND_URL)

    def sign(self, request, *, secret, at):
        """Put the token into the address."""
        return replace(request, token=secret)


class TestInfobip(ByToken, ProviderContract):
    """Infobip keeps the contract."""

    PUBLIC_OPTIONS = ()
    YES = Outcome.sent(REFERENCE)
    REFUSALS = (
        *(
            (answer((REFERENCE, reject(name))), Outcome.not_sent(error, name, provider_error=name))
            for name, error in [
                ("REJECTED_NETWORK", ProviderError.NO_ROUTE),
                ("REJECTED_PREFIX_MISSING", ProviderError.INVALID_DESTINATION),
                ("REJECTED_DND", ProviderError.RECIPIENT_OPTED_OUT),
                ("REJECTED_SOURCE", ProviderError.SENDER_NOT_ALLOWED),
                ("REJECTED_NOT_ENOUGH_CREDITS", ProviderError.PROVIDER_FUNDS),
                ("REJECTED_FLOODING_FILTER", ProviderError.LIMIT_EXCEEDED),
                ("REJECTED_SYSTEM_ERROR", ProviderError.PROVIDER_UNAVAILABLE),
                ("REJECTED_MESSAGE_TOO_LONG", ProviderError.CONTENT_INVALID),
                ("REJECTED_SOMETHING_NEW", ProviderError.UNCLASSIFIED),
            ]
        ),
        (
            Says.json(400, {"requestError": {"serviceException": {"messageId": "BAD_REQUEST", "text": "words"}}}),
            Outcome.not_sent(ProviderError.UNCLASSIFIED, "HTTP 400, code BAD_REQUEST", provider_error="BAD_REQUEST"),
        ),
        (
            Says.json(401, {"errorCode": "E401", "description": "words", "details": "words"}),
            Outcome.not_sent(ProviderError.PROVIDER_AUTH, "HTTP 401, code E401", provider_error="E401"),
        ),
    )

    def accept(self, received):
        """Answer as Infobip does to a batch."""
        return answer(*((id_, PENDING) for id_ in ids_of(received)))

    def refuse(self, words):
        """Refuse inside of a success, as Infobip does."""
        return answer((REFERENCE, reject("REJECTED_NETWORK") | {"description": words, "action": words}))

    def test_the_request(self):
        """Exactly this document leaves: the message's id there is our own."""
        with Peer(answering(self.accept)) as peer:
            self.submit_one(self.provider(peer.url))
        (received,) = peer.requests
        assert (received.method, received.path) == ("POST", "/sms/3/messages")
        assert received.headers["authorization"] == "App the-api-key"
        assert received.json == {
            "messages": [
                {
                    "sender": "MyCorp",
                    "destinations": [{"to": NUMBER[1:], "messageId": REFERENCE}],
                    "content": {"text": TEXT},
                    "options": {"validityPeriod": {"amount": 3600, "timeUnit": "SECONDS"}},
                    "webhooks": {
                        "contentType": "application/json",
                        "callbackData": REFERENCE,
                        "delivery": {"url": STATUS_URL, "intermediateReport": True},
                    },
                }
            ]
        }

    def test_without_a_validity_theirs_holds(self):
        """Nothing is said of it then."""
        with Peer(answering(self.accept)) as peer:
            self.submit(self.provider(peer.url), replace(SUBMISSION, valid_for=None))
        assert "options" not in peer.requests[0].json["messages"][0]

    def test_a_set_goes_in_several_batches(self):
        """Each message is in one of them, and comes back under its own id."""
        several = [self.number_of(number) for number in range(BATCH + 1)]
        with Peer(answering(self.accept)) as peer:
            outcomes = self.submit(self.provider(peer.url), *several)
        assert outcomes == {one.attempt_id: Outcome.sent(str(one.attempt_id)) for one in several}
        assert sorted(len(ids_of(one)) for one in peer.requests) == [1, BATCH]

    def test_each_message_of_a_batch_has_its_own_answer(self):
        """A rejection in a success is one for its message alone, and silence is no answer."""
        taken, rejected, silent, strange, twice = (self.number_of(number) for number in range(5))
        says = answer(
            (str(strange.attempt_id), {"groupName": "SOMETHING", "name": "NEW"}),
            (str(rejected.attempt_id), reject("REJECTED_NOT_ENOUGH_CREDITS")),
            (str(taken.attempt_id), PENDING),
            (str(twice.attempt_id), reject("REJECTED_DUPLICATE_MESSAGE_ID")),
        )
        with Peer(answering(says)) as peer:
            outcomes = self.submit(self.provider(peer.url), taken, rejected, silent, strange, twice)
        name = "REJECTED_NOT_ENOUGH_CREDITS"
        assert outcomes == {
            taken.attempt_id: Outcome.sent(str(taken.attempt_id)),
            rejected.attempt_id: Outcome.not_sent(ProviderError.PROVIDER_FUNDS, name, provider_error=name),
            silent.attempt_id: Outcome.maybe_sent("no answer for this message"),
            strange.attempt_id: Outcome.maybe_sent("an answer nobody understands"),
            twice.attempt_id: Outcome.sent(str(twice.attempt_id)),  # they have had it before
        }

    def test_a_bad_message_harms_none_of_its_batch(self):
        """A request that is refused for one message is sent again in halves, until that one is alone."""
        several = [self.number_of(number) for number in range(7)]
        bad = str(several[3].attempt_id)
        no = Says.json(400, {"requestError": {"serviceException": {"messageId": "BAD_REQUEST"}}})
        with Peer(answering(lambda received: no if bad in ids_of(received) else self.accept(received))) as peer:
            outcomes = self.submit(self.provider(peer.url), *several)
        expected = {one.attempt_id: Outcome.sent(str(one.attempt_id)) for one in several}
        expected[several[3].attempt_id] = Outcome.not_sent(
            ProviderError.UNCLASSIFIED, "HTTP 400, code BAD_REQUEST", provider_error="BAD_REQUEST"
        )
        assert outcomes == expected
        assert [len(ids_of(one)) for one in peer.requests if bad in ids_of(one)][-1] == 1

    @pytest.mark.parametrize(
        ("name", "group", "status"),
        [
            ("PENDING_ENROUTE", "PENDING", Status.SENT),
            ("PENDING_SOMETHING_NEW", "PENDING", Status.SENT),
            ("DELIVERED_TO_OPERATOR", "DELIVERED", Status.SENT),
            ("DELIVERED_TO_HANDSET", "DELIVERED", Status.DELIVERED),
            ("DELIVERED_SOMEWHERE_NEW", "DELIVERED", None),
            ("UNDELIVERABLE_NOT_DELIVERED", "UNDELIVERABLE", Status.UNDELIVERED),
            ("EXPIRED_EXPIRED", "EXPIRED", Status.EXPIRED),
            ("EXPIRED_DLR_UNKNOWN", "EXPIRED", None),
            ("SIGNALS_BLOCKED", "EXPIRED", Status.REJECTED),
            ("REJECTED_NETWORK", "REJECTED", Status.REJECTED),
            ("NEW", "NEW", None),
            ("NEW", None, None),
        ],
    )
    def test_names_and_groups(self, name, group, status):
        """A group called DELIVERED delivers nothing by itself: it has a name that only means the operator."""
        (found,) = self.verifying().receipts(request({"results": [report(name, group)]}))
        assert (found.provider_status, found.status) == (name, status)

    def test_a_receipt(self):
        """Each report as a whole, with its part of the body, and the price of all its segments."""
        first = report("UNDELIVERABLE_NOT_DELIVERED", "UNDELIVERABLE", error="EC_ABSENT_SUBSCRIBER")
        second = report("DELIVERED_TO_HANDSET", "DELIVERED") | {"callbackData": None, "price": None}
        reports = self.receipts(self.signed(request({"results": [first, second]})))
        assert [json.loads(one.body) for one in reports] == [{"results": [first]}, {"results": [second]}]
        assert [replace(one, body=None) for one in reports] == [
            DeliveryReport(
                provider_reference=REFERENCE,
                provider_status="UNDELIVERABLE_NOT_DELIVERED",
                status=Status.UNDELIVERED,
                client_reference=ATTEMPT_ID,
                error=ProviderError.ABSENT_SUBSCRIBER,
                provider_error="EC_ABSENT_SUBSCRIBER",
                price=Price(Decimal("0.0666"), "EUR"),
            ),
            DeliveryReport(REFERENCE, "DELIVERED_TO_HANDSET", Status.DELIVERED),
        ]

    @pytest.mark.parametrize(
        ("name", "group", "error", "code", "meaning"),
        [
            ("DELIVERED_TO_HANDSET", "DELIVERED", "NO_ERROR", None, None),
            ("X", "UNDELIVERABLE", "EC_UNKNOWN_SUBSCRIBER", "EC_UNKNOWN_SUBSCRIBER", ProviderError.INVALID_DESTINATION),
            ("X", "UNDELIVERABLE", "EC_NEW", "EC_NEW", ProviderError.UNCLASSIFIED),
            ("X", "EXPIRED", "EC_VP_EXPIRED", "EC_VP_EXPIRED", ProviderError.EXPIRED_CARRIER),
            ("REJECTED_SENDER", "REJECTED", "NO_ERROR", "REJECTED_SENDER", ProviderError.SENDER_NOT_ALLOWED),
            ("REJECTED_SENDER", "REJECTED", None, "REJECTED_SENDER", ProviderError.SENDER_NOT_ALLOWED),
        ],
    )
    def test_errors(self, name, group, error, code, meaning):
        """The error says why, and where there is none, a rejection's own name does."""
        (found,) = self.verifying().receipts(request({"results": [report(name, group, error=error)]}))
        assert (found.provider_error, found.error) == (code, meaning)

    @pytest.mark.parametrize("results", [None, {}, "x", [None], [[]], [{}], [report("X"), {}]])
    def test_a_list_with_something_else_in_it(self, results):
        """It is refused as a whole, and comes again as a whole."""
        with pytest.raises(InvalidReceipt):
            self.verifying().receipts(request({"results": results}))
        with pytest.raises(InvalidReceipt):
            self.verifying().inbound(request({"results": results}))

    def test_an_inbound_text(self):
        """The whole text, not what is left without the keyword."""
        sent = self.inbound_text("HELLO you", sender=NUMBER, recipient="12345")
        (found,) = self.verifying().inbound(sent)
        assert json.loads(found.body)["results"] == json.loads(sent.body)["results"]
        assert replace(found, body=None) == InboundText(
            "817790313235066447", NUMBER, "12345", "HELLO you", datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
        )

    def look_up(self, says, *attempt_ids):
        """Return what a look-up finds."""
        with Peer(answering(says)) as peer:
            findings = client.run(self.provider(peer.url).look_up(attempt_ids))
        for asked in peer.requests:
            assert (asked.method, asked.path) == ("GET", "/sms/3/logs")
            assert len(asked.target) < 2048
            assert asked.headers["authorization"] == "App the-api-key"
        return findings

    def test_a_look_up_asks_the_logs_for_our_ids(self):
        """What is there was taken; what is not may come, so nothing is sent again for want of it."""
        ids = [self.number_of(number).attempt_id for number in range(51)]
        there = {str(ids[0]), str(ids[50])}

        def says(received):
            asked = received.query["messageId"].split(",")
            return Says.json(200, {"results": [{"messageId": one} for one in asked if one in there]})

        nothing = [Finding.no_answer()] * 49
        assert self.look_up(says, *ids) == [Finding.found(str(ids[0])), *nothing, Finding.found(str(ids[50]))]

    @pytest.mark.parametrize(
        "says",
        [Says(500), Says(404), Says(200), Says(200, b"[]"), Says.json(200, {"results": [None, {}, {"messageId": 1}]})],
        ids=str,
    )
    def test_a_look_up_with_another_answer(self, says):
        """Nobody knows."""
        assert self.look_up(says, ATTEMPT_ID) == [Finding.no_answer()]

    def test_a_look_up_without_an_answer(self):
        """Nobody knows."""
        assert client.run(self.provider(nobody_listens()).look_up([ATTEMPT_ID])) == [Finding.no_answer()]


class TestByBasic(ByToken):
    """Infobip may send HTTP Basic instead."""

    SETUP = {"api_key": "the-api-key", "webhook_user": "infobip", "webhook_password": "open:sesame"}
    SIGNING_OPTION = "webhook_password"
    SIGNING_SECRET = "open:sesame"
    OTHER_SECRET = "open:barley"

    def sign(self, request, *, secret, at):
        """Send the password."""
        credentials = b64encode(f"infobip:{secret}".encode()).decode()
        return replace(request, headers={**request.headers, "authorization": f"Basic {credentials}"})

    def test_with_both_both_are_needed(self):
        """The token does not stand in for the password, nor the other way round."""
        provider = self.provider(webhook_token="a-long-random-token")
        bare = self.status("PENDING")
        provider.verify(replace(self.signed(bare), token="a-long-random-token"))
        for one in (self.signed(bare), replace(bare, token="a-long-random-token")):
            with pytest.raises(SignatureRefused):
                provider.verify(one)

    def test_what_the_password_looks_like_is_a_secret(self):
        """A header in a log would tell it."""
        assert self.provider().secrets == [b64encode(b"infobip:open:sesame").decode()]
