"""GET /api/events/ over real HTTP, against the whole service."""

import threading
import time
import uuid
from urllib.parse import urlencode

import pytest

from sms.feed_cursors import Cursor
from tests.http import call

WHOLE_LIFE = ["QUEUED", "SENDING", "SENT", "DELIVERED"]


def ask(stack, **parameters):
    """Ask for events; a list is given once for each of its values."""
    return call("GET", f"{stack.url}/api/events/?{urlencode(parameters, doseq=True)}")


def events(stack, **parameters):
    """Return what is answered, which must be a 200."""
    answer = ask(stack, **parameters)
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def delivered(stack, **fields):
    """Return a message that has had its life."""
    return stack.wait_for(stack.send(**fields).json()["id"], "DELIVERED")


def everything_after(stack, cursor, **parameters):
    """Return all events after a cursor, asked for until there are no more."""
    found = []
    while True:
        page = events(stack, after=cursor, **parameters)
        found += page["events"]
        cursor = page["cursor"]
        if not page["more"]:
            return found, cursor


def test_without_a_cursor_it_tells_where_the_feed_ends(stack):
    """Nothing that was before; at once, also for who would wait."""
    delivered(stack)
    begun = time.monotonic()
    assert events(stack, wait=5).keys() == {"events", "cursor", "more"}
    assert time.monotonic() - begun < 2
    page = events(stack)
    assert (page["events"], page["more"]) == ([], False)


def test_every_change_comes_once_and_in_order(stack):
    """With the same words as a message's history, and with what tells whose it is."""
    start = events(stack)["cursor"]
    label = f"order {uuid.uuid4()}"
    message = delivered(stack, client_reference=label)
    found, end = everything_after(stack, start, client_reference=label)
    history = [one for one in message["events"] if one["sequence"] is not None]
    known = ("cursor", "message_id", "client_reference", "final")
    assert [{name: value for name, value in one.items() if name not in known} for one in found] == history
    assert {(one["message_id"], one["client_reference"]) for one in found} == {(message["id"], label)}
    assert [one["final"] for one in found] == [False, False, False, True]
    assert everything_after(stack, end, client_reference=label)[0] == []
    for number, one in enumerate(found, start=1):
        assert everything_after(stack, one["cursor"], client_reference=label)[0] == found[number:]


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_it_comes_in_pieces(stack, limit):
    """Of any size; together they are the same."""
    start = events(stack)["cursor"]
    ids = [stack.send().json()["id"] for _ in range(3)]
    for one in ids:
        stack.wait_for(one, "DELIVERED")
    found, _ = everything_after(stack, start, limit=limit)
    for one in ids:
        assert [event["status"] for event in found if event["message_id"] == one] == WHOLE_LIFE


def test_only_what_is_wanted_is_told(stack):
    """Statuses may be given more than once."""
    start = events(stack)["cursor"]
    delivered(stack, client_reference="filtered")

    def statuses(**wanted):
        return [one["status"] for one in everything_after(stack, start, client_reference="filtered", **wanted)[0]]

    assert statuses(status=["SENT", "QUEUED"]) == ["QUEUED", "SENT"]
    assert statuses(final="true") == ["DELIVERED"]
    assert statuses(final="false") == WHOLE_LIFE[:-1]
    assert statuses(recipient="020 000 0901") == WHOLE_LIFE
    assert statuses(recipient="+233200000902") == []
    assert statuses(sender_id="MyCorp", status="SENT") == ["SENT"]
    assert statuses(sender_id="Other") == []


def test_who_waits_is_answered_when_something_happens(stack):
    """And when nothing does, after the time, with an empty list."""
    start = events(stack)["cursor"]
    label = f"waited for {uuid.uuid4()}"
    threading.Timer(0.7, lambda: stack.send(client_reference=label)).start()
    begun = time.monotonic()
    page = events(stack, after=start, client_reference=label, wait=5)
    assert 0.5 < time.monotonic() - begun < 4
    assert page["events"][0]["status"] == "QUEUED"
    begun = time.monotonic()
    page = events(stack, after=page["cursor"], client_reference="nobody's", wait=1)
    assert 0.9 < time.monotonic() - begun < 3
    assert page["events"] == []


@pytest.mark.parametrize(
    ("parameters", "code", "field"),
    [
        ({"after": "nonsense"}, "CURSOR_INVALID", "after"),
        ({"after": ""}, "CURSOR_INVALID", "after"),
        ({"after": "A" * 28}, "CURSOR_INVALID", "after"),
        ({"limit": "0"}, "INVALID_REQUEST", "limit"),
        ({"limit": "1001"}, "INVALID_REQUEST", "limit"),
        ({"limit": "-1"}, "INVALID_REQUEST", "limit"),
        ({"limit": "10²"}, "INVALID_REQUEST", "limit"),
        ({"limit": "9" * 5000}, "INVALID_REQUEST", "limit"),
        ({"limit": ["1", "2"]}, "INVALID_REQUEST", "limit"),
        ({"wait": "6"}, "INVALID_REQUEST", "wait"),
        ({"wait": "1.5"}, "INVALID_REQUEST", "wait"),
        ({"status": "NONSENSE"}, "INVALID_REQUEST", "status"),
        ({"final": "yes"}, "INVALID_REQUEST", "final"),
        ({"recipient": "nobody"}, "RECIPIENT_INVALID", "recipient"),
        ({"since": "yesterday"}, "INVALID_REQUEST", "since"),
    ],
)
def test_what_cannot_be_asked_is_refused(stack, parameters, code, field):
    """With the parameter to mend."""
    answer = ask(stack, **parameters)
    problem = answer.json()
    assert (answer.status, problem["code"], problem["field"]) == (400, code, field), problem
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_cursor_from_the_future_is_refused(stack):
    """Written as a cursor is, but ahead of everything."""
    answer = ask(stack, after=str(Cursor(2**62, 1)))
    assert (answer.status, answer.json()["code"]) == (400, "CURSOR_INVALID")
    assert "ahead of everything" in answer.json()["detail"]


def test_a_bad_key_sees_nothing(stack):
    """As everywhere."""
    answer = call("GET", f"{stack.url}/api/events/", headers={"Authorization": "Bearer sms_live_nobody"})
    assert (answer.status, answer.json()["code"]) == (401, "UNAUTHENTICATED")


def test_other_methods_and_paths(stack):
    """405 with what is possible; the slash at the end may be missing; nothing is below."""
    answer = call("POST", f"{stack.url}/api/events/", {})
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert call("GET", f"{stack.url}/api/events").status == 200
    assert call("GET", f"{stack.url}/api/events/1/").status == 404
