"""POST /api/messages/plan/ over real HTTP, against the whole service."""

# ruff: noqa: RUF001  letters that look alike are the very matter here

import pytest

from tests.http import call
from tests.rest_api.test_send import body, count


def plan(stack, *, key=None, **fields):
    """Plan one message."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return call("POST", f"{stack.url}/api/messages/plan/", body(**fields), headers)


def kept(rule, field):
    """The verdict of a rule that is kept."""
    return {"rule": rule, "ok": True, "code": None, "field": field, "detail": None}


def test_a_plan_is_shown_whole(stack):
    """200 with recipient, text, what forces UCS-2, every rule's verdict, and the route; nothing is stored."""
    before = count(stack)
    answer = plan(stack, text="It’s ready", key="k")
    assert answer.status == 200
    assert answer.json() == {
        "accepted": True,
        "recipient": {
            "number": "+233200000901",
            "country": "GH",
            "country_name": "Ghana",
            "carrier": "Telecel",
            "number_type": "MOBILE",
        },
        "text": "It’s ready",
        "encoding": "UCS2",
        "segments": 1,
        "characters": [
            {
                "character": "’",
                "name": "RIGHT SINGLE QUOTATION MARK",
                "count": 1,
                "positions": [2],
                "replacement": "'",
            }
        ],
        "segments_if_transliterated": 1,
        "verdicts": [
            kept("SENDER_ID", "sender_id"),
            kept("SENDER_ID_ALLOWED", "sender_id"),
            kept("RECIPIENT", "recipient"),
            kept("TEXT", "text"),
            kept("BLOCKED_KEYWORDS", "text"),
            kept("LENGTH", "text"),
            kept("CLIENT_REFERENCE", "client_reference"),
            kept("DELIVERY_POLICY", "delivery_policy"),
            kept("VALID_FOR", "valid_for"),
            kept("SEND_AT", "send_at"),
            kept("PRIORITY", "priority"),
            kept("METADATA", "metadata"),
            kept("IDEMPOTENCY_KEY", "idempotency_key"),
        ],
        "route": {"provider": "simulator", "batch": True, "reason": "there is no route yet"},
        "price": None,
    }
    assert count(stack) == before


def test_what_is_broken_is_a_verdict_and_no_problem(stack):
    """200 for a message that would be refused, with all its reasons."""
    answer = plan(stack, recipient="not a number", text="Please STOP", key="with space")
    shown = answer.json()
    assert (answer.status, shown["accepted"], shown["recipient"], shown["route"]) == (200, False, None, None)
    assert [one["code"] for one in shown["verdicts"] if one["ok"] is False] == [
        "RECIPIENT_INVALID",
        "BLOCKED_KEYWORD",
        "IDEMPOTENCY_KEY_INVALID",
    ]


@pytest.mark.parametrize(
    ("fields", "field"), [({"txt": "x"}, "txt"), ({"text": 7}, "text"), ({"transliterate": 1}, "transliterate")]
)
def test_a_request_of_the_wrong_shape_is_a_problem(stack, fields, field):
    """As for a send."""
    answer = plan(stack, **fields)
    assert (answer.status, answer.json()["code"], answer.json()["field"]) == (400, "INVALID_REQUEST", field)


def test_a_wrong_key_may_not_plan(stack):
    """401, and with no other method."""
    url = f"{stack.url}/api/messages/plan"
    assert call("POST", url, body(), {"Authorization": "Bearer wrong"}).status == 401
    assert call("GET", url).status == 405


def test_a_text_is_sent_with_look_alikes_where_that_is_asked_for(stack):
    """The message shows the text that is sent, alone and in a batch; without the field nothing is replaced."""
    sent = stack.send(text="“It’s ready” …", transliterate=True).json()
    assert (sent["text"], sent["encoding"]) == ('"It\'s ready" ...', "GSM7")
    assert stack.wait_for(sent["id"], "DELIVERED")["text"] == sent["text"]
    batch = {"messages": [body(text="½", transliterate=True), body(text="½")]}
    answer = call("POST", f"{stack.url}/api/messages/batch/", batch, {"Idempotency-Key": f"batch-{sent['id']}"})
    assert [one["message"]["text"] for one in answer.json()["results"]] == ["1/2", "½"]


def test_a_repeat_may_spell_the_text_as_it_is_sent(stack):
    """The key stands for the text that is sent."""
    key = f"plan-{count(stack)}-{id(stack)}"
    first = stack.send(key=key, text="“Hello”", transliterate=True).json()
    again = stack.send(key=key, text='"Hello"')
    assert (again.json()["id"], again.headers["idempotency-replayed"]) == (first["id"], "true")
    assert stack.send(key=key, text="“Hello”").status == 422
