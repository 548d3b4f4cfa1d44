"""`inboundMessages`, `optOuts` and their mutations, and `messageReceived`: each text, in order, each once."""

import asyncio

import pytest
from channels.layers import get_channel_layer
from django.db.backends.utils import CursorWrapper

from graphql_api import feed, live
from graphql_api.listener import _member
from sms import inbound, scopes
from sms.database import in_thread
from sms.feed_cursors import InboundCursor
from sms.models import ApiKey, InboundMessage, OptOut
from sms.services import authenticate
from sms.services.receive import keep_inbound
from tests.accounts import make_caller
from tests.graphql_api.http import SEND, given, post
from tests.graphql_api.sockets import opened
from tests.graphql_api.test_message_status import joined
from tests.graphql_api.test_status_feed import open_transaction
from tests.inbound import THEM, US, say, sent, told

pytestmark = pytest.mark.django_db(transaction=True)

LIST = """
query ($filter: InboundMessageFilter, $first: Int, $after: String) {
  inboundMessages(filter: $filter, first: $first, after: $after) {
    edges { cursor node { text } }
    nodes { id sender recipient text textDiscardedAt complete keyword test provider sentAt receivedAt
            answers { id text } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
OPT_OUTS = """
query ($filter: OptOutFilter, $first: Int, $after: String) {
  optOuts(filter: $filter, first: $first, after: $after) {
    edges { cursor node { id } }
    nodes { id recipient senderId reason test inboundMessageId createdAt }
    pageInfo { hasNextPage endCursor }
  }
}
"""
ADD = """
mutation ($input: AddOptOutInput!) { addOptOut(input: $input) { __typename
  ... on AddOptOutSuccess { optOut { id recipient senderId reason test inboundMessageId } }
  ... on Refusal { code field detail } } }
"""
REMOVE = """
mutation ($id: ID!) { removeOptOut(id: $id) { __typename
  ... on RemoveOptOutSuccess { optOut { id recipient } }
  ... on Refusal { code field } } }
"""
FEED = """
subscription ($after: String) {
  messageReceived(after: $after) { cursor message { id text keyword answers { id } } }
}
"""


async def texts(**variables):
    """The texts of a page."""
    return [one["text"] for one in (await post(LIST, variables)).data["inboundMessages"]["nodes"]]


async def bring(*words, **fields):
    """Bring texts in one request, as a webhook does."""
    await keep_inbound("simulator", [told(one, **fields) for one in words])


@pytest.fixture
def statements(monkeypatch):
    """What PostgreSQL is asked, on whatever thread."""
    asked = []
    execute = CursorWrapper._execute

    def note(self, sql, *rest):
        asked.append(sql)
        return execute(self, sql, *rest)

    monkeypatch.setattr(CursorWrapper, "_execute", note)
    return asked


class TestLists:
    """Pages of texts and of opt-outs."""

    async def test_a_text_is_shown_with_all_that_is_known(self, account):
        """And the message that it answers, read for all texts at once."""
        message = await in_thread(lambda: sent(account))
        row = await in_thread(lambda: say("Stop"))
        found = (await post(LIST)).data["inboundMessages"]
        assert found["nodes"] == [
            {
                "id": str(row.id),
                "sender": THEM,
                "recipient": US,
                "text": "Stop",
                "textDiscardedAt": None,
                "complete": True,
                "keyword": "STOP",
                "test": False,
                "provider": "simulator",
                "sentAt": None,
                "receivedAt": row.received_at.isoformat(),
                "answers": {"id": str(message.id), "text": "Hello"},
            }
        ]
        (one,) = (await post(OPT_OUTS)).data["optOuts"]["nodes"]
        assert {**one, "id": None, "createdAt": None} == {
            "id": None,
            "recipient": THEM,
            "senderId": None,
            "reason": "STOP",
            "test": False,
            "inboundMessageId": str(row.id),
            "createdAt": None,
        }

    async def test_pages_follow_each_other_as_relay_has_it(self, account):
        """Newest first, with a cursor for each."""
        await in_thread(lambda: sent(account))
        await bring("a", "b", "c")
        first = (await post(LIST, {"first": 2})).data["inboundMessages"]
        assert [edge["node"]["text"] for edge in first["edges"]] == ["c", "b"]
        cursors = [edge["cursor"] for edge in first["edges"]]
        assert first["pageInfo"] == {
            "hasNextPage": True,
            "hasPreviousPage": False,
            "startCursor": cursors[0],
            "endCursor": cursors[1],
        }
        assert await texts(after=cursors[0]) == ["b", "a"]
        assert await texts(after=cursors[1], filter={"sender": "0200000901", "recipient": US}) == ["a"]
        assert await texts(filter={"keyword": "STOP"}) == []

    async def test_a_page_costs_a_few_statements(self, account, statements):
        """However many texts answer however many messages."""
        for number in range(5):
            person = f"+2332000009{number:02}"
            await in_thread(lambda person=person: (sent(account, recipient=person), say("Hi", sender=person)))
        await post(LIST)  # the key is known now
        statements.clear()
        found = (await post(LIST)).data["inboundMessages"]["nodes"]
        assert len({one["answers"]["id"] for one in found}) == 5
        assert len(statements) == 2
        assert (await post(LIST, {"first": 100})).json()["extensions"]["cost"]["requested"] == 1 + 3 + 100 * 2

    async def test_another_accounts_texts_and_opt_outs_are_in_no_list(self, account):
        """Nor can its opt-outs be taken away."""
        other = await in_thread(lambda: make_caller("other"))
        await in_thread(lambda: (sent(other), say("STOP")))
        assert await texts() == []
        assert (await post(OPT_OUTS)).data["optOuts"]["nodes"] == []
        opt_out = await in_thread(OptOut.objects.get)
        refused = (await post(REMOVE, {"id": str(opt_out.id)})).data["removeOptOut"]
        assert refused == {"__typename": "OptOutNotFound", "code": "OPT_OUT_NOT_FOUND", "field": "id"}
        assert await in_thread(OptOut.objects.count) == 1

    async def test_a_test_key_sees_test_texts_and_opt_outs_only(self, account):
        """Whatever it asks for."""
        await in_thread(lambda: (sent(account), say("STOP"), say("Hi")))
        await in_thread(lambda: InboundMessage.objects.filter(text="Hi").update(is_test=True))
        await in_thread(lambda: ApiKey.objects.update(is_test=True))
        authenticate.forget()
        assert await texts() == await texts(filter={"test": True}) == ["Hi"]
        assert await texts(filter={"test": False}) == []
        assert (await post(OPT_OUTS)).data["optOuts"]["nodes"] == []

    @pytest.mark.parametrize(
        ("variables", "code"),
        [
            ({"first": 0}, "PAGE_SIZE_INVALID"),
            ({"after": "x"}, "CURSOR_INVALID"),
            ({"filter": {"sender": ""}}, "FILTER_INVALID"),
        ],
    )
    async def test_what_cannot_be_asked_is_refused(self, account, variables, code):
        """With a code."""
        assert (await post(LIST, variables)).codes == [code]

    async def test_a_key_needs_the_scope(self, account):
        """To read, or to change something."""
        await in_thread(lambda: ApiKey.objects.update(scopes=[scopes.READ]))
        authenticate.forget()
        assert (await post(ADD, {"input": {"recipient": THEM}})).codes == ["PERMISSION_DENIED"]
        assert (await post(REMOVE, {"id": "x"})).data["removeOptOut"]["code"] == "OPT_OUT_NOT_FOUND"
        await in_thread(lambda: ApiKey.objects.update(scopes=[scopes.SEND]))
        authenticate.forget()
        assert (await post(LIST)).codes == (await post(OPT_OUTS)).codes == ["PERMISSION_DENIED"]


class TestMutations:
    """Opt-outs by hand."""

    async def test_a_number_is_added_and_taken_away(self, account):
        """And gets no message in between: data, not an error."""
        added = (await post(ADD, {"input": {"recipient": "0200000901", "senderId": "MyCorp"}})).data["addOptOut"]
        opt_out = added["optOut"]
        assert {**opt_out, "id": None} == {
            "id": None,
            "recipient": THEM,
            "senderId": "MyCorp",
            "reason": "entered by the account",
            "test": False,
            "inboundMessageId": None,
        }
        refused = (await post(SEND_ONLY, {"input": given()})).data["sendMessage"]
        assert (refused["__typename"], refused["code"], refused["field"]) == (
            "InvalidMessage",
            "RECIPIENT_OPTED_OUT",
            "recipient",
        )
        gone = (await post(REMOVE, {"id": opt_out["id"]})).data["removeOptOut"]
        assert gone["optOut"] == {"id": opt_out["id"], "recipient": THEM}
        assert (await post(SEND_ONLY, {"input": given()})).data["sendMessage"]["__typename"] == "SendMessageSuccess"

    @pytest.mark.parametrize(
        ("fields", "code", "field"),
        [
            ({"recipient": "x"}, "RECIPIENT_INVALID", "recipient"),
            ({"recipient": THEM, "senderId": ""}, "SENDER_ID_INVALID", "senderId"),
            ({"recipient": THEM, "reason": ""}, "REASON_INVALID", "reason"),
        ],
    )
    async def test_what_is_no_opt_out_is_refused_as_data(self, account, fields, code, field):
        """With the field as it is spelled in the input."""
        refused = (await post(ADD, {"input": fields})).data["addOptOut"]
        assert (refused["__typename"], refused["code"], refused["field"]) == ("InvalidMessage", code, field)


SEND_ONLY = SEND.replace("message { ...Everything }", "message { id }")


@pytest.fixture
async def socket(served, account):
    """A socket that has said hello, of an account that a person answers."""
    await in_thread(lambda: sent(account))
    async with opened(served, init=True) as socket:
        yield socket


async def item(socket, *, op="1"):
    """The next item, which must be the next frame."""
    frame = await socket.receive()
    assert (frame["type"], frame["id"]) == ("next", op), frame
    return frame["payload"]["data"]["messageReceived"]


@pytest.mark.usefixtures("nothing_is_left")
class TestFeed:
    """What is pushed."""

    async def test_the_first_item_tells_where_the_feed_ends(self, socket):
        """Nothing of what was before; then every text, by a hint, and at once."""
        await bring("before")
        await socket.start(FEED)
        assert (await item(socket))["message"] is None
        await joined()
        await bring("Hello", "STOP")
        first, second = await item(socket), await item(socket)
        assert [one["message"]["text"] for one in (first, second)] == ["Hello", "STOP"]
        assert (second["message"]["keyword"], bool(first["message"]["answers"]["id"])) == ("STOP", True)

    async def test_it_continues_after_every_item(self, served, socket):
        """Whatever came while nobody listened, without a gap and without a repetition."""
        await socket.start(FEED)
        cursors = [(await item(socket))["cursor"]]
        await joined()
        for words in ("a", "b", "c"):
            await bring(words)
            cursors.append((await item(socket))["cursor"])
        await bring("d")
        assert (await item(socket))["message"]["text"] == "d"
        async with opened(served, init=True) as other:
            for number, cursor in enumerate(cursors):
                await other.start(FEED, {"after": cursor}, op=str(number))
                found = [(await item(other, op=str(number)))["message"]["text"] for _ in range(4 - number)]
                assert found == ["a", "b", "c", "d"][number:]

    async def test_without_hints_texts_come_by_the_regular_look(self, socket, settings, monkeypatch):
        """Redis may lose them all."""
        monkeypatch.setattr(live, "CHECK_EVERY", 0.1)
        settings.SMS_INBOUND_LISTENERS = []
        await socket.start(FEED)
        await item(socket)
        await joined()
        await bring("Hello")
        assert (await item(socket))["message"]["text"] == "Hello"

    async def test_nothing_is_passed_over_that_commits_late(self, socket, account):
        """A text behind an older transaction waits for it, and keeps its place."""
        await socket.start(FEED)
        await item(socket)
        await joined()
        async with open_transaction():
            await bring("Hello")
            assert await socket.is_silent(for_=0.3)
        assert (await item(socket))["message"]["text"] == "Hello"

    async def test_another_accounts_texts_never_come(self, served, socket):
        """A cursor is a place, and no right to anything."""
        await socket.start(FEED)
        start = (await item(socket))["cursor"]
        other = await in_thread(lambda: make_caller("other"))
        await in_thread(lambda: sent(other, recipient="+233200000902"))
        await bring("theirs", sender="+233200000902")
        await bring("nobody's", sender="+233200000903")
        await bring("mine")
        assert (await item(socket))["message"]["text"] == "mine"
        async with opened(served, init=True) as another:
            await another.start(FEED, {"after": start})
            assert (await item(another))["message"]["text"] == "mine"

    async def test_a_test_key_hears_of_test_texts_only(self, socket, monkeypatch):
        """And now and then how far the feed has come."""
        monkeypatch.setattr(feed, "HEARTBEAT", 0.3)
        await in_thread(lambda: ApiKey.objects.update(is_test=True))
        authenticate.forget()
        await socket.start(FEED)
        start = await item(socket)
        await joined()
        await bring("live")
        later = await item(socket)
        assert (later["message"], later["cursor"] > start["cursor"]) == (None, True)

    @pytest.mark.parametrize("cursor", ["", "nonsense", str(inbound.START)[:-4] + "AAAA", "x" * 10_000])
    async def test_what_is_no_cursor_is_refused(self, socket, cursor):
        """So is one of the other feed."""
        await socket.start(FEED, {"after": cursor})
        frame = await socket.receive()
        assert (frame["type"], frame["payload"][0]["extensions"]) == ("error", {"code": "CURSOR_INVALID"})

    async def test_a_cursor_from_the_future_is_refused(self, socket):
        """The database was put back, or it is made up."""
        ahead = str(InboundCursor(2**62, inbound.START.inbound_id))
        await socket.start(FEED, {"after": ahead})
        assert (await socket.receive())["payload"][0]["extensions"] == {"code": "CURSOR_INVALID"}

    async def test_a_revoked_key_ends_it(self, socket):
        """With the next text."""
        await socket.start(FEED)
        await item(socket)
        await joined()
        await in_thread(lambda: ApiKey.objects.all().delete())
        authenticate.forget()
        await bring("Hello")
        frame = await socket.receive()
        assert (frame["type"], frame["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")

    async def test_hints_of_texts_tell_nothing(self, account):
        """What is in Redis for a moment is that there is something."""
        layer = get_channel_layer()
        async with _member(layer, f"account.{account.account_id}") as channel:
            await in_thread(lambda: sent(account))
            await bring("Hello")
            async with asyncio.timeout(5):
                while (hint := await layer.receive(channel))["type"] != "sms.received":
                    pass
            assert hint == {"type": "sms.received"}
