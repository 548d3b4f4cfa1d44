"""GraphQL over server-sent events: graphql-sse's distinct connections mode, and streams that end for every reason."""

import asyncio
import contextlib
import json
import socket
import struct
import sys
import uuid
from urllib.parse import quote

import orjson
import pytest
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

from edge import http_connection
from graphql_api import guard as guard_module
from graphql_api import live, metrics, sse
from sms.database import in_thread
from sms.models import ApiKey, Message
from sms.services import authenticate
from tests.accounts import make_caller
from tests.event_streams import FOLLOW, following
from tests.graphql_api.conftest import KEY, change
from tests.graphql_api.http import EVERYTHING, GRAPHQL_JSON, JSON, SEND, given, post, request
from tests.graphql_api.test_connection import eventually
from tests.graphql_api.test_message_status import generators, joined
from tests.messages import store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_is_left")]

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be told how long to wait for a client")
EVENT_STREAM = "text/event-stream"
STREAM = {"accept": EVENT_STREAM}
JSON_BODY = {"content-type": JSON, **STREAM}
URQL = f"{GRAPHQL_JSON}, application/graphql+json, {JSON}, {EVENT_STREAM}, multipart/mixed"


@pytest.fixture
async def message(account):
    """A message that was just accepted."""
    return await in_thread(store, account)


def events(body):
    """Return the name and the data of every event in a whole response."""
    *blocks, rest = body.decode().split("\n\n")
    assert rest == ""
    found = []
    for block in blocks:
        if block != ":":
            (_, name), (_, data) = (line.split(": ", 1) for line in block.split("\n"))
            found.append((name, json.loads(data) if data else None))
    return found


def errors(reply):
    """Return the codes of an operation that failed before it began, told as the protocol wants it."""
    assert (reply.status, reply.headers["content-type"]) == (200, EVENT_STREAM), reply
    (name, document), complete = events(reply.body)
    assert (name, set(document), complete) == ("next", {"errors"}, ("complete", None))
    return [error["extensions"]["code"] for error in document["errors"]]


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (EVENT_STREAM, EVENT_STREAM),
        ("Text/Event-Stream; charset=utf-8", EVENT_STREAM),
        (f"{EVENT_STREAM}, multipart/mixed", EVENT_STREAM),  # urql, for subscriptions
        (URQL, GRAPHQL_JSON),  # urql, for everything else
        (f"{EVENT_STREAM}, {JSON};q=0.1", JSON),
        (f"{EVENT_STREAM}, */*", JSON),
        (f"{EVENT_STREAM}, application/*", JSON),
        ("text/event-streams", JSON),
        ("text/*", JSON),
        (None, JSON),
    ],
)
async def test_who_takes_json_gets_json(account, accept, answered):
    """An event stream is only for clients that take one and no JSON."""
    reply = await post("{ __typename }", headers={"accept": accept})
    assert (reply.status, reply.headers["content-type"], reply.headers["vary"]) == (200, answered, "Accept")


async def test_a_query_is_one_result_and_the_end(account):
    """Byte for byte: lines end with LF alone, which is all that urql understands."""
    result = b'{"data":{"__typename":"Query"},"extensions":{"cost":{"requested":0,"limit":1000}}}'
    body = b":\n\nevent: next\ndata: %b\n\nevent: complete\ndata: \n\n" % result
    reply = await post("{ __typename }", headers=STREAM)
    assert (reply.status, reply.body) == (200, body)
    assert reply.headers == {
        "content-type": EVENT_STREAM,
        "cache-control": "no-store",
        "x-accel-buffering": "no",
        "vary": "Accept",
    }
    assert (await request("GET", query=b"query=%7B__typename%7D", headers=STREAM)).body == body


async def test_a_mutation_is_one_result_and_the_end(account):
    """Its idempotency key may come as a header; that it was used before is told in the result."""
    for replayed in (False, True):
        reply = await post(SEND + EVERYTHING, {"input": given()}, headers={**STREAM, "idempotency-key": "k"})
        (_, document), complete = events(reply.body)
        assert (document["data"]["sendMessage"]["replayed"], complete) == (replayed, ("complete", None))
    assert await in_thread(Message.objects.count) == 1


async def test_mutations_may_not_come_with_get(account):
    """The protocol tells it in an event; nothing is stored."""
    query = (
        b"query=" + quote(SEND + EVERYTHING).encode() + b"&variables=" + quote(json.dumps({"input": given()})).encode()
    )
    assert errors(await request("GET", query=query, headers=STREAM)) == ["INVALID_REQUEST"]
    assert await in_thread(Message.objects.count) == 0


@pytest.mark.parametrize(
    ("document", "variables", "code"),
    [
        ("{", {}, "INVALID_REQUEST"),
        ("{ nothing }", {}, "INVALID_REQUEST"),
        ("", {}, "INVALID_REQUEST"),
        (None, {}, "INVALID_REQUEST"),
        ("query A { __typename } query B { __typename }", {}, "INVALID_REQUEST"),
        (FOLLOW, {"id": None}, "INVALID_REQUEST"),
        (FOLLOW, {"id": "nonsense"}, "MESSAGE_NOT_FOUND"),
        (FOLLOW, {"id": str(uuid.uuid4())}, "MESSAGE_NOT_FOUND"),
    ],
)
async def test_what_is_wrong_with_an_operation_is_told_in_an_event(account, document, variables, code):
    """A browser's EventSource could not read the body of a refusal."""
    assert errors(await post(document, variables, headers=STREAM)) == [code]


async def test_another_accounts_message_does_not_exist(account):
    """The same answer as for an id that nobody has."""
    other = await in_thread(store, await in_thread(make_caller, "other"))
    assert errors(await post(FOLLOW, {"id": str(other.id)}, headers=STREAM)) == ["MESSAGE_NOT_FOUND"]


@pytest.mark.parametrize(
    ("method", "parts", "status", "code"),
    [
        ("POST", {"headers": {**JSON_BODY, "authorization": "Bearer wrong"}}, 401, "UNAUTHENTICATED"),
        ("POST", {"headers": JSON_BODY, "body": b"{"}, 400, "INVALID_REQUEST"),
        ("POST", {"headers": JSON_BODY, "body": b"[]"}, 400, "INVALID_REQUEST"),
        ("POST", {"headers": STREAM, "body": b"{}"}, 415, "INVALID_REQUEST"),
        ("POST", {"headers": JSON_BODY, "chunks": [b" " * 40_000] * 1000}, 413, "BODY_TOO_LARGE"),
        ("GET", {"headers": STREAM, "query": b"query=%7B__typename%7D&variables=%7B"}, 400, "INVALID_REQUEST"),
        ("PUT", {"headers": STREAM}, 405, "INVALID_REQUEST"),  # the single connection mode
        ("DELETE", {"headers": STREAM}, 405, "INVALID_REQUEST"),
    ],
)
async def test_a_request_that_is_none_is_refused_as_any_other(account, method, parts, status, code):
    """With an HTTP status and a JSON body, before any stream begins: EventSource does not come back after that."""
    reply = await request(method, **parts)
    assert (reply.status, reply.codes, reply.headers["content-type"]) == (status, [code], JSON)


async def test_without_the_database_no_stream_begins(account, message, monkeypatch):
    """503 where not even the key can be checked, and an event where the message cannot be read."""

    def lost(*_):
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(CursorWrapper, "_execute", lost)
    reply = await post(FOLLOW, {"id": str(message.id)}, headers=STREAM)
    assert (reply.status, reply.codes, reply.headers["retry-after"]) == (503, ["SERVICE_UNAVAILABLE"], "1")
    monkeypatch.undo()
    await post("{ __typename }")  # now the key is remembered for some seconds
    monkeypatch.setattr(CursorWrapper, "_execute", lost)
    assert errors(await post(FOLLOW, {"id": str(message.id)}, headers=STREAM)) == ["SERVICE_UNAVAILABLE"]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_subscription_tells_every_change_and_completes(served, message, method):
    """The present status at once, each change as it comes, and the end after the final one."""
    async with following(served.url, message.id, key=KEY, method=method) as stream:
        assert await stream.change() == (1, "QUEUED")
        await change(message, "SENDING")
        assert await stream.change() == (2, "SENDING")
        await change(message, "SENT", "DELIVERED")
        assert await stream.changes() == [(3, "SENT"), (4, "DELIVERED")]


async def test_a_silent_stream_is_pinged(served, message, monkeypatch):
    """With a comment, so that no proxy takes it for dead; and the changes come all the same."""
    monkeypatch.setattr(sse, "PING_EVERY", 0.05)
    async with following(served.url, message.id, key=KEY, after=1) as stream:
        assert [await stream.block() for _ in range(4)] == [[":"]] * 4
        await change(message, "DELIVERED")
        assert await stream.changes() == [(2, "DELIVERED")]


async def test_a_revoked_key_ends_its_streams(served, message):
    """Nothing more is told to its owner, though the stream began with a good key."""
    async with following(served.url, message.id, key=KEY) as stream:
        await stream.change()
        await in_thread(lambda: ApiKey.objects.update(revoked_at="2020-01-01T00:00Z"))
        authenticate.forget()  # what a few seconds would do
        await change(message, "SENT")
        name, document = await stream.event()
        assert (name, document["errors"][0]["extensions"]) == ("next", {"code": "UNAUTHENTICATED"})
        assert await stream.event() == ("complete", None)
        assert await stream.is_over()


async def test_a_silent_stream_of_a_revoked_key_is_cut(served, message, monkeypatch):
    """Also when nothing happens that would have to be told; and nothing is left that looks after it."""
    monkeypatch.setattr(guard_module, "LOOK_EVERY", 0.05)
    async with following(served.url, message.id, key=KEY) as stream:
        await stream.change()
        await in_thread(lambda: ApiKey.objects.update(revoked_at="2020-01-01T00:00Z"))
        authenticate.forget()  # what a few seconds would do
        assert await stream.is_cut()
    async with asyncio.timeout(20):
        while not guard_module.guard().is_idle:
            await asyncio.sleep(0.01)


async def test_after_its_lifetime_a_stream_is_cut(served, message, monkeypatch):
    """In the middle of the response, so that nobody takes it for complete; what was missed is told the next time."""
    monkeypatch.setattr(sse, "LIFETIME", 0.3)
    async with following(served.url, message.id, key=KEY) as stream:
        assert await stream.change() == (1, "QUEUED")
        assert await stream.is_cut()
    await change(message, "DELIVERED")
    async with following(served.url, message.id, key=KEY, after=1) as stream:
        assert await stream.changes() == [(2, "DELIVERED")]


async def test_a_server_that_stops_cuts_its_streams(served, message, monkeypatch):
    """Soon, and not all at once; also those of requests that were under way, and only now become streams."""
    monkeypatch.setattr(http_connection, "STOPS_FROM", 0.1)
    monkeypatch.setattr(http_connection, "STOPS_TO", 0.2)
    async with following(served.url, message.id, key=KEY) as stream:
        await stream.change()
        for connection in list(served.server.server_state.connections):
            connection.shutdown()
        assert await stream.is_cut()
    line = http_connection.Line()
    line.end(within=0.1)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60) as life:
            with line.held(life):
                await asyncio.sleep(5)
    assert life.expired()


def level():
    """How many streams and watchers there are."""
    return metrics.STREAMS._value.get(), metrics.WATCHERS._value.get()


@pytest.fixture
async def no_more_tasks():
    """Let the test run; afterwards there must be no task and no generator more than before."""
    tasks = len(asyncio.all_tasks())
    yield
    await eventually(lambda: level() == (0, 0) and live.hub().is_idle)
    await eventually(lambda: not generators() and len(asyncio.all_tasks()) <= tasks)


@contextlib.asynccontextmanager
async def raw(served, message, *, also=b""):
    """Follow a message on a bare connection with small buffers, of which nothing is read."""
    body = orjson.dumps({"query": FOLLOW, "variables": {"id": str(message.id)}})
    head = (
        f"POST /graphql/ HTTP/1.1\r\nHost: localhost\r\nAccept: {EVENT_STREAM}\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    streams, _ = level()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", served.port))
        await loop.sock_sendall(client, head.encode() + body + also)
        await eventually(lambda: level() == (streams + 1, streams + 1))
        yield client


def ours(served, client):
    """Return the server's side of a connection."""
    (found,) = (one for one in served.server.server_state.connections if one.client[1] == client.getsockname()[1])
    return found


PIPELINED = b"GET /graphql/?query=%7B__typename%7D HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("way", ["close", "reset", "half", "having asked for more"])
@pytest.mark.usefixtures("no_more_tasks")
async def test_a_client_that_goes_away_leaves_nothing(served, message, way):
    """At once, however it goes: no generator, no task, no watcher."""
    async with raw(served, message, also=PIPELINED if way == "having asked for more" else b"") as client:
        await joined()
        if way == "half":
            client.shutdown(socket.SHUT_WR)
        else:
            linger = struct.pack("ii", way == "reset", 0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            client.close()
        await eventually(lambda: level() == (0, 0), within=1)


@pytest.mark.usefixtures("no_more_tasks")
async def test_a_client_that_goes_away_at_once_leaves_nothing(served, message):
    """However far the subscribing had come."""
    for number in range(30):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(number / 1000), following(served.url, message.id, key=KEY) as stream:
                await stream.is_cut()


@pytest.fixture
def talkative(monkeypatch):
    """Let pings be so large and so many that they fill every buffer on the way."""
    monkeypatch.setattr(sse, "PING", b":" + b" " * 50_000 + b"\n\n")
    monkeypatch.setattr(sse, "PING_EVERY", 0.01)


@pytest.mark.usefixtures("no_more_tasks")
async def test_a_slow_reader_is_cut_off(served, message, monkeypatch, talkative):
    """After a while, in which the process keeps one frame for it, and tells others what there is."""
    monkeypatch.setattr(sse, "TAKES_WITHIN", 0.5)
    async with following(served.url, message.id, key=KEY) as other, raw(served, message) as client:
        assert await other.change() == (1, "QUEUED")
        transport = ours(served, client).transport
        await eventually(transport.get_write_buffer_size)
        await change(message, "SENDING")
        assert await other.change() == (2, "SENDING")
        assert transport.get_write_buffer_size() < 100_000
        await eventually(lambda: level() == (1, 1))
        assert transport.is_closing()
        await change(message, "DELIVERED")
        assert await other.changes() == [(3, "DELIVERED")]


@LINUX
@pytest.mark.usefixtures("no_more_tasks")
async def test_the_kernel_gives_up_who_takes_nothing(served, message, monkeypatch, talkative):
    """Also where nothing waits in the process: a client that vanished would be waited for a quarter of an hour."""
    monkeypatch.setattr(http_connection, "UNACKNOWLEDGED", 500)
    async with raw(served, message):
        await eventually(lambda: level() == (0, 0))


@pytest.mark.usefixtures("no_more_tasks")
async def test_who_sends_more_behind_a_stream_is_cut_off(served, message):
    """Requests that would wait for hours need memory: at most what came with the first one is kept."""
    async with raw(served, message, also=PIPELINED) as client:
        connection = ours(served, client)
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(client, PIPELINED * 10_000)
        await eventually(lambda: level() == (0, 0))
        assert len(connection.pipeline) == 1


def patience(transport):
    """How much the process keeps for a client, and how long the kernel waits for it."""
    to_client = transport.get_extra_info("socket")
    return transport.get_write_buffer_limits(), to_client.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)


@LINUX
async def test_after_a_stream_comes_the_next_request(served, message):
    """On the same connection, with the kernel and the process as patient as before; also one that was sent already."""
    loop = asyncio.get_running_loop()
    async with raw(served, message, also=PIPELINED) as client:
        transport = ours(served, client).transport
        assert patience(transport) == ((0, 0), http_connection.UNACKNOWLEDGED)
        await change(message, "DELIVERED")
        await eventually(lambda: level() == (0, 0))
        assert patience(transport) == ((16 * 1024, 64 * 1024), 0)
        await loop.sock_sendall(client, PIPELINED)
        answers = b""
        while answers.count(b"HTTP/1.1 ") < 3:
            answers += await loop.sock_recv(client, 65_536)
        assert answers.count(b"event: complete\ndata: \n\n\r\n0\r\n\r\nHTTP/1.1 401") == 1
