"""POST /api/webhooks/dlr/ over real HTTP, against the whole service."""

import hashlib
import hmac
import json
import uuid

import pytest

from tests.http import call
from tests.stack import OLD_SECRET, SECRET


def signature(body, secret=SECRET):
    """Sign as a provider does."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def report(stack, document, *, sign=None, body=None):
    """Send a receipt, signed as `sign` says (rightly, where it does not)."""
    raw = json.dumps(document).encode() if body is None else body
    header = signature(raw) if sign is None else sign(raw)
    headers = {"Content-Type": "application/json"} | ({"X-Provider-Signature": header} if header is not None else {})
    return call("POST", f"{stack.url}/api/webhooks/dlr/", raw, headers)


def stored(stack, reference):
    """The receipts kept for a reference."""
    return stack.query("SELECT provider_status, outcome FROM sms_receipt WHERE provider_reference = %s", reference)


BODY = "SELECT body FROM sms_receipt WHERE provider_reference = %s"


def silent_message(stack):
    """A message whose provider sends no receipt of its own."""
    return stack.wait_for(stack.send(recipient="233200000905").json()["id"], "SENT")


@pytest.mark.parametrize(
    "sign",
    [
        signature,
        lambda body: f"sha256={signature(body)}",
        lambda body: signature(body).upper(),
        lambda body: signature(body, OLD_SECRET),
    ],
    ids=["plain", "prefixed", "upper-case", "second-secret"],
)
def test_a_signed_receipt_moves_its_message(stack, sign):
    """202 once stored, and the message becomes what the receipt says."""
    message = silent_message(stack)
    answer = report(stack, {"provider_reference": message["provider_reference"], "status": "DELIVERED"}, sign=sign)
    assert (answer.status, answer.json()) == (202, {"stored": 1})
    done = stack.wait_for(message["id"], "DELIVERED")
    assert [one["status"] for one in done["events"]] == ["QUEUED", "SENDING", "SENT", "DELIVERED"]
    assert done["events"][-1]["provider_status"] == "DELIVERED"


@pytest.mark.parametrize(
    "sign",
    [
        lambda body: None,
        lambda body: "",
        lambda body: "sha256=",
        lambda body: "0" * 64,
        lambda body: signature(body, "another secret"),
        lambda body: signature(body + b" "),
        lambda body: signature(body)[:-1],
        lambda body: "ÿ" * 64,
        lambda body: signature(b""),
    ],
)
def test_an_unsigned_or_wrongly_signed_receipt_is_refused(stack, sign):
    """401, and nothing is stored."""
    reference = f"ref-{uuid.uuid4()}"
    answer = report(stack, {"provider_reference": reference, "status": "DELIVERED"}, sign=sign)
    assert (answer.status, answer.json()["code"]) == (401, "SIGNATURE_INVALID")
    assert stored(stack, reference) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"provider_reference":"r"}',
        b'{"status":"DELIVERED"}',
        b'{"provider_reference":"","status":"DELIVERED"}',
        b'{"provider_reference":5,"status":"DELIVERED"}',
        b'{"provider_reference":"r","status":null}',
        b'{"provider_reference":"r\\u0000","status":"DELIVERED"}',
        b'{"provider_reference":"' + b"r" * 256 + b'","status":"DELIVERED"}',
        b'{"provider_reference":"r","status":"' + b"x" * 65 + b'"}',
        b"[" * 5000,
        b"\xff\xfe",
    ],
)
def test_a_malformed_receipt_is_refused(stack, body):
    """400 with a sentence, and nothing is stored."""
    before = stack.query("SELECT count(*) FROM sms_receipt WHERE provider_reference LIKE 'r%%'")
    answer = report(stack, None, body=body)
    assert (answer.status, answer.json()["code"]) == (400, "RECEIPT_MALFORMED")
    assert stack.query("SELECT count(*) FROM sms_receipt WHERE provider_reference LIKE 'r%%'") == before


def test_a_receipt_over_64_kib_is_refused(stack):
    """413 before anything is verified or stored."""
    answer = report(stack, {"provider_reference": "large", "status": "DELIVERED", "x": "x" * 70_000})
    assert (answer.status, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert stored(stack, "large") == []


def test_a_receipt_for_an_unknown_message_is_kept(stack):
    """202: it waits for its message, as a receipt may come first."""
    reference = f"ref-{uuid.uuid4()}"
    assert report(stack, {"provider_reference": reference, "status": "DELIVERED"}).status == 202
    assert stored(stack, reference) == [("DELIVERED", None)]


def test_unknown_fields_and_words_are_taken(stack):
    """Providers add parameters and words without notice; an unknown word moves nothing."""
    message = silent_message(stack)
    document = {"provider_reference": message["provider_reference"], "status": "SOMETHING_NEW", "extra": {"a": [1]}}
    assert report(stack, document).status == 202
    assert report(stack, {**document, "status": "delivered", "client_reference": "their own"}).status == 202
    done = stack.wait_for(message["id"], "DELIVERED")
    assert [(one["sequence"], one["provider_status"]) for one in done["events"][3:]] == [
        (None, "SOMETHING_NEW"),
        (4, "delivered"),
    ]


@pytest.mark.parametrize("word", ["UNDELIVERED", "FAILED", "REJECTED", "EXPIRED"])
def test_each_final_word_becomes_its_status(stack, word):
    """The webhook speaks the same words as the API, and the error code is kept."""
    message = silent_message(stack)
    report(stack, {"provider_reference": message["provider_reference"], "status": word, "error_code": "e-42"})
    shown = stack.wait_for(message["id"], word)
    assert (shown["error_code"], shown["events"][-1]["provider_error"]) == ("UNCLASSIFIED", "e-42")


def test_get_is_refused(stack):
    """A person who opens the address in a browser is told what it is for."""
    answer = call("GET", f"{stack.url}/api/webhooks/dlr/")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_receipts_may_come_in_a_list(stack):
    """Each is stored with its own part of the body, and moves its own message."""
    messages = [silent_message(stack) for _ in range(3)]
    receipts = [
        {"provider_reference": message["provider_reference"], "status": word}
        for message, word in zip(messages, ("DELIVERED", "UNDELIVERED", "DELIVERED"), strict=True)
    ]
    answer = report(stack, receipts)
    assert (answer.status, answer.json()) == (202, {"stored": 3})
    for message, told in zip(messages, receipts, strict=True):
        stack.wait_for(message["id"], told["status"])
        ((body,),) = stack.query(BODY, told["provider_reference"])
        assert json.loads(bytes(body)) == told


def test_a_list_with_something_else_in_it_is_refused_whole(stack):
    """400 and nothing stored, so that the provider sends all of it again."""
    reference = f"ref-{uuid.uuid4()}"
    good = {"provider_reference": reference, "status": "DELIVERED"}
    for bad in ([good, 7], [good, {"status": "DELIVERED"}], []):
        answer = report(stack, bad)
        assert (answer.status, answer.json()["code"]) == (400, "RECEIPT_MALFORMED")
    assert stored(stack, reference) == []
