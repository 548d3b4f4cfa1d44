"""`graphql-transport-ws` on the wire, against a real server: what a client may do, and what it must not."""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync import client as sync

from graphql_api import websocket
from sms import scopes
from sms.database import in_thread
from tests.accounts import make_caller
from tests.graphql_api.conftest import KEY
from tests.graphql_api.http import EVERYTHING, SEND, given
from tests.graphql_api.sockets import FOLLOW, PROTOCOL, opened
from tests.messages import store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_is_left")]

ENDLESS = 2000
HELLO = {"type": "connection_init", "payload": {"authorization": f"Bearer {KEY}"}}


async def test_the_protocol_is_agreed_on(served, account):
    """W01: the server picks graphql-transport-ws."""
    async with opened(served, protocols=["graphql-ws", PROTOCOL]) as socket:
        assert socket.connection.subprotocol == PROTOCOL


@pytest.mark.parametrize("protocols", [None, ["graphql-ws"], ["nonsense"]])
async def test_another_protocol_is_refused(served, account, protocols):
    """W02: 4406, also for the legacy protocol."""
    async with opened(served, protocols=protocols) as socket:
        assert await socket.closed() == (4406, "Subprotocol not acceptable")


async def test_hello_is_acknowledged(served, account):
    """W03: connection_init gets connection_ack."""
    async with opened(served) as socket:
        assert await socket.init() == {"type": "connection_ack"}


async def test_hello_must_come_soon(served, account, monkeypatch):
    """W04: 4408 when it does not."""
    monkeypatch.setitem(websocket.websocket.consumer_initkwargs, "connection_init_wait_timeout", timedelta(seconds=0.1))
    async with opened(served) as socket:
        assert await socket.closed() == (4408, "Connection initialisation timeout")


async def test_the_time_for_hello_is_ten_seconds():
    """W04: and no longer."""
    assert timedelta(seconds=10) == websocket.INIT_WITHIN


async def test_hello_may_be_said_once(served, account):
    """W05: 4429 for the second."""
    async with opened(served, init=True) as socket:
        await socket.send(HELLO)
        assert await socket.closed() == (4429, "Too many initialisation requests")


async def test_nothing_runs_before_hello(served, account):
    """W06: 4401."""
    async with opened(served) as socket:
        await socket.start("{ __typename }")
        assert await socket.closed() == (4401, "Unauthorized")


@pytest.mark.parametrize("payload", [{}, {"payload": None}, {"payload": {}}])
async def test_hello_needs_no_payload(served, account, payload):
    """W07: none, null and empty are the same; the key may come with the handshake."""
    async with opened(served, headers={"Authorization": f"Bearer {KEY}"}) as socket:
        await socket.send({"type": "connection_init", **payload})
        assert await socket.receive() == {"type": "connection_ack"}


@pytest.mark.parametrize("payload", [[], "text", 5, True])
async def test_an_odd_hello_is_refused(served, account, payload):
    """W08: 4400."""
    async with opened(served) as socket:
        await socket.send({"type": "connection_init", "payload": payload})
        assert (await socket.closed())[0] == 4400


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "[]",
        "null",
        "5",
        '"text"',
        "{}",
        '{"type": null}',
        '{"type": 5}',
        '{"type": ["ping"]}',
        '{"type": {}}',
        '{"type": "nonsense"}',
        '{"type": "connection_ack"}',
        '{"type": "' + "x" * 500 + '"}',
        '{"type": "ping", "payload": []}',
        '{"type": "pong", "payload": 5}',
        '{"type": "complete"}',
        '{"type": "complete", "id": 5}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": null}',
        '{"type": "subscribe", "id": "1", "payload": []}',
        '{"type": "subscribe", "id": "1", "payload": {}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": null}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 5, "documentId": "a"}}',
        '{"type": "subscribe", "id": "1", "payload": {"documentId": 5}}',
        '{"type": "subscribe", "id": "1", "payload": {"extensions": {"persistedQuery": {"sha256Hash": 5}}}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": []}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "operationName": 5}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "extensions": "x"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{a}"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{a}"}}',
        '{"type": "subscribe", "payload": {"query": "{a}"}}',
        '{"type": "ping", "payload": {"a": NaN}}',
        '{"type": "ping", "payload": {"a": "\\ud800"}}',
        '{"type": "ping", "payload": {"a": ' + "[" * 5000 + "]" * 5000 + "}}",
        b'{"type": "ping"}',
        b"\xff\x00",
    ],
)
async def test_a_frame_that_is_no_message_closes_the_socket(served, account, frame):
    """W09 to W13: 4400 with a reason, before hello as after it."""
    for init in (False, True):
        async with opened(served, init=init) as socket:
            await socket.send(frame)
            code, reason = await socket.closed()
            assert code == 4400
            assert reason


def flood(served, *first):
    """Send frames of 60 kB without ever reading an answer, and return how many the server let us send.

    From a thread with blocking calls, so that nothing waits in this process but what the server keeps.
    """
    options = {
        "subprotocols": [PROTOCOL],
        "max_queue": 1,
        "close_timeout": 0.1,
        "ping_interval": None,
        "compression": None,
    }
    with sync.connect(served.socket_url, **options) as connection:
        for frame in first:
            connection.send(json.dumps(frame))
        connection.socket.settimeout(1)
        frame = json.dumps({"type": "ping", "payload": {"x": "x" * 60_000}})
        sent = 0
        with suppress(ConnectionClosed, TimeoutError):
            while sent < ENDLESS:
                connection.send(frame)
                sent += 1
        return sent


@pytest.mark.parametrize("first", [[HELLO, []], [HELLO]], ids=["after a bad frame", "without reading the answers"])
async def test_a_flood_is_not_kept(served, account, first):
    """W14: neither what comes after a bad frame nor what outruns the answers fills our memory."""
    before = psutil.Process().memory_info().rss
    assert await asyncio.to_thread(flood, served, *first) < ENDLESS
    assert psutil.Process().memory_info().rss - before < 50_000_000


async def test_ping_is_answered_with_what_it_brought(served, account):
    """W15, W16: pong echoes the payload; both work before hello."""
    async with opened(served) as socket:
        await socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}
        await socket.send({"type": "ping", "payload": {"a": [1, "ü"]}})
        assert await socket.receive() == {"type": "pong", "payload": {"a": [1, "ü"]}}
        await socket.send({"type": "pong"})
        await socket.send({"type": "ping", "payload": None})
        assert await socket.receive() == {"type": "pong", "payload": None}


async def test_queries_and_mutations_run_over_the_socket(served, account):
    """W17: one result, then complete."""
    async with opened(served, init=True) as socket:
        assert (await socket.run("{ __typename }"))["data"] == {"__typename": "Query"}
        sent = (await socket.run(SEND + EVERYTHING, {"input": given(idempotencyKey="k-1")}))["data"]["sendMessage"]
        assert (sent["__typename"], sent["message"]["status"]) == ("SendMessageSuccess", "QUEUED")
        refused = await socket.run(SEND + EVERYTHING, {"input": given(text="STOP")}, op="2")
        assert refused["data"]["sendMessage"]["code"] == "BLOCKED_KEYWORD"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{"}, "INVALID_REQUEST"),
        ({"query": ""}, "INVALID_REQUEST"),
        ({"query": "{ nothing }"}, "INVALID_REQUEST"),
        ({"query": "{ __typename }", "operationName": "Other"}, "INVALID_REQUEST"),
        ({"query": "query A { __typename } query B { __typename }"}, "INVALID_REQUEST"),
        ({"query": "query ($id: ID!) { message(id: $id) { id } }"}, "INVALID_REQUEST"),
        ({"query": "fragment F on Query { __typename }"}, "INVALID_REQUEST"),
        ({"query": "subscription { messageStatus { status } }"}, "INVALID_REQUEST"),
        ({"query": FOLLOW}, "INVALID_REQUEST"),
        ({"query": FOLLOW, "variables": {"id": "nonsense"}}, "MESSAGE_NOT_FOUND"),
        ({"query": FOLLOW, "variables": {"id": "1", "after": 2**31}}, "INVALID_REQUEST"),
    ],
)
async def test_a_bad_operation_fails_alone(served, account, payload, code):
    """W18: an error for its id, and every other operation of the socket goes on."""
    message = await in_thread(store, account)
    async with opened(served, init=True) as socket:
        await socket.follow(message, op="good")
        assert (await socket.event(op="good"))["sequence"] == 1
        await socket.send({"type": "subscribe", "id": "bad", "payload": payload})
        frame = await socket.receive()
        assert (frame["type"], frame["id"]) == ("error", "bad")
        assert [error["extensions"]["code"] for error in frame["payload"]] == [code]
        assert await socket.is_silent()
        assert (await socket.run("{ __typename }", op="bad"))["data"] == {"__typename": "Query"}


async def test_an_id_is_taken_while_its_operation_runs(served, account):
    """W19: 4409, with the id in the reason as far as it fits."""
    message = await in_thread(store, account)
    async with opened(served, init=True) as socket:
        for _ in range(2):
            await socket.follow(message, op="ü" * 200)
        code, reason = await socket.closed()
        assert (code, reason[:16]) == (4409, "Subscriber for ü")


async def test_an_id_is_free_again_after_its_operation(served, account):
    """W20: after complete, in either direction."""
    message = await in_thread(store, account)
    async with opened(served, init=True) as socket:
        await socket.run("{ __typename }")
        await socket.follow(message)
        await socket.event()
        await socket.send({"type": "complete", "id": "1"})
        await socket.follow(message)
        assert (await socket.event())["sequence"] == 1


async def test_complete_ends_an_operation_without_a_word(served, account):
    """W21: nothing more comes for it; completing what does not run is no mistake."""
    message = await in_thread(store, account)
    async with opened(served, init=True) as socket:
        await socket.follow(message)
        await socket.event()
        await socket.send({"type": "complete", "id": "1"})
        await socket.send({"type": "complete", "id": "unknown"})
        await socket.send({"type": "ping"})
        assert await socket.receive() == {"type": "pong"}
        assert await socket.is_silent()


async def test_a_socket_takes_twenty_operations(served, account):
    """W22: the next one gets an error of its own, until another has ended."""
    message = await in_thread(store, account)
    async with opened(served, init=True) as socket:
        for number in range(20):
            await socket.follow(message, op=str(number))
            await socket.event(op=str(number))
        await socket.start("{ __typename }", op="one too many")
        frame = await socket.receive()
        assert (frame["type"], frame["id"]) == ("error", "one too many")
        assert frame["payload"][0]["extensions"] == {"code": "OVERLOADED"}
        await socket.send({"type": "complete", "id": "7"})
        await socket.run("{ __typename }", op="one too many")


async def test_a_thousand_operations_at_once(served, account):
    """W22: twenty run, each of the others gets its error, and the socket serves on when some have ended."""
    message = await in_thread(store, account)
    async with opened(served, init=True) as socket:
        kinds = Counter()
        for hundred in range(10):
            for number in range(100):
                await socket.follow(message, op=f"{hundred} {number}")
            for _ in range(100):
                frame = await socket.receive()
                kinds[frame["type"]] += 1
                assert frame["type"] == "next" or frame["payload"][0]["extensions"] == {"code": "OVERLOADED"}
        assert kinds == {"next": 20, "error": 980}
        await socket.send({"type": "complete", "id": "0 7"})
        await socket.run("{ __typename }", op="0 7")


async def test_a_thousand_operations_one_after_another(served, account):
    """W20: each ends, and leaves its id to the next."""
    async with opened(served, init=True) as socket:
        for _ in range(1000):
            assert (await socket.run("{ __typename }"))["data"] == {"__typename": "Query"}


async def test_a_frame_over_64_kib_is_refused(served, account):
    """W23: the socket is closed before the frame is read."""
    async with opened(served, init=True) as socket:
        await socket.send({"type": "ping", "payload": {"x": "x" * 65_536}})
        assert (await socket.closed())[0] == 1009


async def test_a_frame_of_almost_64_kib_is_taken(served, account):
    """W23: the limit is no lower than it says."""
    async with opened(served, init=True) as socket:
        await socket.send({"type": "ping", "payload": {"x": "x" * 65_000}})
        assert (await socket.receive())["type"] == "pong"


@pytest.mark.parametrize("payload", [{"authorization": "Bearer wrong"}, {"authorization": 5}, {"Authorization": None}])
async def test_a_wrong_key_is_refused(served, account, payload):
    """W24: 4403 with a reason, also where the handshake had a good key and where no key would do."""
    async with opened(served, headers={"Authorization": f"Bearer {KEY}"}) as socket:
        await socket.send({"type": "connection_init", "payload": payload})
        assert await socket.closed() == (4403, "Forbidden")


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer wrong"}, {"Authorization": ""}, {}])
async def test_a_handshake_without_a_good_key_is_refused(served, account, settings, headers):
    """W24: 4403 once hello brings none either."""
    settings.SMS_ANONYMOUS_ACCOUNT = ""
    async with opened(served, headers=headers) as socket:
        await socket.send({"type": "connection_init"})
        assert await socket.closed() == (4403, "Forbidden")


@pytest.mark.parametrize("name", ["authorization", "Authorization"])
async def test_the_key_may_come_with_hello(served, account, settings, name):
    """W25: in the payload, in either spelling, for browsers, whose handshakes carry no headers."""
    settings.SMS_ANONYMOUS_ACCOUNT = ""
    async with opened(served) as socket:
        assert await socket.init(**{name: f"Bearer {KEY}"}) == {"type": "connection_ack"}


async def test_where_the_operator_allows_it_no_key_is_needed(served, account, settings):
    """W25: as over HTTP."""
    settings.SMS_ANONYMOUS_ACCOUNT = "graphql"
    async with opened(served) as socket:
        await socket.send({"type": "connection_init"})
        assert await socket.receive() == {"type": "connection_ack"}


async def test_a_key_needs_the_scope_of_each_operation(served, account):
    """W25: a key that may only send cannot follow."""
    message = await in_thread(store, account)
    await in_thread(lambda: make_caller("sender", key="sms_sender", granted=[scopes.SEND]))
    async with opened(served) as socket:
        await socket.init(authorization="Bearer sms_sender")
        await socket.follow(message)
        frame = await socket.receive()
        assert (frame["type"], frame["payload"][0]["extensions"]) == ("error", {"code": "PERMISSION_DENIED"})


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://127.0.0.1:{port}", True),
        ("https://127.0.0.1:{port}", True),
        ("http://sms.example.com:3000", True),
        ("https://sub.trusted.example", True),
        ("http://evil.example", False),
        ("http://sms.example.com.evil.example", False),
        ("http://[", False),
        ("null", False),
        ("", False),
    ],
)
async def test_only_our_own_pages_may_connect(served, account, settings, origin, allowed):
    """W26: a browser's page from another host is refused at the handshake; ALLOWED_HOSTS are ours."""
    settings.ALLOWED_HOSTS = ["sms.example.com", ".trusted.example"]
    headers = {} if origin is None else {"Origin": origin.format(port=served.port)}
    if allowed:
        async with opened(served, headers=headers) as socket:
            assert await socket.init() == {"type": "connection_ack"}
    else:
        with pytest.raises(InvalidStatus) as refused:
            async with opened(served, headers=headers):
                pass
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize("path", ["x", "assets/boot.js", "../", "../other"])
async def test_there_is_no_socket_elsewhere(served, account, path):
    """W27: 404 at the handshake."""
    with pytest.raises(InvalidStatus) as refused:
        async with opened(served, path=path):
            pass
    assert refused.value.response.status_code == 404


async def test_a_mistake_of_ours_closes_the_socket(served, account, monkeypatch):
    """W27: 4500 instead of a socket that says nothing for ever."""

    async def broken(*_):
        raise ValueError("secret of the house")

    monkeypatch.setattr(websocket.Consumer, "get_context", broken)
    async with opened(served) as socket:
        assert await socket.closed() == (4500, "Internal error")


async def test_a_socket_has_a_lifetime(served, account, monkeypatch):
    """Nothing between us and the client has to cut it without a word; clients come back after this code."""
    monkeypatch.setattr(websocket, "LIFETIME", 0.2)
    message = await in_thread(store, account)
    async with opened(served, init=True) as socket:
        await socket.follow(message)
        assert (await socket.closed())[0] == 4205
