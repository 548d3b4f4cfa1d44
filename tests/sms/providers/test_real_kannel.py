"""The adapter and a real Kannel: what it takes, hands on, and tells."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import unquote_to_bytes
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from sms.providers.base import Handover, Outcome, Setup, Submission, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.http import client
from sms.providers.kannel import Kannel
from sms.segments import measure
from sms.statuses import Status
from tests.sms.providers.peer import Peer, Says, answering
from tests.sms.providers.real_kannel import PASSWORD, PATIENCE, TOKEN, USERNAME, RealKannel, needs_kannel

pytestmark = needs_kannel

SENDER, RECIPIENT = "MyCorp", "+233200000001"


class Receiver:
    """What takes a Kannel's receipts and texts: it verifies and translates them as the service does."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.provider: Kannel

    def reports(self):
        """Return the receipts that have come so far."""
        return [report for one in self._requests("/status/") for report in self.provider.receipts(one)]

    def texts(self):
        """Return the texts that have come so far."""
        return [text for one in self._requests("/inbound/") for text in self.provider.inbound(one)]

    def statuses_of(self, attempt_id):
        """Return what is said of a message so far, in any order."""
        return sorted(one.status for one in self.reports() if one.client_reference == attempt_id)

    def _requests(self, path):
        for received in list(self._peer.requests):
            if received.path.startswith(path):
                token = received.path.rstrip("/").rpartition("/")[2]
                url = f"{self._peer.url}{received.target}"
                request = WebhookRequest(received.headers, received.body, received.method, url, token)
                self.provider.verify(request)
                yield request


class House:
    """A running Kannel, the adapter that speaks to it, and what it calls."""

    def __init__(self, kannel: RealKannel, receiver: Receiver, provider: Kannel) -> None:
        self.kannel, self.receiver, self.provider = kannel, receiver, provider

    def send(self, text="Hello", *, provider=None, **changes):
        """Hand over a message, and return the attempt's id and how it ended."""
        one = replace(Submission(uuid7(), SENDER, RECIPIENT, text), **changes)
        return one.attempt_id, client.run((provider or self.provider).submit_one(one, deadline=float("inf")))

    def impatient(self):
        """Return the same adapter, with a second's patience."""
        return adapter(self.kannel, "http://127.0.0.1:9", timeout=1.0)


def adapter(kannel, receiver, *, timeout=PATIENCE):
    """Make the adapter as a route would."""
    options = {one.name: one.default or "" for one in Kannel.OPTIONS}
    options |= {"base_url": kannel.url, "username": USERNAME, "password": PASSWORD, "webhook_token": TOKEN}
    setup = Setup(
        route="kannel",
        options=options,
        status_url=f"{receiver}/status/{TOKEN}/",
        inbound_url=f"{receiver}/inbound/{TOKEN}/",
        timeout=timeout,
    )
    return Kannel.from_setup(setup)


@contextmanager
def a_house(folder, *, says=None):
    """Start a Kannel with everything around it, and end what was started."""
    with Peer(answering(says or Says(200))) as peer:
        kannel = RealKannel(folder, receiver=peer.url)
        receiver = Receiver(peer)
        receiver.provider = adapter(kannel, peer.url)
        try:
            kannel.start()
            yield House(kannel, receiver, receiver.provider)
        finally:
            kannel.stop(by_force=True)  # an smsbox without its core takes ten seconds to end


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """One Kannel for the tests that leave it as it was."""
    with a_house(tmp_path_factory.mktemp("kannel")) as found:
        yield found


@pytest.fixture
def own_house(tmp_path):
    """A Kannel for a test that breaks it."""
    with a_house(tmp_path) as found:
        yield found


def wait_until(condition, *, what):
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def test_a_message_is_taken_and_delivered(house):
    """Kannel has no id for it, so ours is the reference; both receipts come, in any order, and name it."""
    attempt_id, outcome = house.send()
    assert outcome == Outcome.sent(str(attempt_id))
    wait_until(lambda: len(house.receiver.statuses_of(attempt_id)) == 2, what="two receipts")
    reports = [one for one in house.receiver.reports() if one.client_reference == attempt_id]
    assert {(one.provider_reference, one.provider_status, one.status) for one in reports} == {
        (str(attempt_id), "8", Status.SENT),
        (str(attempt_id), "1", Status.DELIVERED),
    }


@pytest.mark.parametrize("text", ["Hello & 100% = £5 + {1} €", "plain"])
def test_a_text_in_gsm_arrives_as_it_was(house, text):
    """Signs that mean something in an address, and those of the extension table."""
    house.send(text)
    wait_until(lambda: text.encode() in contents(house.kannel), what="the text at the SMSC")


@pytest.mark.parametrize("text", ["я€ç", "😀 Abena", "ç"])
def test_a_text_in_ucs2_arrives_as_it_was(house, text):
    """What GSM cannot say goes as UTF-16, and Kannel replaces nothing."""
    house.send(text)
    wait_until(lambda: text.encode("utf-16-be") in contents(house.kannel), what="the text at the SMSC")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("0123456789" * 31, "utf-8"), ("я123456789" * 20, "utf-16-be"), ("😀1234" * 40, "utf-16-be")],
    ids=["GSM", "UCS-2", "surrogate pairs"],
)
def test_a_long_text_goes_in_parts_and_has_one_set_of_receipts(house, text, encoding):
    """Kannel makes as many parts as we count, all of the text is in them, and it tells of the whole."""
    before = len(contents(house.kannel))
    attempt_id, outcome = house.send(text)
    assert outcome.handover is Handover.SENT
    parts = measure(text).count
    wait_until(lambda: len(contents(house.kannel)) == before + parts, what=f"{parts} parts")
    # It cuts through surrogate pairs, so only the whole is a text.
    assert b"".join(contents(house.kannel)[before:]) == text.encode(encoding)
    wait_until(lambda: len(house.receiver.statuses_of(attempt_id)) == 2, what="two receipts")
    time.sleep(0.5)
    assert house.receiver.statuses_of(attempt_id) == [Status.DELIVERED, Status.SENT]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"recipient": ""}, ProviderError.INVALID_DESTINATION),
        ({"sender_id": ""}, ProviderError.SENDER_NOT_ALLOWED),
    ],
)
def test_a_refusal_is_not_sent(house, changes, error):
    """What Kannel refuses, it says why."""
    _, outcome = house.send(**changes)
    assert (outcome.handover, outcome.error) == (Handover.NOT_SENT, error)


def test_a_wrong_password_is_ours_to_mend(house):
    """Nothing is wrong with the message."""
    options = dict.fromkeys((one.name for one in Kannel.OPTIONS), "") | {
        "base_url": house.kannel.url,
        "username": USERNAME,
        "password": "wrong",
    }
    provider = Kannel.from_setup(Setup(route="kannel", options=options))
    _, outcome = house.send(provider=provider)
    assert (outcome.handover, outcome.error) == (Handover.NOT_SENT, ProviderError.PROVIDER_AUTH)


@pytest.mark.parametrize("text", ["Stop it & 100% +1, please", "я€ç 😀"])
def test_a_text_from_a_handset(house, text):
    """It comes whole, whatever its alphabet, and nothing is sent back to the handset."""
    house.kannel.stop("smsc")
    house.kannel.start_smsc(text=("+233209876543", "1234", text))
    wait_until(lambda: [one for one in house.receiver.texts() if one.text == text], what="the text")
    (found,) = [one for one in house.receiver.texts() if one.text == text]
    assert (found.sender, found.recipient) == ("+233209876543", "1234")
    assert UUID(found.provider_reference)
    assert abs(found.received_at.timestamp() - time.time()) < PATIENCE
    time.sleep(0.3)
    assert not house.kannel.handed_over()


def test_a_message_waits_for_an_smsc(house):
    """Without an SMSC Kannel keeps it: that is SENT, and the receipts come when one is there."""
    house.kannel.stop("smsc")
    time.sleep(0.2)
    attempt_id, outcome = house.send()
    assert outcome == Outcome.sent(str(attempt_id))
    house.kannel.start_smsc()
    wait_until(lambda: len(house.receiver.statuses_of(attempt_id)) == 2, what="two receipts")


def test_a_receipt_that_we_could_not_take_comes_again(tmp_path):
    """A web process that restarts, or has no database: with http-request-retry nothing is lost."""
    first = threading.Event()

    def refuse_the_first(_received):
        if first.is_set():
            return Says(200)
        first.set()
        return Says(503)

    with a_house(tmp_path, says=refuse_the_first) as house:
        attempt_id, _ = house.send()
        wait_until(lambda: len(house.receiver.statuses_of(attempt_id)) == 3, what="one receipt twice")


def test_with_its_core_frozen_nobody_knows(own_house):
    """The smsbox took the request and says nothing: it may have handed it on."""
    own_house.send()
    own_house.kannel.freeze("bearerbox")
    _, outcome = own_house.send(provider=own_house.impatient())
    assert (outcome.handover, outcome.error) == (Handover.MAYBE_SENT, ProviderError.PROVIDER_TIMEOUT)


def test_a_core_that_dies_with_the_message_in_its_hands(own_house):
    """Nobody knows what it did last."""
    own_house.send()
    own_house.kannel.freeze("bearerbox")
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(own_house.send, provider=own_house.impatient())
        time.sleep(0.3)
        own_house.kannel.stop("bearerbox", by_force=True)
        _, outcome = sending.result()
    assert (outcome.handover, outcome.error) == (Handover.MAYBE_SENT, ProviderError.PROVIDER_TIMEOUT)


def test_without_a_core_nobody_listens(own_house):
    """The smsbox closes with its core: then the message certainly was not taken, and is tried again later."""
    own_house.kannel.stop("bearerbox", by_force=True)
    wait_until(lambda: not own_house.kannel.is_listening("sendsms"), what="the smsbox's end")
    _, outcome = own_house.send()
    assert (outcome.handover, outcome.error) == (Handover.NOT_SENT, ProviderError.PROVIDER_UNAVAILABLE)


def test_its_smsbox_restarts_under_load(own_house):
    """Whatever the adapter says of a message is true: SENT ones reach the SMSC once, NOT_SENT ones never do."""
    provider = own_house.impatient()
    texts = [f"number {number}".encode() for number in range(400)]
    with ThreadPoolExecutor(16) as pool:
        ended = [pool.submit(own_house.send, text.decode(), provider=provider) for text in texts[:200]]
        wait_until(lambda: sum(one.done() for one in ended) > 50, what="the first fifty")
        own_house.kannel.stop("smsbox", by_force=True)
        own_house.kannel.start_smsbox()
        ended += [pool.submit(own_house.send, text.decode(), provider=provider) for text in texts[200:]]
        outcomes = [one.result()[1] for one in ended]
    by_text = {text: outcome.handover for text, outcome in zip(texts, outcomes, strict=True)}
    sent = {text for text, handover in by_text.items() if handover is Handover.SENT}
    wait_until(lambda: sent <= set(contents(own_house.kannel)), what="all that was sent")
    time.sleep(0.5)
    arrived = contents(own_house.kannel)
    assert len(arrived) == len(set(arrived))
    assert {by_text[text] for text in arrived} <= {Handover.SENT, Handover.MAYBE_SENT}
    assert set(texts[200:]) <= sent


def contents(kannel):
    """Return what the fake SMSC got, part by part, in order: UTF-8 for GSM and UTF-16 for UCS-2, without headers."""
    return [_content(line) for line in kannel.handed_over()]


def _content(line):
    _sender, _recipient, kind, content = line.split(" ", 3)
    if kind == "udh":
        _header, kind, content = content.split(" ", 2)
    return content.encode() if kind == "text" else unquote_to_bytes(content.replace("+", " "))
