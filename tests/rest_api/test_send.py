"""POST /api/messages/ over real HTTP, against the whole service."""

import json
import uuid
from datetime import datetime, timedelta, timezone

import pytest

from tests.http import call
from tests.stack import API_KEY

OWN = {"metadata": {"order": "7"}}


def count(stack):
    """How many messages are stored."""
    return stack.query("SELECT count(*) FROM sms_message")[0][0]


def refused(stack, *, status, code, field=None, body=None, headers=None):
    """Send a request that must be refused, and check that nothing was stored."""
    before = count(stack)
    answer = call("POST", f"{stack.url}/api/messages/", body, headers)
    problem = answer.json()
    assert (answer.status, problem["code"], problem.get("field")) == (status, code, field), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["detail"]
    assert "Traceback" not in problem["detail"]
    assert count(stack) == before
    return problem


def body(**fields):
    """A message that would be accepted, with some fields changed."""
    return {"sender_id": "MyCorp", "recipient": "233200000901", "text": "Hello", **fields}


def test_a_message_is_accepted_and_shown(stack):
    """202 with the id, the status and the whole message, and a link to it."""
    key = f"k-{uuid.uuid4()}"
    answer = stack.send(key=key, text="Your code is 1234", client_reference="order-7", priority="OTP", **OWN)
    message = answer.json()
    assert answer.status == 202
    assert answer.headers["location"] == f"/api/messages/{message['id']}/"
    assert "idempotency-replayed" not in answer.headers
    assert answer.headers["idempotency-key"] == key
    expected = {
        "sender_id": "MyCorp",
        "recipient": "+233200000901",
        "text": "Your code is 1234",
        "text_discarded_at": None,
        "status": "QUEUED",
        "final": False,
        "provider": None,
        "provider_reference": None,
        "client_reference": "order-7",
        **OWN,
        "delivery_policy": "AT_MOST_ONCE",
        "priority": "OTP",
        "test": False,
        "send_at": None,
        "encoding": "GSM7",
        "segments": 1,
        "price": None,
        "error_code": None,
    }
    assert {name: message[name] for name in expected} == expected
    assert [(one["sequence"], one["status"]) for one in message["events"]] == [(1, "QUEUED")]
    assert message["created_at"] == message["updated_at"] == message["events"][0]["occurred_at"]
    assert message["created_at"].endswith("Z")


def test_a_message_waits_for_its_send_time_and_is_delivered(stack):
    """SCHEDULED at first, in whatever zone the time was written; a worker takes it when it is due."""
    at = datetime.now(timezone(timedelta(hours=5, minutes=30))) + timedelta(seconds=2)
    message = stack.send(send_at=at.isoformat()).json()
    assert message["status"] == "SCHEDULED"
    assert datetime.fromisoformat(message["send_at"]) == at
    shown = stack.wait_for(message["id"], "DELIVERED")
    assert [one["status"] for one in shown["events"]] == ["SCHEDULED", "QUEUED", "SENDING", "SENT", "DELIVERED"]
    assert datetime.fromisoformat(shown["events"][1]["occurred_at"]) >= at


def test_a_repeat_is_answered_with_the_same_message(stack):
    """The same key returns the first message, says so, and stores nothing."""
    key = f"k-{uuid.uuid4()}"
    first = stack.send(key=key)
    before = count(stack)
    again = stack.send(key=f'"{key}"', recipient="+233 20 000 0901")
    assert (again.status, again.json()["id"]) == (202, first.json()["id"])
    assert (again.headers["idempotency-replayed"], again.headers["idempotency-key"]) == ("true", key)
    assert count(stack) == before
    logs = "".join(child.log.read_text() for child in stack.children)
    assert logs
    assert key not in logs


def test_without_a_key_no_key_is_told(stack):
    """What the service makes of places is nobody's business."""
    assert "idempotency-key" not in stack.send().headers


def test_a_key_for_another_message_is_refused(stack):
    """The same key with another content is a conflict, and does not say what it was used for."""
    key = f"k-{uuid.uuid4()}"
    stack.send(key=key, text="the first text")
    problem = refused(
        stack,
        status=422,
        code="IDEMPOTENCY_KEY_REUSED",
        field="idempotency_key",
        body=body(text="another"),
        headers={"Idempotency-Key": key},
    )
    assert "first text" not in json.dumps(problem)


def test_a_refused_request_may_reuse_its_key(stack):
    """A refusal does not use up the key: the corrected request is accepted."""
    headers = {"Idempotency-Key": f"k-{uuid.uuid4()}"}
    refused(stack, status=400, code="TEXT_EMPTY", field="text", body=body(text=""), headers=headers)
    answer = call("POST", f"{stack.url}/api/messages/", body(), headers)
    assert (answer.status, "idempotency-replayed" in answer.headers) == (202, False)


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"sender_id": "BadSender"}, "SENDER_ID_NOT_ALLOWED", "sender_id"),
        ({"sender_id": "TwelveLetter"}, "SENDER_ID_INVALID", "sender_id"),
        ({"sender_id": "My/Corp"}, "SENDER_ID_INVALID", "sender_id"),
        ({"sender_id": ""}, "SENDER_ID_INVALID", "sender_id"),
        ({"text": "Please STOP sending me messages."}, "BLOCKED_KEYWORD", "text"),
        ({"text": "please stop"}, "BLOCKED_KEYWORD", "text"),
        ({"text": ""}, "TEXT_EMPTY", "text"),
        ({"text": " \n "}, "TEXT_EMPTY", "text"),
        ({"text": "a\0b"}, "TEXT_INVALID", "text"),
        ({"text": "a" * 10_001}, "TEXT_TOO_LONG", "text"),
        ({"text": "ж" * 671}, "TEXT_TOO_LONG", "text"),
        ({"recipient": ""}, "RECIPIENT_INVALID", "recipient"),
        ({"recipient": "12"}, "RECIPIENT_INVALID", "recipient"),
        ({"recipient": "not a number"}, "RECIPIENT_INVALID", "recipient"),
        ({"recipient": "+233200000901\0"}, "RECIPIENT_INVALID", "recipient"),
        ({"recipient": "+233302123456"}, "RECIPIENT_NOT_MOBILE", "recipient"),
        ({"client_reference": "x" * 256}, "CLIENT_REFERENCE_INVALID", "client_reference"),
        ({"client_reference": "a\nb"}, "CLIENT_REFERENCE_INVALID", "client_reference"),
        ({"txt": "Hello"}, "INVALID_REQUEST", "txt"),
        ({"text": 5}, "INVALID_REQUEST", "text"),
        ({"text": None}, "INVALID_REQUEST", "text"),
        ({"recipient": ["+233200000901"]}, "INVALID_REQUEST", "recipient"),
        ({"sender_id": {}}, "INVALID_REQUEST", "sender_id"),
        ({"client_reference": 7}, "INVALID_REQUEST", "client_reference"),
        ({"delivery_policy": "TWICE"}, "DELIVERY_POLICY_INVALID", "delivery_policy"),
        ({"delivery_policy": 1}, "INVALID_REQUEST", "delivery_policy"),
        ({"send_at": "2020-01-01T00:00:00Z"}, "SEND_AT_INVALID", "send_at"),
        ({"send_at": "tomorrow"}, "INVALID_REQUEST", "send_at"),
        ({"send_at": 1_900_000_000}, "INVALID_REQUEST", "send_at"),
        ({"priority": "URGENT"}, "PRIORITY_INVALID", "priority"),
        ({"priority": 1}, "INVALID_REQUEST", "priority"),
        ({"metadata": {"n" * 41: ""}}, "METADATA_INVALID", "metadata"),
        ({"metadata": {"n": 7}}, "INVALID_REQUEST", "metadata.n"),
        ({"metadata": ["n"]}, "INVALID_REQUEST", "metadata"),
        ({"valid_for": 59}, "VALID_FOR_INVALID", "valid_for"),
        ({"valid_for": 259_201}, "VALID_FOR_INVALID", "valid_for"),
        ({"valid_for": 10**30}, "INVALID_REQUEST", "valid_for"),
        ({"valid_for": True}, "INVALID_REQUEST", "valid_for"),
        ({"valid_for": 60.5}, "INVALID_REQUEST", "valid_for"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name(stack, fields, code, field):
    """Each rule has its code, names the field, and stores nothing."""
    refused(stack, status=400, code=code, field=field, body=body(**fields))


def test_a_text_over_ten_segments_is_refused_with_its_count(stack):
    """The caller learns how many segments the text would need."""
    assert "11" in refused(stack, status=400, code="TEXT_TOO_LONG", field="text", body=body(text="a" * 1531))["detail"]
    assert stack.send(text="a" * 1530).json()["segments"] == 10


@pytest.mark.parametrize("missing", ["sender_id", "recipient", "text"])
def test_a_missing_field_is_named(stack, missing):
    """Every required field is asked for by name."""
    given = {name: value for name, value in body().items() if name != missing}
    refused(stack, status=400, code="INVALID_REQUEST", field=missing, body=given)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"text": NaN}',
        b'{"text": "\xff"}',
        b'{"sender_id":"MyCorp","recipient":"233200000901","text":"lone \\ud800"}',
        b"[" * 5000 + b"]" * 5000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
)
def test_a_body_that_is_no_json_object_is_refused(stack, raw):
    """Broken, odd and 5,000-deep JSON is a 400 with a sentence."""
    refused(stack, status=400, code="INVALID_REQUEST", body=raw, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_media_type_is_refused(stack, media_type):
    """Only JSON is taken, and it has to say that it is JSON."""
    raw = json.dumps(body()).encode()
    refused(stack, status=400, code="INVALID_REQUEST", body=raw, headers={"Content-Type": media_type})


def test_a_body_over_64_kib_is_refused(stack):
    """65,537 bytes are too large, whether they are announced or come in chunks."""
    raw = json.dumps(body(text="a" * 70_000)).encode()
    refused(stack, status=413, code="BODY_TOO_LARGE", body=raw, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("key", ["x" * 256, "with space", "tab\there", '""', "ünïcode"])
def test_a_bad_idempotency_key_is_refused(stack, key):
    """A key has 1 to 255 visible ASCII characters."""
    headers = {"Idempotency-Key": key.encode("utf-8").decode("latin-1")}
    refused(stack, status=400, code="IDEMPOTENCY_KEY_INVALID", field="idempotency_key", body=body(), headers=headers)


def test_a_key_of_255_characters_is_taken(stack):
    """The longest key is a good key."""
    assert stack.send(key=uuid.uuid4().hex + "x" * 223).status == 202


@pytest.mark.parametrize(
    "authorization", ["Bearer wrong", "Bearer", "Bearer ", "Basic abc", "", "Bearer " + "x" * 5000]
)
def test_a_wrong_api_key_is_refused(stack, authorization):
    """A key that is given must be right, also where the operator lets requests come without one."""
    answer = call("POST", f"{stack.url}/api/messages/", body(), {"Authorization": authorization})
    assert (answer.status, answer.json()["code"]) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_demo_key_is_accepted(stack):
    """DEMO_API_KEY sends as the demo account."""
    answer = call("POST", f"{stack.url}/api/messages/", body(), {"Authorization": f"Bearer {API_KEY}"})
    assert answer.status == 202
    assert stack.message(answer.json()["id"])["id"] == answer.json()["id"]


def test_other_methods_are_refused(stack):
    """POST makes a message, GET lists them; the answer says so."""
    answer = call("PUT", f"{stack.url}/api/messages/", body())
    assert (answer.status, answer.headers["allow"], answer.json()["status"]) == (405, "POST, GET, HEAD", 405)


@pytest.mark.parametrize(
    "path", ["/api/messages/nonsense/", "/api/messages/%00/", "/api/messages/../x/", f"/api/messages/{uuid.uuid4()}/"]
)
def test_an_id_that_is_none_is_not_found(stack, path):
    """A malformed id and an unknown one are the same: there is no such message."""
    answer = call("GET", stack.url + path)
    assert (answer.status, answer.json()["code"]) == (404, "MESSAGE_NOT_FOUND")


@pytest.mark.parametrize("path", ["/api/other/", "/api/messagesx", "/api/webhooks/other/", "/nowhere"])
def test_an_unknown_path_is_not_found(stack, path):
    """No path answers with a server error or a stack trace."""
    answer = call("GET", stack.url + path)
    assert answer.status == 404
    assert b"Traceback" not in answer.body
