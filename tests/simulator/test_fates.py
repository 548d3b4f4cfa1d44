"""What becomes of a message, by the last digits of its recipient: singly, and between neighbours in a batch."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from simulator.fates import FATES
from tests.simulator.process import LATE_RECEIPT_DELAY, RECEIPT_DELAY, ROOT, message
from tests.simulator.sink import UNNAMED_ANSWER, signature

GAP = 0.2
QUIET = 0.35  # seconds in which another receipt or retry would have come

pytestmark = pytest.mark.usefixtures("unanswered", "held_up")  # they take long, so they start early


def number(fate, plus=""):
    """The recipient with a fate."""
    return f"{plus}2332000009{fate}"


def accepted(provider, document):
    """Submit a message that is accepted, and return the provider's reference."""
    result = provider.submit(document)
    reference = result.pop("reference")
    assert result == {"client_reference": document["client_reference"], "status": "accepted"}
    assert re.fullmatch(r"sim-[0-9a-f]{32}", reference)
    return reference


def words(calls):
    """The statuses, in order."""
    return [one.document["status"] for one in calls]


@pytest.mark.parametrize(
    ("fate", "expected"),
    [
        ("01", {"status": "DELIVERED"}),
        ("02", {"status": "UNDELIVERED", "error_code": "absent_subscriber"}),
        ("03", {"status": "EXPIRED", "error_code": "validity_expired"}),
        ("00", {"status": "DELIVERED"}),
        ("99", {"status": "DELIVERED"}),
    ],
)
@pytest.mark.parametrize("plus", ["", "+"])
def test_01_02_03_one_receipt(provider, sink, fate, expected, plus):
    """One receipt with every field comes after the delay; a number without a script is delivered."""
    document = message(number(fate, plus))
    before, submitted_at = datetime.now(UTC), time.monotonic()
    reference = accepted(provider, document)
    [receipt] = sink.wait_for(document["client_reference"], 1)
    assert receipt.came_at - submitted_at >= RECEIPT_DELAY
    assert receipt.headers["content-type"] == "application/json"
    assert receipt.headers["x-provider-signature"] == signature(receipt.body)
    content = dict(receipt.document)
    occurred_at = content.pop("occurred_at")
    assert content == {
        "provider_reference": reference,
        "client_reference": document["client_reference"],
        **expected,
    }
    assert occurred_at.endswith("Z")
    assert timedelta(0) <= datetime.fromisoformat(occurred_at) - before < timedelta(seconds=5)


def test_04_refused_for_good(provider, simulator, sink):
    """The submit is refused, and nothing was taken."""
    document = message(number("04"))
    result = provider.submit(document)
    assert result == {
        "client_reference": document["client_reference"],
        "status": "rejected",
        "code": "invalid_destination",
        "message": "The recipient cannot be reached from here.",
    }
    assert simulator.look_up(document["client_reference"])["code"] == "not_found"
    assert sink.of(document["client_reference"]) == []


def test_05_no_receipt(provider, simulator, sink):
    """The message is taken, and nothing more is heard of it."""
    document = message(number("05"))
    reference = accepted(provider, document)
    time.sleep(QUIET)
    assert sink.of(reference) == []
    assert simulator.look_up(document["client_reference"]) == {
        "reference": reference,
        "to": number("05"),
        "submits": 1,
        "receipt": None,
    }


def test_06_the_receipt_three_times(provider, sink):
    """The very same bytes come three times, and not a fourth."""
    reference = accepted(provider, message(number("06")))
    sink.wait_for(reference, 3)
    time.sleep(QUIET)
    calls = sink.of(reference)
    assert words(calls) == ["DELIVERED"] * 3
    assert len({one.body for one in calls}) == 1


@pytest.mark.parametrize(
    ("fate", "expected"),
    [("07", ["DELIVERED", "ENROUTE"]), ("09", ["DELIVERED", "UNDELIVERED"]), ("15", ["FLURBLED", "DELIVERED"])],
)
def test_07_09_15_two_receipts(provider, simulator, sink, fate, expected):
    """The second receipt comes shortly after the first one was answered."""
    document = message(number(fate))
    reference = accepted(provider, document)
    first, second = sink.wait_for(reference, 2)
    assert words([first, second]) == expected
    assert GAP * 0.95 <= second.came_at - first.answered_at < 2
    assert simulator.look_up(document["client_reference"])["receipt"] == expected[1]


def test_08_the_receipt_before_the_answer(provider, sink):
    """The submit is answered after its receipt was, and that receipt does not tell the client reference."""
    document = message(number("08"))
    submitted_at = time.monotonic()
    reference = accepted(provider, document)
    answered_at = time.monotonic()
    [receipt] = sink.of(reference)
    assert submitted_at < receipt.came_at < receipt.answered_at < answered_at
    assert receipt.answered_at - receipt.came_at >= UNNAMED_ANSWER
    assert receipt.document.keys() == {"provider_reference", "status", "occurred_at"}
    assert receipt.document["status"] == "DELIVERED"


def test_10_a_late_receipt(provider, sink):
    """The receipt takes its time, which a setting says, and holds up no other that is due before it."""
    submitted_at = time.monotonic()
    reference = accepted(provider, message(number("10")))
    sink.wait_for(accepted(provider, message(number("01"))), 1)
    assert sink.of(reference) == []
    [receipt] = sink.wait_for(reference, 1)
    assert receipt.document["status"] == "DELIVERED"
    assert receipt.came_at - submitted_at >= LATE_RECEIPT_DELAY


def test_11_taken_without_an_answer(provider, simulator, sink):
    """The submit is never answered, but the message was taken, and its receipt tells the client reference."""
    document = message(number("11"))
    assert provider.submit(document) is None
    [receipt] = sink.wait_for(document["client_reference"], 1)
    assert simulator.look_up(document["client_reference"]) == {
        "reference": receipt.document["provider_reference"],
        "to": number("11"),
        "submits": 1,
        "receipt": "DELIVERED",
    }


@pytest.mark.parametrize(
    ("fate", "told"), [("12", {"status": "throttled", "retry_after": 1}), ("13", {"status": "unavailable"})]
)
def test_12_13_refused_twice(provider, simulator, sink, fate, told):
    """Two submits are put off, whatever their client references; the third is taken, and then it starts anew."""
    tries = [message(number(fate, plus), text=f"{provider} {fate}") for plus in ("", "+", "", "")]
    for one in (tries[0], tries[1]):
        assert provider.submit(one) == {"client_reference": one["client_reference"], **told}
        assert simulator.look_up(one["client_reference"])["code"] == "not_found"
    reference = accepted(provider, tries[2])
    assert words(sink.wait_for(reference, 1)) == ["DELIVERED"]
    assert provider.submit(tries[3]) == {"client_reference": tries[3]["client_reference"], **told}


def test_12_13_are_counted_by_message(provider):
    """Another text, sender or recipient is another message, with refusals of its own."""
    text = f"{provider} by message"
    for one in (
        message(number("13"), text=text),
        message(number("13"), text=f"{text}!"),
        message(number("13"), text=text, **{"from": "Other"}),
        message(number("12"), text=text),
    ):
        assert provider.submit(one)["status"] in ("unavailable", "throttled")
    assert provider.submit(message(number("13"), text=text))["status"] == "unavailable"
    accepted(provider, message(number("13"), text=text))


def test_14_a_forged_receipt(provider, simulator, sink):
    """The receipt has a wrong signature, is not sent again once it is refused, and the log tells it masked."""
    document = message(number("14"), text="a text that no log may have")
    reference = accepted(provider, document)
    sink.wait_for(reference, 1)
    time.sleep(QUIET)
    [receipt] = sink.of(reference)
    assert receipt.status == 401
    assert re.fullmatch("[0-9a-f]{64}", receipt.headers["x-provider-signature"])
    assert simulator.look_up(document["client_reference"])["receipt"] is None
    log = simulator.log.read_text()
    assert f"receipt_refused reference={reference} to=23320*****14 status=401\n" in log
    assert number("14") not in log
    assert "a text that" not in log


def test_the_page_has_a_row_for_each_fate():
    """docs/simulator.md and the table of fates name the same numbers."""
    page = (ROOT / "docs" / "simulator.md").read_text()
    assert re.findall(r"^\| `(\d\d)` \|", page, re.MULTILINE) == list(FATES)


def test_16_cut_off_and_not_taken(provider, simulator, sink):
    """The first submit ends without an answer and is not taken; the second is like any other."""
    first, second = (message(number("16"), text=f"{provider} 16") for _ in range(2))
    assert provider.submit(first) is None
    assert simulator.look_up(first["client_reference"])["code"] == "not_found"
    reference = accepted(provider, second)
    assert words(sink.wait_for(reference, 1)) == ["DELIVERED"]


def test_17_cut_off_and_taken(provider, simulator, sink):
    """The submit ends without an answer, the message was taken, and no receipt ever tells."""
    document = message(number("17"))
    assert provider.submit(document) is None
    found = simulator.look_up(document["client_reference"])
    assert (found["submits"], found["receipt"]) == (1, None)
    time.sleep(QUIET)
    assert sink.of(document["client_reference"]) == []
