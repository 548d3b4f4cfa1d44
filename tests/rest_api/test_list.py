"""GET /api/messages/: the account's messages, a page at a time."""

import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from sms import scopes
from sms.models import Message
from sms.statuses import Status
from tests.accounts import make_caller
from tests.http import call
from tests.messages import store, store_as
from tests.rest_api.http import problem, request

PATH = "/api/messages/"


def get(**query):
    """Ask for a page, which must be one; return its document."""
    answer = request("GET", PATH, query=query)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json"), answer.body
    return answer.json()


def ids(query):
    """Return the ids of a page."""
    answer = request("GET", PATH, query=query)
    assert answer.status == 200, answer.body
    return [one["id"] for one in answer.json()["messages"]]


def stored(account, count, **fields):
    """Accept so many messages; return their ids, newest first."""
    return [str(store(account, **fields).id) for _ in range(count)][::-1]


def test_a_page_has_messages_without_their_history(account):
    """As `GET /api/messages/<id>/` shows them, less `events` and `attempts`."""
    message = store(account, client_reference="order-7", metadata=[("n", "v")])
    alone = request("GET", f"{PATH}{message.id}/").json()
    assert {"events", "attempts"} <= alone.keys()
    less = {name: value for name, value in alone.items() if name not in {"events", "attempts"}}
    assert get() == {"messages": [less], "next": None}


def test_pages_follow_each_other_by_cursor_or_by_link(account):
    """`next` is what to give as `after`; the header `Link` has the whole address, with the same parameters."""
    expected = stored(account, 5)
    query = [("limit", "2"), ("status", "QUEUED"), ("status", "SENT"), ("recipient", "+233200000901")]
    found, pages, path = [], 0, None
    while True:
        if path is None:
            answer = request("GET", PATH, query=query)
        else:
            answer = request("GET", path.path, query=path.query.encode())
        found += [one["id"] for one in answer.json()["messages"]]
        pages += 1
        cursor = answer.json()["next"]
        if cursor is None:
            assert "link" not in answer.headers
            break
        assert ids([*query, ("after", cursor)]) == expected[len(found) : len(found) + 2]
        path = urlsplit(re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers["link"])[1])
        assert path.path == PATH
        assert parse_qsl(path.query) == [*query, ("after", cursor)]
    assert (found, pages) == (expected, 3)


def test_a_page_has_fifty_messages_unless_told_otherwise(account):
    """From 1 to 100."""
    stored(account, 51)
    assert [len(ids(query)) for query in ({}, {"limit": 1}, {"limit": 100})] == [50, 1, 51]


def test_an_account_without_messages_has_one_empty_page(account):
    """And no next one."""
    assert get() == {"messages": [], "next": None}


def test_every_filter_is_applied(account):
    """Each by itself, and all together."""
    store(account)
    one = store_as(account, Status.FAILED, recipient="+233200000902", client_reference="Bestellung »7«")
    Message.objects.filter(id=one.id).update(sender_id="A & B+", is_test=True)
    second = timedelta(seconds=1)
    filters = {
        "status": "FAILED",
        "recipient": "0200000902",
        "sender_id": "A & B+",
        "client_reference": "Bestellung »7«",
        "test": "true",
        "created_after": one.created_at.isoformat(),
        "created_before": (one.created_at + second).isoformat(),
    }
    for name in filters.keys() - {"created_before"}:
        assert ids({name: filters[name]}) == [str(one.id)], name
    assert ids(filters) == [str(one.id)]
    for name, other in {
        "status": "QUEUED",
        "recipient": "0200000903",
        "sender_id": "MyCorp",
        "client_reference": "order-8",
        "test": "false",
        "created_after": (one.created_at + second).isoformat(),
        "created_before": one.created_at.isoformat(),
    }.items():
        assert ids({**filters, name: other}) == [], name


@pytest.mark.parametrize("status", list(Status))
def test_each_status_can_be_asked_for(account, status):
    """By itself or with others."""
    one = store_as(account, status)
    assert ids({"status": status}) == ids([("status", status), ("status", "CANCELED")]) == [str(one.id)]


@pytest.mark.parametrize(
    "written", [b"2020-01-01T00:00:00+01:00", b"2020-01-01T00:00:00%2B01:00", b"2020-01-01T00:00Z"]
)
def test_a_plus_in_an_address_may_be_just_a_plus(account, written):
    """A form would read it as a space, and in a time or a number that can be nothing else."""
    expected = stored(account, 1)
    query = b"recipient=+233200000901&created_after=" + written
    answer = request("GET", PATH, query=query)
    assert [one["id"] for one in answer.json()["messages"]] == expected


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=0", "PAGE_SIZE_INVALID", "limit"),
        ("limit=101", "PAGE_SIZE_INVALID", "limit"),
        ("limit=-1", "PAGE_SIZE_INVALID", "limit"),
        ("limit=", "INVALID_REQUEST", "limit"),
        ("limit=ten", "INVALID_REQUEST", "limit"),
        ("limit=1.5", "INVALID_REQUEST", "limit"),
        ("limit=%D9%A1", "INVALID_REQUEST", "limit"),
        ("limit=" + "9" * 5000, "INVALID_REQUEST", "limit"),
        ("limit=5&limit=5", "INVALID_REQUEST", "limit"),
        ("after=", "CURSOR_INVALID", "after"),
        ("after=nonsense", "CURSOR_INVALID", "after"),
        ("after=%00", "CURSOR_INVALID", "after"),
        ("after=AQGiCnG5PnEZli9bJm54Hq", "CURSOR_INVALID", "after"),
        ("status=", "INVALID_REQUEST", "status"),
        ("status=delivered", "INVALID_REQUEST", "status"),
        ("status=SENT,FAILED", "INVALID_REQUEST", "status"),
        ("recipient=", "RECIPIENT_INVALID", "recipient"),
        ("recipient=12", "RECIPIENT_INVALID", "recipient"),
        ("recipient=%00", "RECIPIENT_INVALID", "recipient"),
        ("recipient=%2B233302123456", "RECIPIENT_NOT_MOBILE", "recipient"),
        ("recipient=0200000901&recipient=0200000902", "INVALID_REQUEST", "recipient"),
        ("sender_id=", "SENDER_ID_INVALID", "sender_id"),
        ("sender_id=a%00b", "SENDER_ID_INVALID", "sender_id"),
        ("client_reference=", "CLIENT_REFERENCE_INVALID", "client_reference"),
        ("client_reference=%00", "CLIENT_REFERENCE_INVALID", "client_reference"),
        ("client_reference=" + "x" * 256, "CLIENT_REFERENCE_INVALID", "client_reference"),
        ("created_after=tomorrow", "INVALID_REQUEST", "created_after"),
        ("created_after=2026-01-31T09:00:00", "FILTER_INVALID", "created_after"),
        ("created_before=1900000000", "INVALID_REQUEST", "created_before"),
        ("created_before=2026-01-31", "FILTER_INVALID", "created_before"),
        ("test=1", "INVALID_REQUEST", "test"),
        ("test=True", "INVALID_REQUEST", "test"),
        ("metadata=x", "INVALID_REQUEST", "metadata"),
        ("first=1", "INVALID_REQUEST", "first"),
        ("Limit=1", "INVALID_REQUEST", "Limit"),
        ("=1", "INVALID_REQUEST", ""),
        ("x" * 500 + "=1", "INVALID_REQUEST", "x" * 50),
    ],
)
def test_what_cannot_be_listed_is_refused_by_name(account, query, code, field):
    """400 with a code and the parameter to mend."""
    answer = request("GET", PATH, query=query.encode())
    assert (*problem(answer), answer.json()["field"]) == (400, code, field)
    assert answer.json()["detail"]


@pytest.mark.parametrize("query", [b"%", b"%ff%fe", b"&&;&", b"status", b"\xff\xfe=1", b"a=" + b"%f0%9f" * 1000])
def test_a_query_string_may_be_anything(account, query):
    """It is understood or refused, and never breaks the service."""
    assert request("GET", PATH, query=query).status in {200, 400}


def test_another_accounts_messages_are_in_no_list(account):
    """Not by a number, a reference, or a cursor of theirs."""
    mine = stored(account, 2)
    other = make_caller("other", key="sms_other")
    stored(other, 2, client_reference="theirs")
    cursor = request("GET", PATH, query={"limit": 1}, key="sms_other").json()["next"]
    assert ids({}) == ids({"recipient": "0200000901"}) == ids({"after": cursor}) == mine
    assert get(client_reference="theirs") == get(client_reference="nobodys") == {"messages": [], "next": None}


def test_a_key_without_the_scope_may_not_list(account):
    """403; and 401 without a key that is good."""
    make_caller("sender", key="sms_sender", granted=[scopes.SEND])
    assert problem(request("GET", PATH, key="sms_sender")) == (403, "PERMISSION_DENIED")
    assert problem(request("GET", PATH, key="sms_nobody")) == (401, "UNAUTHENTICATED")


def test_over_real_http_with_head_too(stack):
    """With and without the last slash; HEAD has the headers, and no body."""
    reference = "of-the-list-test"
    sent = [stack.send(client_reference=reference).json()["id"] for _ in range(3)]
    for path in (PATH, PATH.rstrip("/")):
        url = f"{stack.url}{path}?client_reference={reference}&limit=2"
        answer = call("GET", url)
        assert [one["id"] for one in answer.json()["messages"]] == sent[:0:-1]
        head = call("HEAD", url)
        assert (head.status, head.body, head.headers["link"]) == (200, b"", answer.headers["link"])
    following = call("GET", stack.url + re.match("<(.+)>", answer.headers["link"])[1])
    assert [one["id"] for one in following.json()["messages"]] == sent[:1]
