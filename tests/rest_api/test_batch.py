"""POST /api/messages/batch/ over real HTTP, against the whole service."""

import uuid

import pytest

from tests.http import call
from tests.rest_api.test_send import body, count
from tests.stack import API_KEY


def send(stack, messages, *, key=None, **fields):
    """Send a batch."""
    headers = {"Authorization": f"Bearer {API_KEY}", **({} if key is None else {"Idempotency-Key": key})}
    return call("POST", f"{stack.url}/api/messages/batch/", {"messages": messages, **fields}, headers)


@pytest.fixture
def key():
    """A key that nobody has used."""
    return f"batch-{uuid.uuid4()}"


def test_each_message_has_a_result_in_its_place(stack, key):
    """202 with messages and refusals; sent again, it is the same, and says so."""
    batch = [body(text="one"), body(text="Please STOP"), body(text="three", client_reference="order-3")]
    answer = send(stack, batch, key=key)
    shown = answer.json()
    assert (answer.status, shown["accepted"], shown["refused"]) == (202, 2, 1)
    first, refused, last = shown["results"]
    assert (first["message"]["text"], first["replayed"]) == ("one", False)
    assert (last["message"]["client_reference"], last["message"]["status"]) == ("order-3", "QUEUED")
    assert (refused["refusal"]["code"], refused["refusal"]["field"]) == ("BLOCKED_KEYWORD", "text")
    assert refused["refusal"]["detail"]
    assert stack.query("SELECT count(*) FROM sms_message WHERE client_reference = 'order-3'") == [(1,)]
    again = send(stack, [batch[0], batch[2]], key=key).json()
    assert again["results"][0] == {**first, "replayed": True, "message": again["results"][0]["message"]}
    assert again["results"][0]["message"]["id"] == first["message"]["id"]


def test_a_whole_repeat_says_so(stack, key):
    """The header of single sends."""
    answers = [send(stack, [body(), body()], key=key) for _ in range(2)]
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true"]


def test_none_accepted_is_a_problem_that_shows_the_results(stack, key):
    """400 with a code, and with each reason; nothing is stored."""
    before = count(stack)
    answer = send(stack, [body(), body(sender_id="BadSender")], key=key, error_policy="ALL_OR_NOTHING")
    problem = answer.json()
    assert (answer.status, problem["code"], problem["accepted"], problem["refused"]) == (400, "BATCH_REFUSED", 0, 2)
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["refusal"]["code"] for one in problem["results"]] == ["BATCH_REFUSED", "SENDER_ID_NOT_ALLOWED"]
    assert count(stack) == before


@pytest.mark.parametrize(
    ("messages", "more", "code", "field"),
    [
        ("x", {}, "INVALID_REQUEST", "messages"),
        (["x"], {}, "INVALID_REQUEST", "messages[0]"),
        ([body(), body(text=7)], {}, "INVALID_REQUEST", "messages[1].text"),
        ([body(), {}], {}, "INVALID_REQUEST", "messages[1].sender_id"),
        ([body(sender="x")], {}, "INVALID_REQUEST", "messages[0].sender"),
        ([body(idempotency_key=1)], {}, "INVALID_REQUEST", "messages[0].idempotency_key"),
        ([body()], {"error_policy": "NONE"}, "INVALID_REQUEST", "error_policy"),
        ([body()], {"extra": 1}, "INVALID_REQUEST", "extra"),
        ([], {}, "BATCH_INVALID", "messages"),
        ([body()] * 1001, {}, "BATCH_INVALID", "messages"),
    ],
)
def test_a_batch_that_cannot_be_taken_is_a_problem(stack, messages, more, code, field):
    """400 with the code and the field to mend, and nothing is stored."""
    before = count(stack)
    answer = send(stack, messages, key="unused", **more)
    problem = answer.json()
    assert (answer.status, problem["code"], problem["field"]) == (400, code, field)
    assert problem["detail"]
    assert count(stack) == before


def test_a_batch_without_a_key_is_refused(stack):
    """It could not be repeated."""
    answer = send(stack, [body()])
    assert (answer.status, answer.json()["code"]) == (400, "IDEMPOTENCY_KEY_REQUIRED")


def test_a_body_may_be_as_large_as_a_batch_and_not_larger(stack, key):
    """413 for what no batch can need."""
    answer = send(stack, [body(text="x" * 4_200_000)], key=key)
    assert (answer.status, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
