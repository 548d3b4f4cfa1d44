"""api.http, run as an editor runs it: request by request, against the whole service."""

import re

import pytest

from tests.editor import API_HTTP, Editor
from tests.stack import SECRET


@pytest.fixture(scope="module")
def results(stack):
    """Every request of the file, sent in its order."""
    found = []
    for promised, answer in Editor(host=stack.url, secret=SECRET).run():
        found.append((promised, answer))
        if len(found) == 1:  # a person takes a moment before the next click
            stack.wait_for(answer.json()["id"], "SENT")
    return found


def test_the_file_points_at_the_default_address():
    """It works as it stands after `make run`."""
    assert re.search(r"^@host = http://127\.0\.0\.1:8080$", API_HTTP.read_text(), re.MULTILINE)


@pytest.mark.parametrize("number", range(1, 11))
def test_each_request_is_answered_as_its_title_says(results, number):
    """The ten requests have the statuses that stand beside them."""
    promised, answer = results[number - 1]
    assert answer.status == promised, answer.body


def test_the_file_has_the_ten_requests(results):
    """Create, two refusals, read, receipts well and badly signed, a batch, a plan, a list, and all changes."""
    assert [promised for promised, _ in results] == [202, 400, 400, 200, 202, 401, 202, 200, 200, 200]
    codes = [answer.json().get("code") for _, answer in results]
    assert codes == [
        None,
        "SENDER_ID_NOT_ALLOWED",
        "BLOCKED_KEYWORD",
        None,
        None,
        "SIGNATURE_INVALID",
        None,
        None,
        None,
        None,
    ]
    assert set(results[9][1].json()) == {"events", "cursor", "more"}
    first, refused, same = results[6][1].json()["results"]
    assert [set(row) for row in (first, refused)] == [{"message", "replayed"}, {"refusal"}]
    assert (same["message"]["id"], same["replayed"]) == (first["message"]["id"], True)
    assert results[8][1].json()["messages"][0]["recipient"] == "+233200000905"


def test_the_signed_receipt_moved_the_message(stack, results):
    """After the fifth request the first one's message is delivered."""
    assert stack.wait_for(results[0][1].json()["id"], "DELIVERED")["provider_reference"]


def test_the_message_has_all_that_was_promised(results):
    """GET shows at least the fields of the first version."""
    promised = {"id", "sender_id", "recipient", "text", "status", "provider_reference", "encoding", "segments"}
    promised |= {"created_at", "updated_at", "events"}
    assert promised <= set(results[3][1].json())


def test_the_plan_tells_what_the_file_says(results):
    """Two segments as it is, one with look-alikes; and it would be accepted."""
    planned = results[7][1].json()
    assert (planned["accepted"], planned["segments"], planned["segments_if_transliterated"]) == (True, 2, 1)
