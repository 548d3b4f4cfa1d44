"""GET /api/messages/<id>/: one message with its history and attempts, and whether it is still what a client has."""

import time
import uuid

import pytest

from sms.models import MessageEvent, SubmitAttempt
from tests.accounts import make_caller
from tests.http import call
from tests.messages import apply, attempt, move, store
from tests.rest_api.http import problem, request
from tests.webhooks.test_receipts import report


def get(message_id, tag=None, **options):
    """Ask for a message, with the tag of what the client has."""
    headers = {} if tag is None else {"if-none-match": tag}
    return request("GET", f"/api/messages/{message_id}/", headers=headers, **options)


def test_attempts_are_shown_beside_the_history(account):
    """In their order; one that is open has no outcome."""
    message = store(account)
    attempt(message, number=2)
    failed = {"outcome": "NOT_SENT", "error_code": "PROVIDER_THROTTLED", "provider_error": "429", "detail": "slow down"}
    SubmitAttempt.objects.create(
        message=message, number=1, provider="one", finished_at=message.created_at, provider_reference="r-1", **failed
    )
    first, second = get(message.id).json()["attempts"]
    assert first.pop("started_at")
    created_at = get(message.id).json()["created_at"]
    known = {"number": 1, "provider": "one", "reason": None, "provider_reference": "r-1"}
    assert first == {**known, "finished_at": created_at, **failed}
    assert (second["number"], second["finished_at"], second["outcome"]) == (2, None, None)


def test_a_client_that_has_it_is_not_sent_it_again(account):
    """304 with the same tag and without a body, until something changes."""
    message = store(account)
    answer = get(message.id)
    tag = answer.headers["etag"]
    assert tag.startswith('"')
    assert tag.endswith('"')
    assert answer.headers["cache-control"] == "private, no-cache"
    again = get(message.id, tag)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert "content-length" not in again.headers
    assert get(message.id).headers["etag"] == tag


@pytest.mark.parametrize("written", ["W/{}", '"other", {}', '"a,b" ,W/{}', "*", " * ", '{}, "other"'])
def test_a_tag_may_be_given_in_every_way_of_the_rfc(account, written):
    """Weak, among others, or any (RFC 9110, section 13.1.2)."""
    message = store(account)
    assert get(message.id, written.format(get(message.id).headers["etag"])).status == 304


@pytest.mark.parametrize("written", ['"other"', "", "nonsense", '"', 'W/"', '"*"', "x" * 10_000])
def test_another_tag_gets_the_message(account, written):
    """And so does what is no tag."""
    message = store(account)
    answer = get(message.id, written)
    assert (answer.status, answer.json()["id"]) == (200, str(message.id))


def test_a_tag_without_its_quotes_is_another_one(account):
    """They belong to it."""
    message = store(account)
    assert get(message.id, get(message.id).headers["etag"].strip('"')).status == 200


CHANGES = {
    "status": lambda message: apply(move(message, "SENDING")),
    "note": lambda message: apply(move(message, None, provider_status="ENROUTE")),
    "reference": lambda message: apply(move(message, None, provider="simulator", provider_reference="r-1")),
    "attempt": attempt,
    "text discarded": lambda message: type(message).objects.filter(id=message.id).update(text=""),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_shows_changes_the_tag(account, change):
    """Also what has no sequence: a provider's word that moved nothing, an attempt, a text that is gone."""
    message = store(account)
    tag = get(message.id).headers["etag"]
    CHANGES[change](message)
    answer = get(message.id, tag)
    assert answer.status == 200
    assert answer.headers["etag"] != tag


def test_an_attempt_that_ends_changes_the_tag(account):
    """Though neither sequence nor history have grown."""
    message = store(account)
    tried = attempt(message)
    tag = get(message.id).headers["etag"]
    SubmitAttempt.objects.filter(id=tried.id).update(outcome="MAYBE_SENT")
    assert get(message.id, tag).json()["attempts"][0]["outcome"] == "MAYBE_SENT"
    assert MessageEvent.objects.filter(message=message).count() == 1


def test_two_messages_have_two_tags(account):
    """Though they say the same."""
    assert get(store(account).id).headers["etag"] != get(store(account).id).headers["etag"]


def test_another_accounts_message_does_not_exist_for_any_tag(account):
    """404 in the same words as for an id that nobody has, also to `*` and to its own tag."""
    theirs = store(make_caller("other", key="sms_other"))
    tag = get(theirs.id, key="sms_other").headers["etag"]
    nobodys = get(uuid.uuid4())
    for given in (None, "*", tag):
        answer = get(theirs.id, given)
        assert problem(answer) == (404, "MESSAGE_NOT_FOUND")
        assert (answer.body, answer.headers) == (nobodys.body, nobodys.headers)


def test_over_real_http_with_head_too(stack):
    """A note that comes by the webhook ends the 304s; HEAD has the headers, and no body."""
    message = stack.wait_for(stack.send(recipient="233200000905").json()["id"], "SENT")
    url = f"{stack.url}/api/messages/{message['id']}/"
    answer = call("GET", url)
    (tried,) = answer.json()["attempts"]
    assert (tried["outcome"], tried["provider_reference"]) == ("SENT", message["provider_reference"])
    known = {"If-None-Match": answer.headers["etag"]}
    head = call("HEAD", url)
    assert (head.status, head.body, head.headers["etag"]) == (200, b"", answer.headers["etag"])
    assert head.headers["content-length"] == str(len(answer.body))
    assert [call(method, url, headers=known).status for method in ("GET", "HEAD")] == [304, 304]
    report(stack, {"provider_reference": message["provider_reference"], "status": "ENROUTE"})
    end = time.monotonic() + 20
    while (again := call("GET", url, headers=known)).status == 304:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert again.json()["status"] == "SENT"
    assert again.json()["events"][-1]["provider_status"] == "ENROUTE"
