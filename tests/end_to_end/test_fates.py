"""Every fate that the simulator knows, through all real parts: HTTP, worker, provider, signed receipt, socket."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.http import call
from tests.sockets import watch

# Number → what a subscriber sees from the first event on.
SEEN = {
    "01": ["QUEUED", "SENDING", "SENT", "DELIVERED"],
    "02": ["QUEUED", "SENDING", "SENT", "UNDELIVERED"],
    "03": ["QUEUED", "SENDING", "SENT", "EXPIRED"],
    "04": ["QUEUED", "SENDING", "REJECTED"],
    "06": ["QUEUED", "SENDING", "SENT", "DELIVERED"],
    "07": ["QUEUED", "SENDING", "SENT", "DELIVERED"],
    "08": ["QUEUED", "SENDING", "SENT", "DELIVERED"],
    "09": ["QUEUED", "SENDING", "SENT", "DELIVERED"],
    "10": ["QUEUED", "SENDING", "SENT", "DELIVERED"],
    "11": ["QUEUED", "SENDING", "UNCERTAIN", "DELIVERED"],
    "12": ["QUEUED", "SENDING", "QUEUED", "SENDING", "QUEUED", "SENDING", "SENT", "DELIVERED"],
    "13": ["QUEUED", "SENDING", "QUEUED", "SENDING", "QUEUED", "SENDING", "SENT", "DELIVERED"],
    "15": ["QUEUED", "SENDING", "SENT", "DELIVERED"],
    "16": ["QUEUED", "SENDING", "UNCERTAIN", "QUEUED", "SENDING", "SENT", "DELIVERED"],
    "77": ["QUEUED", "SENDING", "SENT", "DELIVERED"],
}
STAYS_SENT = ("05", "14", "17")


def send(stack, number):
    """Send one message to a scripted number and return its id."""
    return stack.send(recipient=f"2332000009{number}").json()["id"]


def receipts(stack, message_id):
    """How often each outcome stands in the inbox for a message."""
    found = stack.query("SELECT provider_status, outcome FROM sms_receipt WHERE message_id = %s", message_id)
    return Counter(found)


def wait_for_receipts(stack, message_id, expected):
    """Wait until the inbox holds what is expected of a message."""
    end = time.monotonic() + 10
    while (found := receipts(stack, message_id)) != expected:
        assert time.monotonic() < end, f"{found} instead of {expected}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def lives(stack):
    """Send to every scripted number at once, watch all, and return what each subscriber saw."""
    sent = {number: send(stack, number) for number in (*SEEN, *STAYS_SENT)}
    with ThreadPoolExecutor(len(SEEN)) as pool:
        watched = {number: pool.submit(watch, stack, sent[number], after=0) for number in SEEN}
        seen = {number: one.result() for number, one in watched.items()}
    return sent, seen


@pytest.mark.parametrize("number", sorted(SEEN))
def test_a_subscriber_sees_each_change_in_order_and_once(lives, number):
    """The whole life arrives over the socket, numbered without a gap, and ends with the final status."""
    _, seen = lives
    events = seen[number]
    assert [one["status"] for one in events] == SEEN[number]
    assert [one["sequence"] for one in events] == list(range(1, len(events) + 1))
    assert [one["final"] for one in events] == [False] * (len(events) - 1) + [True]


@pytest.mark.parametrize("number", sorted(SEEN))
def test_the_provider_took_each_message_at_most_once(stack, lives, number):
    """Counted at the provider: one text for one message, whatever happened on the way."""
    sent, _ = lives
    references = stack.query("SELECT id::text FROM sms_submitattempt WHERE message_id = %s", sent[number])
    found = [
        call("GET", f"{stack.simulator_url}/v1/messages?client_reference={reference}") for (reference,) in references
    ]
    assert sum(answer.status == 200 for answer in found) == (0 if number == "04" else 1)


@pytest.mark.parametrize("number", STAYS_SENT)
def test_without_a_trustworthy_receipt_it_stays_sent(stack, lives, number):
    """No receipt, or one that is signed wrongly, moves nothing and is not stored."""
    sent, _ = lives
    stack.wait_for(sent[number], "SENT")
    time.sleep(1)
    assert stack.message(sent[number])["status"] == "SENT"
    assert receipts(stack, sent[number]) == Counter()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("06", {("DELIVERED", "APPLIED"): 1, ("DELIVERED", "DUPLICATE"): 2}),
        ("07", {("DELIVERED", "APPLIED"): 1, ("ENROUTE", "NOTED"): 1}),
        ("09", {("DELIVERED", "APPLIED"): 1, ("UNDELIVERED", "NOTED"): 1}),
    ],
)
def test_every_receipt_is_kept_with_what_became_of_it(stack, lives, number, expected):
    """Repeated, reordered and contradicting receipts are all in the inbox; one moved the status."""
    sent, _ = lives
    wait_for_receipts(stack, sent[number], Counter(expected))


def test_the_history_tells_what_moved_nothing(stack, lives):
    """The unknown word, the late ENROUTE and the contradiction are lines without a sequence."""
    sent, _ = lives

    def notes(number):
        events = stack.message(sent[number])["events"]
        return [(one["provider_status"], one["conflict"]) for one in events if one["sequence"] is None]

    wait_for_receipts(stack, sent["07"], Counter({("DELIVERED", "APPLIED"): 1, ("ENROUTE", "NOTED"): 1}))
    wait_for_receipts(stack, sent["09"], Counter({("DELIVERED", "APPLIED"): 1, ("UNDELIVERED", "NOTED"): 1}))
    assert notes("07") == [("ENROUTE", False)]
    assert notes("09") == [("UNDELIVERED", True)]
    assert [conflict for _, conflict in notes("15")] == [False]
    assert notes("15")[0][0] not in {"DELIVERED", "SENT"}


def test_every_message_that_left_has_its_reference(stack, lives):
    """Also where the provider's answer never came: the receipt brought it."""
    sent, _ = lives
    for number, message_id in sent.items():
        assert (stack.message(message_id)["provider_reference"] is None) is (number == "04")


def test_refusals_say_why(stack, lives):
    """The error code is the same word for every provider."""
    sent, _ = lives
    assert stack.message(sent["04"])["error_code"] == "INVALID_DESTINATION"
    assert stack.message(sent["01"])["error_code"] is None


def test_an_open_message_has_an_entry_and_a_final_one_has_none(stack, lives):
    """After all this the queue holds exactly the open messages."""
    assert lives
    wrong = stack.query(
        "SELECT m.status, d.message_id IS NULL FROM sms_message m LEFT JOIN sms_dispatchentry d ON d.message_id = m.id "
        "WHERE (m.status IN ('SCHEDULED','QUEUED','SENDING','UNCERTAIN','SENT')) = (d.message_id IS NULL)"
    )
    assert wrong == []


SINGLY = {"01": "DELIVERED", "04": "REJECTED", "11": "DELIVERED", "12": "DELIVERED", "13": "DELIVERED", "17": "SENT"}


def test_one_request_a_message_ends_the_same(daphne_stack):
    """A provider without batches tells the same fates; a hanging request and a cut one lose nothing."""
    sent = {number: send(daphne_stack, number) for number in SINGLY}
    ends = {number: daphne_stack.wait_for(sent[number], end)["status"] for number, end in SINGLY.items()}
    assert ends == SINGLY
