"""Texts from handsets over real HTTP: the simulator's handsets, the webhook, the workers, and what clients see."""

import json
import time
from itertools import count

import pytest

from tests.http import call
from tests.stack import OLD_SECRET
from tests.webhooks.test_receipts import signature

_people = count(1)


@pytest.fixture
def person():
    """A number of a person that nobody else here writes to."""
    return f"+23355{next(_people):07}"


def bring(stack, document, *, sign=signature, route="simulator", method="POST", body=None):
    """Bring a text, signed as `sign` says."""
    raw = json.dumps(document).encode() if body is None else body
    header = sign(raw)
    headers = {"Content-Type": "application/json"} | ({"X-Provider-Signature": header} if header is not None else {})
    return call(method, f"{stack.url}/api/webhooks/{route}/inbound/", raw, headers)


def text(person, words, *, reference=None, **more):
    """A text as the simulator tells it."""
    return {
        "reference": reference or f"mo-{time.monotonic_ns()}",
        "from": person,
        "to": "MyCorp",
        "text": words,
        **more,
    }


def listed(stack, **query):
    """What REST lists of texts from a person, newest first."""
    asked = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in query.items())
    return call("GET", f"{stack.url}/api/inbound/?{asked}").json()["texts"]


def wait_for_texts(stack, person, number):
    """Wait until there are so many texts from a person, and return what they say, oldest first."""
    end = time.monotonic() + 10
    while len(found := listed(stack, sender=person)) < number:
        assert time.monotonic() < end
        time.sleep(0.05)
    return [one["text"] for one in reversed(found)]


def converse(stack, person):
    """Send a person something, so that there is a conversation."""
    return stack.wait_for(stack.send(recipient=person).json()["id"], "DELIVERED")


@pytest.mark.parametrize("sign", [signature, lambda body: f"sha256={signature(body, OLD_SECRET)}"])
def test_a_text_is_stored_and_listed(stack, person, sign):
    """204 once it is there, with what it answers."""
    message = converse(stack, person)
    told = text(person, "Yes, tomorrow", received_at="2026-11-23T22:05:54.907Z")
    answer = bring(stack, told, sign=sign)
    assert (answer.status, answer.body) == (204, b"")
    (one,) = listed(stack, sender=person)
    assert {name: one[name] for name in ("sender", "recipient", "text", "answers", "test", "provider", "keyword")} == {
        "sender": person,
        "recipient": "MyCorp",
        "text": "Yes, tomorrow",
        "answers": message["id"],
        "test": False,
        "provider": "simulator",
        "keyword": None,
    }
    assert (one["sent_at"], one["complete"], one["text_discarded_at"]) == ("2026-11-23T22:05:54.907000Z", True, None)


@pytest.mark.parametrize(
    "sign",
    [
        lambda body: None,
        lambda body: "",
        lambda body: "0" * 64,
        lambda body: signature(body, "another secret"),
        lambda body: signature(body + b" "),
        lambda body: signature(b""),
    ],
)
def test_a_forged_text_is_refused(stack, person, sign):
    """401, and nobody's word is invented: nothing is stored, and nobody is opted out."""
    converse(stack, person)
    answer = bring(stack, text(person, "STOP"), sign=sign)
    assert (answer.status, answer.json()["code"]) == (401, "SIGNATURE_INVALID")
    assert listed(stack, sender=person) == []
    assert stack.send(recipient=person).status == 202


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b'{"reference":"r","from":"+233200000901","to":"1"}',
        b'{"reference":"","from":"+233200000901","to":"1","text":""}',
        b'{"reference":"r","from":7,"to":"1","text":""}',
        b'{"reference":"r","from":"+233200000901","to":"1","text":"","part":{"number":1}}',
        b"[" * 5000,
    ],
)
def test_what_is_no_text_is_refused(stack, body):
    """400 with a code of its own."""
    answer = bring(stack, None, body=body)
    assert (answer.status, answer.json()["code"]) == (400, "INBOUND_MALFORMED")


def test_what_cannot_be_is_refused(stack, person):
    """A route that nobody has; a text without end."""
    assert bring(stack, text(person, "Hi"), route="nobody").json()["code"] == "ROUTE_NOT_FOUND"
    assert bring(stack, text(person, "x" * 2_000_000)).status == 413
    assert call("PUT", f"{stack.url}/api/webhooks/simulator/inbound/").status == 405


def test_a_text_that_comes_again_is_the_same(stack, person):
    """Also in a list, beside another one."""
    told = text(person, "once")
    answers = [bring(stack, told), bring(stack, told), bring(stack, [told, text(person, "twice"), told])]
    assert [one.status for one in answers] == [204] * 3
    assert stack.query("SELECT text FROM sms_inboundmessage WHERE sender = %s ORDER BY id", person) == [
        ("once",),
        ("twice",),
    ]


def test_a_handset_of_the_simulator_answers(stack, person):
    """Whoever tries the service out: in parts, out of order, twice, and in the end as it was written."""
    converse(stack, person)
    handset = {"from": person, "to": "MyCorp"}

    def send(**fields):
        answer = call("POST", f"{stack.simulator_url}/v1/inbound", {**handset, **fields})
        assert answer.status == 202
        return answer.json()["reference"]

    reference = send(text="Hello")
    assert send(text="Hello", reference=reference) == reference
    assert wait_for_texts(stack, person, 1) == ["Hello"]
    for number, words in ((2, "come in "), (3, "parts"), (1, "Long texts ")):
        send(text=words, part={"reference": "7", "number": number, "total": 3})
    assert wait_for_texts(stack, person, 2) == ["Hello", "Long texts come in parts"]


def test_who_says_stop_gets_nothing_more_until_start(stack, person):
    """At the accept, from the queue, in a batch and in a plan; the confirmation alone goes out."""
    later = stack.send(recipient=person, send_at="2027-01-01T00:00:00Z").json()
    converse(stack, person)
    assert bring(stack, text(person, "Stop. Thank you!")).status == 204
    answer = stack.send(recipient=person)
    assert (answer.status, answer.json()["code"], answer.json()["field"]) == (400, "RECIPIENT_OPTED_OUT", "recipient")
    (one,) = call("GET", f"{stack.url}/api/opt-outs/?recipient={person.replace('+', '%2B')}").json()["opt_outs"]
    assert (one["recipient"], one["sender_id"], one["reason"], one["test"]) == (person, None, "STOP", False)
    assert listed(stack, sender=person, keyword="STOP")[0]["id"] == one["inbound_id"]
    stack.query("UPDATE sms_dispatchentry SET due_at = now() WHERE message_id = %s RETURNING 1", later["id"])
    rejected = stack.wait_for(later["id"], "REJECTED")
    assert (rejected["error_code"], [step["status"] for step in rejected["events"]]) == (
        "RECIPIENT_OPTED_OUT",
        ["SCHEDULED", "QUEUED", "REJECTED"],
    )
    assert bring(stack, text(person, "start")).status == 204
    assert stack.send(recipient=person).status == 202


def test_an_account_confirms_once(stack, person):
    """The text goes out though its recipient has opted out, and no other one does."""
    stack.query("UPDATE sms_account SET opt_out_reply = 'You get no more texts.' WHERE name = 'demo' RETURNING 1")
    converse(stack, person)
    bring(stack, text(person, "STOP"))
    bring(stack, text(person, "STOP"))
    end = time.monotonic() + 10
    asked = f"{stack.url}/api/messages/?recipient={person.replace('+', '%2B')}"
    while True:
        replies = [m for m in call("GET", asked).json()["messages"] if m["text"] == "You get no more texts."]
        if replies and replies[0]["status"] == "DELIVERED":
            break
        assert time.monotonic() < end, replies
        time.sleep(0.05)
    assert len(replies) == 1
    assert stack.send(recipient=person).json()["code"] == "RECIPIENT_OPTED_OUT"
    stack.query("UPDATE sms_account SET opt_out_reply = '' WHERE name = 'demo' RETURNING 1")


def test_a_stranger_is_nobodys_conversation(stack, person):
    """It is stored for an operator, and in no account's list."""
    bring(stack, text(person, "Who is this?"))
    assert listed(stack, sender=person) == []
    assert stack.query("SELECT account_id, text FROM sms_inboundmessage WHERE sender = %s", person) == [
        (None, "Who is this?")
    ]


def test_the_log_has_neither_numbers_nor_texts(stack, person):
    """Not even of what was refused."""
    bring(stack, text(person, "a canary in the mine"))
    bring(stack, text(person, "a canary in the mine"), sign=lambda _: "0" * 64)
    bring(stack, None, body=b'{"text":"a canary in the mine"')
    logs = "".join(child.log.read_text() for child in stack.children)
    assert "canary" not in logs
    assert person[1:] not in logs
