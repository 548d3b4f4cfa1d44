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
    """The headers of single sends; the key without the quotes of its quoted form."""
    answers = [send(stack, [body(), body(text="other")], key=one) for one in (key, f'"{key}"')]
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true"]
    assert [answer.headers.get("idempotency-key") for answer in answers] == [key, key]


def test_a_batch_without_a_key_of_its_own_tells_none(stack, key):
    """Its messages have theirs."""
    answer = send(stack, [body(idempotency_key=key)])
    assert (answer.status, "idempotency-key" in answer.headers) == (202, False)


@pytest.mark.parametrize("fields", [{}, {"duplicates": None}, {"duplicates": "COLLAPSE"}])
def test_equal_messages_are_one_unless_something_else_is_said(stack, key, fields):
    """The later one is answered with the first one's message, also when the batch is sent again."""
    before = count(stack)
    batch = [body(), body(text="other"), body(recipient="+233 20 000 0901")]
    first, again = (send(stack, batch, key=key, **fields) for _ in range(2))
    rows = first.json()["results"]
    assert [row["replayed"] for row in rows] == [False, False, True]
    assert rows[2]["message"] == rows[0]["message"]
    assert [row["message"]["id"] for row in again.json()["results"]] == [row["message"]["id"] for row in rows]
    assert [one.headers.get("idempotency-replayed") for one in (first, again)] == [None, "true"]
    assert count(stack) == before + 2


def test_equal_messages_are_allowed(stack, key):
    """Each is a message of its own."""
    rows = send(stack, [body(), body()], key=key, duplicates="ALLOW").json()["results"]
    assert [row["replayed"] for row in rows] == [False, False]
    assert rows[0]["message"]["id"] != rows[1]["message"]["id"]


def test_equal_messages_are_rejected(stack, key):
    """The later one is refused, by a code of its own; with ALL_OR_NOTHING all are, and nothing is stored."""
    before = count(stack)
    whole = send(stack, [body(), body()], key=key, duplicates="REJECT", error_policy="ALL_OR_NOTHING")
    problem = whole.json()
    assert (whole.status, problem["code"], "idempotency-key" in whole.headers) == (400, "BATCH_REFUSED", False)
    assert [one["refusal"]["code"] for one in problem["results"]] == ["BATCH_REFUSED", "DUPLICATE_IN_BATCH"]
    assert count(stack) == before
    each = send(stack, [body(), body()], key=key, duplicates="REJECT")
    first, later = each.json()["results"]
    assert (each.status, first["replayed"], later["refusal"]["field"]) == (202, False, None)
    assert (later["refusal"]["code"], "messages[0]" in later["refusal"]["detail"]) == ("DUPLICATE_IN_BATCH", True)
    assert count(stack) == before + 1


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
        ([body()], {"duplicates": "DROP"}, "INVALID_REQUEST", "duplicates"),
        ([body()], {"duplicates": 1}, "INVALID_REQUEST", "duplicates"),
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
