"""GET /api/messages/<id>/explain/: how a message came to be what it is."""

import uuid

from tests.http import call


def explain(stack, message_id, headers=None):
    """Ask for it."""
    return call("GET", f"{stack.url}/api/messages/{message_id}/explain/", None, headers or {})


def test_a_message_is_explained_in_order(stack):
    """From the accept to the receipt, each with a sentence and its time."""
    message = stack.wait_for(stack.send().json()["id"], "DELIVERED")
    answer = explain(stack, message["id"])
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    told = answer.json()
    assert told["id"] == message["id"]
    assert [one["kind"] for one in told["steps"]] == [
        *("STATUS", "ATTEMPT", "STATUS", "OUTCOME", "STATUS", "RECEIPT", "STATUS"),
    ]
    assert told["steps"][1]["sentence"] == "Attempt 1 goes by simulator."
    assert told["steps"][3]["sentence"] == f"simulator took it, as {message['provider_reference']}."
    assert told["steps"][5] == {
        "at": told["steps"][5]["at"],
        "kind": "RECEIPT",
        "sentence": "simulator reported 'DELIVERED', which is DELIVERED. It moved the status.",
        "provider": "simulator",
        "attempt": None,
        "status": "DELIVERED",
        "provider_status": "DELIVERED",
        "error_code": None,
    }
    assert [one["at"] for one in told["steps"]] == sorted(one["at"] for one in told["steps"])


def test_what_is_none_is_not_found(stack):
    """As for the message itself."""
    for name in (uuid.uuid4(), "nonsense", ""):
        answer = explain(stack, name)
        assert answer.status == 404
    assert explain(stack, uuid.uuid4()).json()["code"] == "MESSAGE_NOT_FOUND"


def test_it_takes_a_key_that_may_read(stack):
    """401 for another one."""
    message = stack.send().json()["id"]
    assert explain(stack, message, {"Authorization": "Bearer sms_live_nobodys"}).status == 401
