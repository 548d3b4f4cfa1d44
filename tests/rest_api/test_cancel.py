"""POST /api/messages/<id>/cancel/, without workers."""

import uuid

import pytest

from sms import scopes
from sms.models import Message
from sms.statuses import Status
from tests.accounts import make_caller
from tests.http import call
from tests.messages import history, store, store_as
from tests.rest_api.http import problem, request


def cancel(message_id, **options):
    """Cancel one message."""
    return request("POST", f"/api/messages/{message_id}/cancel/", **options)


def test_a_message_is_withdrawn_and_shown(account):
    """200 with the message as GET shows it; a repeat is answered the same."""
    message = store(account)
    answer = cancel(message.id)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert (answer.json()["status"], answer.json()["final"]) == ("CANCELED", True)
    assert [(one["sequence"], one["status"]) for one in answer.json()["events"]] == [(1, "QUEUED"), (2, "CANCELED")]
    assert answer.json() == cancel(message.id).json()
    assert {**answer.json(), "attempts": []} == request("GET", f"/api/messages/{message.id}/").json()
    assert history(message) == [(1, "QUEUED"), (2, "CANCELED")]


def test_the_path_needs_no_slash_at_its_end(account):
    """As the other paths."""
    assert request("POST", f"/api/messages/{store(account).id}/cancel").status == 200


def test_what_was_sent_is_a_conflict(account):
    """409 with a sentence that names the present status, and nothing changes."""
    message = store_as(account, Status.SENT)
    answer = cancel(message.id)
    assert problem(answer) == (409, "NOT_CANCELABLE")
    assert "SENT" in answer.json()["detail"]
    assert history(message) == [(1, "SENT")]


@pytest.mark.parametrize("message_id", ["nonsense", "", "123", "\0", "x/y", "💥", "0" * 5000, str(uuid.uuid4())])
def test_an_id_that_is_none_is_not_found(account, message_id):
    """A malformed id and one that nobody has are the same."""
    assert problem(cancel(message_id)) == (404, "MESSAGE_NOT_FOUND")


def test_another_accounts_message_is_not_found(account):
    """It stays as it is."""
    theirs = store(make_caller("other"))
    assert problem(cancel(theirs.id)) == (404, "MESSAGE_NOT_FOUND")
    assert history(theirs) == [(1, "QUEUED")]


def test_a_key_without_the_scope_may_not_cancel(transactional_db):
    """403, and nothing changes; a wrong key is 401."""
    message = store(make_caller("reader", key="sms_reader", granted=[scopes.READ]))
    assert problem(cancel(message.id, key="sms_reader")) == (403, "PERMISSION_DENIED")
    assert problem(cancel(message.id, key="sms_wrong")) == (401, "UNAUTHENTICATED")
    assert history(message) == [(1, "QUEUED")]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(account, method):
    """Only POST cancels; the answer says so."""
    message = store(account)
    answer = request(method, f"/api/messages/{message.id}/cancel/")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert Message.objects.get().status == "QUEUED"


def test_over_a_real_connection(stack):
    """Through the whole service: what the provider has cannot be withdrawn."""
    message_id = stack.send(recipient="233200000905").json()["id"]
    stack.wait_for(message_id, "SENT")
    answer = call("POST", f"{stack.url}/api/messages/{message_id}/cancel/")
    assert problem(answer) == (409, "NOT_CANCELABLE")
