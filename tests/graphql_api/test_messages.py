"""`messages`: the account's messages, a page at a time, and what belongs to each, read for all of them at once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db.backends.utils import CursorWrapper

from graphql_api import loaders
from sms import cursors, listing, scopes
from sms.database import in_thread
from sms.models import Message, SubmitAttempt
from tests.accounts import make_caller
from tests.graphql_api.conftest import change
from tests.graphql_api.http import EVERYTHING, SEND, given, post
from tests.graphql_api.sockets import opened
from tests.messages import attempt, store, store_as

pytestmark = pytest.mark.django_db(transaction=True)

LIST = """
query ($filter: MessageFilter, $first: Int, $after: String) {
  messages(filter: $filter, first: $first, after: $after) {
    edges { cursor node { id } }
    nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
ATTEMPTS = "attempts { number provider startedAt finishedAt outcome providerReference errorCode providerError detail }"
FULL = "query ($first: Int) { messages(first: $first) { nodes { ...Everything %s } } }" % ATTEMPTS + EVERYTHING
LAST_PAGE = {"hasNextPage": False, "hasPreviousPage": False}


async def page(**variables):
    """Ask for a page of ids."""
    return (await post(LIST, variables)).data["messages"]


async def ids(**filter_):
    """Return the ids of the first page, checked to be the same in `edges` and in `nodes`."""
    found = await page(filter=filter_)
    in_nodes = [node["id"] for node in found["nodes"]]
    assert [edge["node"]["id"] for edge in found["edges"]] == in_nodes
    return in_nodes


async def stored(account, count, **fields):
    """Accept so many messages; return their ids, newest first."""
    made = [await in_thread(lambda: store(account, **fields)) for _ in range(count)]
    return [str(one.id) for one in reversed(made)]


async def test_pages_follow_each_other_as_relay_has_it(account):
    """Newest first; `endCursor` is the last edge's, and leads on until there is no more."""
    expected = await stored(account, 3)
    first = await page(first=2)
    assert [edge["node"]["id"] for edge in first["edges"]] == expected[:2]
    assert first["nodes"] == [{"id": one} for one in expected[:2]]
    cursors_ = [edge["cursor"] for edge in first["edges"]]
    assert first["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": cursors_[0],
        "endCursor": cursors_[1],
    }
    last = await page(first=2, after=cursors_[1])
    (edge,) = last["edges"]
    assert edge["node"]["id"] == expected[2]
    assert last["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": True,
        "startCursor": edge["cursor"],
        "endCursor": edge["cursor"],
    }


async def test_a_page_may_be_short_or_empty_and_not_the_last(account, monkeypatch):
    """Where few match, `endCursor` is where the looking ended: it leads on also from an empty page."""
    monkeypatch.setattr(listing, "LOOKED_AT", 3)
    (oldest,) = await stored(account, 1)
    await in_thread(lambda: Message.objects.filter(id=oldest).update(status="FAILED"))
    looked_at = (await stored(account, 4))[:3]
    first = await page(filter={"statuses": ["FAILED"]}, first=1)
    assert (first["edges"], first["nodes"]) == ([], [])
    assert first["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": cursors.encode(UUID(looked_at[-1])),
    }
    second = await page(filter={"statuses": ["FAILED"]}, first=1, after=first["pageInfo"]["endCursor"])
    assert second["nodes"] == [{"id": oldest}]
    assert second["pageInfo"]["hasNextPage"] is False


async def test_without_messages_there_is_one_empty_page(account):
    """And no cursor."""
    assert await page() == {
        "edges": [],
        "nodes": [],
        "pageInfo": LAST_PAGE | {"startCursor": None, "endCursor": None},
    }


async def test_a_page_has_fifty_messages_unless_more_or_fewer_are_asked_for(account):
    """Null is as if nothing were asked for."""
    await stored(account, 51)
    sizes = [len((await page(**asked))["nodes"]) for asked in ({}, {"first": None}, {"first": 1}, {"first": 100})]
    assert sizes == [50, 50, 1, 51]


async def test_a_list_may_be_asked_for_without_variables(account):
    """As a person types it."""
    (expected,) = await stored(account, 1)
    document = '{ messages(filter: {statuses: [QUEUED, SENT], recipient: "0200000901"}, first: 1) { nodes { id } } }'
    assert (await post(document)).data == {"messages": {"nodes": [{"id": expected}]}}


async def test_every_filter_is_applied(account):
    """Each by itself, and all together."""
    await in_thread(store, account)
    one = await in_thread(lambda: store_as(account, "FAILED", recipient="+233200000902", client_reference="order-7"))
    await in_thread(lambda: Message.objects.filter(id=one.id).update(sender_id="Other", is_test=True))
    second = timedelta(seconds=1)
    filters = {
        "statuses": ["FAILED", "CANCELED"],
        "recipient": "0200000902",
        "senderId": "Other",
        "clientReference": "order-7",
        "test": True,
        "createdAfter": one.created_at.isoformat(),
        "createdBefore": (one.created_at + second).isoformat(),
    }
    for name in filters.keys() - {"createdBefore"}:
        assert await ids(**{name: filters[name]}) == [str(one.id)], name
    assert await ids(**filters) == [str(one.id)]
    for name, other in {
        "statuses": ["QUEUED"],
        "recipient": "0200000903",
        "senderId": "MyCorp",
        "clientReference": "order-8",
        "test": False,
        "createdAfter": (one.created_at + second).isoformat(),
        "createdBefore": one.created_at.isoformat(),
    }.items():
        assert await ids(**{**filters, name: other}) == [], name


async def test_a_filter_with_nothing_but_null_is_none(account):
    """A client that sends all fields may leave those empty that it does not mean."""
    expected = await stored(account, 1)
    names = ("statuses", "recipient", "senderId", "clientReference", "createdAfter", "createdBefore", "test")
    assert await ids(**dict.fromkeys(names)) == expected
    assert await ids() == expected
    assert await ids(statuses=[]) == []


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"first": 0}, "PAGE_SIZE_INVALID"),
        ({"first": 101}, "PAGE_SIZE_INVALID"),
        ({"first": -1}, "PAGE_SIZE_INVALID"),
        ({"after": ""}, "CURSOR_INVALID"),
        ({"after": "nonsense"}, "CURSOR_INVALID"),
        ({"after": "AQGiCnG5PnEZli9bJm54Hq"}, "CURSOR_INVALID"),
        ({"after": "\0💥"}, "CURSOR_INVALID"),
        ({"filter": {"recipient": "12"}}, "RECIPIENT_INVALID"),
        ({"filter": {"recipient": "+233302123456"}}, "RECIPIENT_NOT_MOBILE"),
        ({"filter": {"senderId": "a/b"}}, "SENDER_ID_INVALID"),
        ({"filter": {"clientReference": "\0"}}, "CLIENT_REFERENCE_INVALID"),
        ({"filter": {"createdAfter": "2026-01-31T09:00:00"}}, "FILTER_INVALID"),
        ({"filter": {"createdBefore": "tomorrow"}}, "INVALID_REQUEST"),
        ({"filter": {"statuses": ["NONE"]}}, "INVALID_REQUEST"),
        ({"filter": {"metadata": []}}, "INVALID_REQUEST"),
    ],
)
async def test_what_cannot_be_listed_is_an_error_with_a_code(account, variables, code):
    """400 and no data, also for what the domain refuses."""
    answer = await post(LIST, variables, headers={"accept": "application/graphql-response+json"})
    assert (answer.status, answer.codes, "data" in answer.json()) == (400, [code], False)


@pytest.mark.parametrize("argument", ["last: 1", 'before: "x"'])
async def test_there_is_no_way_back(account, argument):
    """What is not offered is not there."""
    assert (await post("{ messages(%s) { nodes { id } } }" % argument)).codes == ["INVALID_REQUEST"]


async def test_another_accounts_messages_are_in_no_list(account):
    """Not by a number, a reference, or a cursor of theirs; which looks like one that nobody was given."""
    mine = await stored(account, 2)
    other = await in_thread(make_caller, "other")
    theirs = await in_thread(lambda: store(other, client_reference="theirs"))
    assert await ids() == mine
    assert await ids(recipient="0200000901") == mine
    assert await ids(clientReference="theirs") == await ids(clientReference="nobodys") == []
    cursor = cursors.encode(theirs.id)
    behind = await page(after=cursor)
    assert [one["id"] for one in behind["nodes"]] == mine
    await in_thread(theirs.delete)
    assert await page(after=cursor) == behind


async def test_a_key_without_the_scope_may_not_list(transactional_db):
    """403 with a code, and no data."""
    await in_thread(lambda: make_caller("x", key="sms_sender", granted=[scopes.SEND]))
    answer = await post(LIST, {}, headers={"authorization": "Bearer sms_sender"})
    assert (answer.status, answer.codes, "data" in answer.json()) == (403, ["PERMISSION_DENIED"], False)


async def test_a_message_in_a_list_is_shown_as_by_itself(account):
    """With its whole history, notes and the provider's own words too, and its attempts."""
    message = await in_thread(lambda: store(account, metadata=[("order", "7")], client_reference="r", priority="OTP"))
    await change(message, "SENDING")
    await change(message, "SENT", provider="simulator", provider_reference="r-1")
    await change(message, None, provider_status="ENROUTE")
    await change(message, "UNDELIVERED", provider_status="UNDELIV", error_code="ABSENT_SUBSCRIBER", provider_error="27")
    await in_thread(lambda: attempt(message, reference="r-1"))
    by_id = "query ($id: ID!) { message(id: $id) { ...Everything %s } }" % ATTEMPTS + EVERYTHING
    alone = (await post(by_id, {"id": str(message.id)})).data["message"]
    assert (await post(FULL)).data["messages"]["nodes"] == [alone]
    assert alone["metadata"] == [{"name": "order", "value": "7"}]
    assert [one["providerStatus"] for one in alone["events"]] == [None, None, None, "ENROUTE", "UNDELIV"]
    assert (alone["events"][-1]["errorCode"], alone["events"][-1]["providerError"]) == ("ABSENT_SUBSCRIBER", "27")


async def test_attempts_tell_what_came_of_each_try(account):
    """In their order, each with its outcome; one that is open has none."""
    message = await in_thread(store, account)
    other = await in_thread(store, account)
    now = datetime.now(UTC)
    failed = {
        "finished_at": now,
        "outcome": "NOT_SENT",
        "error_code": "PROVIDER_THROTTLED",
        "provider_error": "429",
        "detail": "slow down",
    }
    await in_thread(lambda: attempt(message, number=3))
    await in_thread(lambda: SubmitAttempt.objects.create(message=message, number=1, provider="one", **failed))
    for number, outcome in ((2, "MAYBE_SENT"), (4, "SENT")):
        closed = {"finished_at": now, "outcome": outcome, "provider_reference": f"r-{number}"}
        await in_thread(
            lambda number=number, closed=closed: SubmitAttempt.objects.create(
                message=message, number=number, provider="two", **closed
            )
        )
    second, first = (await post(FULL)).data["messages"]["nodes"]
    assert second["attempts"] == []
    assert second["id"] == str(other.id)
    assert [
        (one["number"], one["provider"], one["outcome"], one["providerReference"]) for one in first["attempts"]
    ] == [
        (1, "one", "NOT_SENT", None),
        (2, "two", "MAYBE_SENT", "r-2"),
        (3, "simulator", None, None),
        (4, "two", "SENT", "r-4"),
    ]
    assert {name: first["attempts"][0][name] for name in ("errorCode", "providerError", "detail")} == {
        "errorCode": "PROVIDER_THROTTLED",
        "providerError": "429",
        "detail": "slow down",
    }
    assert [one["finishedAt"] is None for one in first["attempts"]] == [False, False, True, False]
    assert all(one["startedAt"] for one in first["attempts"])


@pytest.fixture
def statements(monkeypatch):
    """What the database is asked from now on, whichever thread asks."""
    asked = []
    execute = CursorWrapper.execute

    def counted(self, sql, params=None):
        asked.append(sql)
        return execute(self, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", counted)
    return asked


BOTH = """{ messages(first: 100) {
  edges { node { events { sequence } attempts { number } } } nodes { events { sequence } attempts { number } } } }"""


async def test_no_more_statements_for_more_rows(account, statements):
    """One for the page, one for all histories and one for all attempts: for 1, 10 and 100 messages."""
    counts = {}
    for more, rows in ((1, 1), (9, 10), (90, 100)):
        await stored(account, more)
        await page(first=1)  # whoever asks is known now
        statements.clear()
        found = (await post(BOTH)).data["messages"]
        counts[rows] = len(statements)
        assert len(found["nodes"]) == len(found["edges"]) == rows
        assert [len(one["events"]) for one in found["nodes"]] == [1] * rows
    assert counts == {1: 3, 10: 3, 100: 3}


BARE_SEND = "mutation ($input: SendMessageInput!) { sendMessage(input: $input) { __typename } }"


async def test_what_is_not_asked_for_is_not_read(account, statements):
    """A page without histories is one statement; a send that shows its history needs no more than another."""
    await stored(account, 2)
    await page()
    asked = []
    for document in ("{ messages { nodes { id } } }", BARE_SEND, SEND + EVERYTHING):
        statements.clear()
        variables = {"input": given()} if "$input" in document else None
        assert (await post(document, variables)).data
        asked.append(len(statements))
    of_list, of_bare_send, of_full_send = asked
    assert of_list == 1
    assert of_bare_send == of_full_send


async def test_a_read_for_many_messages_is_bounded(account, monkeypatch, statements):
    """More messages than fit into one statement take another."""
    monkeypatch.setattr(loaders, "MOST_AT_ONCE", 2)
    await stored(account, 5)
    await page()
    statements.clear()
    await post("{ messages { nodes { events { sequence } } } }")
    assert len(statements) == 1 + 3


@pytest.mark.usefixtures("nothing_is_left")
async def test_a_websocket_lists_as_http_does_and_remembers_nothing(served, account):
    """Histories and attempts too; asked again on the same socket, they are as they are now."""
    message = await in_thread(store, account)
    async with opened(served, init=True) as socket:
        before = (await socket.run(FULL))["data"]["messages"]["nodes"]
        await change(message, "SENDING")
        await in_thread(lambda: attempt(message))
        after = (await socket.run(FULL, op="2"))["data"]["messages"]["nodes"]
        assert after == (await post(FULL)).data["messages"]["nodes"]
        await socket.start(LIST, {"after": "nonsense"}, op="3")
        refused = await socket.receive()
    assert [(len(one["events"]), len(one["attempts"])) for one in (before[0], after[0])] == [(1, 0), (2, 1)]
    assert (refused["type"], refused["payload"][0]["extensions"]) == ("error", {"code": "CURSOR_INVALID"})


# `message` by the caller's own label.

BY_REFERENCE = "query ($reference: String) { message(clientReference: $reference) { id events { status } } }"


async def by_reference(reference):
    """Ask for the message with a label."""
    return (await post(BY_REFERENCE, {"reference": reference})).data["message"]


async def test_a_message_is_found_by_the_callers_own_label(account):
    """The newest one, with its history."""
    await stored(account, 2, client_reference="order-7")
    (newest,) = await stored(account, 1, client_reference="order-7")
    await stored(account, 1, client_reference="order-8")
    assert await by_reference("order-7") == {"id": newest, "events": [{"status": "QUEUED"}]}


@pytest.mark.parametrize("reference", ["nobodys", "", "\0", "x" * 256, "a\nb", "💥"])
async def test_a_label_that_no_message_has_finds_none(account, reference):
    """Also one that none can have; an empty one is not the missing one."""
    await stored(account, 1)
    assert await by_reference(reference) is None


async def test_another_accounts_label_finds_none(account):
    """It looks like one that nobody has."""
    other = await in_thread(make_caller, "other")
    await in_thread(lambda: store(other, client_reference="theirs"))
    assert await by_reference("theirs") is None


@pytest.mark.parametrize("arguments", ["", "(id: null)", '(id: "x", clientReference: "y")', "(clientReference: null)"])
async def test_a_message_is_asked_for_in_one_way(account, arguments):
    """By its id or by its label: neither or both is an error with a code."""
    answer = await post("{ message%s { id } }" % arguments)
    assert (answer.status, answer.codes) == (400, ["INVALID_REQUEST"])
    assert "clientReference" in answer.json()["errors"][0]["message"]
