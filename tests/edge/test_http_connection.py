"""What comes in over HTTP is bounded in size and in time, and is either clearly one request or none."""

import asyncio
import gc
import json
import socket

import pytest
from graphql import get_introspection_query

from edge import http_connection
from tests.graphql_api.conftest import KEY, serving
from tests.raw_http import exchange, statuses

HEAD = (
    b"POST /graphql/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer " + KEY.encode() + b"\r\n"
)
BODY = b'{"query":"{__typename}"}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

AMBIGUOUS = {
    "a length and chunks": HEAD + LENGTH + CHUNKED + b"\r\n" + CHUNKS,
    "chunks and a length": HEAD + CHUNKED + LENGTH + b"\r\n" + CHUNKS,
    "chunked twice": HEAD + CHUNKED + CHUNKED + b"\r\n" + CHUNKS,
    "chunked twice in a line": HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKS,
    "chunked, but not at last": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKS,
    "almost chunked": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS,
    "chunked with a parameter": HEAD + b"Transfer-Encoding: chunked;q=1\r\n\r\n" + CHUNKS,
    "chunked behind a vertical tab": HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKS,
    "no coding": HEAD + b"Transfer-Encoding:\r\n" + LENGTH + b"\r\n" + BODY,
    "a space before the colon": HEAD + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKS,
    "a folded line": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + CHUNKS,
    "two lengths": HEAD + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY,
    "one length twice": HEAD + LENGTH + LENGTH + b"\r\n" + BODY,
    "a list of lengths": HEAD + b"Content-Length: 24, 24\r\n\r\n" + BODY,
    "a length with a sign": HEAD + b"Content-Length: +24\r\n\r\n" + BODY,
    "a hexadecimal length": HEAD + b"Content-Length: 0x18\r\n\r\n" + BODY,
    "an endless length": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n" + BODY,
    "bare line feeds": (HEAD + LENGTH).replace(b"\r\n", b"\n") + b"\n" + BODY,
    "one bare line feed": HEAD + LENGTH + b"X: y\n\r\n" + BODY,
    "a bare carriage return": HEAD + LENGTH + b"X: y\rz: q\r\n\r\n" + BODY,
    "a NUL": HEAD + LENGTH + b"X: y\0z\r\n\r\n" + BODY,
    "a chunk of hexadecimal looks": HEAD + CHUNKED + b"\r\n0x18\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk with a sign": HEAD + CHUNKED + b"\r\n+18\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk with a bare line feed": HEAD + CHUNKED + b"\r\n18\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk with a line feed in its extension": HEAD + CHUNKED + b"\r\n18;a\nxx\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk that is longer than it says": HEAD + CHUNKED + b"\r\n18\r\n" + BODY + b"XX0\r\n\r\n",
    "a chunk longer than memory": HEAD + CHUNKED + b"\r\nFFFFFFFFFFFFFFFFF\r\n" + BODY + b"\r\n0\r\n\r\n",
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another version": b"GET / HTTP/1.2\r\nHost: localhost\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


async def send(served, *parts, **options):
    """Exchange bytes with a server of this loop."""
    return await asyncio.to_thread(exchange, served.port, *parts, **options)


@pytest.mark.parametrize("case", AMBIGUOUS)
async def test_what_two_servers_may_read_in_two_ways_is_refused(served, account, case):
    """Request smuggling: one 400, and the connection with all that stands behind is gone."""
    answered, got = await send(served, AMBIGUOUS[case] + SMUGGLED)
    assert answered == [400]
    assert json.loads(got.partition(b"\r\n\r\n")[2])["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize(
    "last",
    [
        HEAD + b"Connection: close\r\n" + LENGTH + b"\r\n" + BODY,
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + LENGTH + b"\r\n" + BODY,
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + CHUNKED + b"\r\n" + CHUNKS,
    ],
)
async def test_nothing_is_read_behind_the_last_request(served, account, last):
    """Who says that it is the last one is taken at his word."""
    assert (await send(served, last + SMUGGLED))[0] == [200]


async def test_requests_may_come_one_behind_the_other(served, account):
    """Each is answered, in order, whatever way its length is told in."""
    several = HEAD + LENGTH + b"\r\n" + BODY + HEAD + CHUNKED + b"\r\n" + CHUNKS + LAST
    assert (await send(served, several))[0] == [200, 200, 404]


async def test_a_refusal_never_stands_for_another_request(served, account):
    """A request with rubbish behind it may be under way: no answer is better than a wrong one."""
    assert (await send(served, HEAD + LENGTH + b"\r\n" + BODY + b"rubbish\r\n\r\n"))[0] in ([], [200])


LARGE = {
    "a header": HEAD + LENGTH + b"X: " + b"y" * 100_000 + b"\r\n\r\n" + BODY,
    "many headers": HEAD + LENGTH + b"X: y\r\n" * 20_000 + b"\r\n" + BODY,
    "an address": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a header's name": HEAD + b"y" * 100_000 + b": X\r\n\r\n",
    "an extension of a chunk": HEAD + CHUNKED + b"\r\n18;" + b"x" * 100_000 + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "trailers": HEAD + CHUNKED + b"\r\n18\r\n" + BODY + b"\r\n0\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
}


@pytest.mark.parametrize("case", LARGE)
async def test_what_stands_around_a_body_is_bounded(served, account, case):
    """More than 64 KiB of it is refused, and nothing behind it is run."""
    assert (await send(served, LARGE[case] + SMUGGLED))[0] == [431]


async def test_headers_without_end_are_not_kept(served, account):
    """Each line is short, and they never stop."""
    answered, _ = await send(served, HEAD, *[b"X: %b\r\n" % (b"y" * 1000)] * 200)
    assert answered in ([431], [])  # the answer may be lost when we go on sending


async def test_ten_thousand_headers_below_the_limit_are_just_headers(served, account):
    """They cost what their bytes cost."""
    assert (await send(served, HEAD + LENGTH + b"X: y\r\n" * 10_000 + b"\r\n" + BODY + LAST))[0] == [200, 404]


def test_trailers_are_no_headers(stack):
    """What stands behind the body was seen by no proxy as a header, and does not become one."""
    message = b'{"sender_id":"MyCorp","recipient":"233200000901","text":"Hello"}'
    post = b"POST /api/messages/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    chunks = b"%x\r\n%b\r\n0\r\n" % (len(message), message)
    json_type = b"Content-Type: application/json\r\n"
    assert exchange(stack.port, post + json_type + b"\r\n" + chunks + b"\r\n")[0] == [202]
    assert exchange(stack.port, post + b"\r\n" + chunks + json_type + b"\r\n")[0] == [400]


@pytest.fixture
def impatient(monkeypatch):
    """Let a request take a third of a second."""
    monkeypatch.setattr(http_connection, "WHOLE_WITHIN", 0.3)


@pytest.mark.parametrize(
    ("parts", "answered"),
    [
        ([b""], []),
        ([HEAD], [408]),
        ([HEAD, *[b"X: y\r\n"] * 20], [408]),
        ([HEAD + LENGTH + b"\r\n" + BODY[:5]], [408]),
        ([HEAD + LENGTH + b"\r\n", *[BODY[:1]] * 20], [408]),
        ([HEAD + CHUNKED + b"\r\n", *[b"1\r\n \r\n"] * 20], [408]),
        ([HEAD.replace(KEY.encode(), b"wrong") + CHUNKED + b"\r\n", *[b"1\r\n \r\n"] * 20], [401]),
        ([HEAD + LENGTH + b"\r\n" + BODY, HEAD], [200, 408]),
    ],
    ids=["nothing", "head", "headers", "body", "bytes", "chunks", "behind an answer", "second"],
)
async def test_a_request_has_to_come_in_time(impatient, account, parts, answered):
    """Slow senders (slowloris, slow POST): refused as a whole, however steadily something comes."""
    async with serving() as served:
        assert (await send(served, *parts, every=0.05))[0] == answered


async def test_a_connection_may_wait_for_its_next_request(impatient, account):
    """Time runs only while a request is under way."""
    one = HEAD + LENGTH + b"\r\n" + BODY
    async with serving() as served:
        assert (await send(served, one, one, LAST, every=0.5))[0] == [200, 200, 404]


HELLO = (
    b"GET /graphql/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)


async def test_a_websocket_may_be_silent(impatient, account):
    """What has become a socket has rules of its own."""

    def quiet(port):
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(HELLO)
            got = connection.recv(65_536)
            with pytest.raises(TimeoutError):
                connection.recv(1)
        return statuses(got)

    async with serving() as served:
        assert await asyncio.to_thread(quiet, served.port) == [101]


async def test_nothing_of_http_is_kept_for_a_websocket(served, account):
    """It may live for a day, and there may be thousands."""

    def parsers():
        # Not isinstance: to ask that of a proxy whose object is gone, of whatever library, is an error.
        return [one for one in gc.get_objects() if type(one) is http_connection.HttpConnection]

    with socket.socket() as connection:
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, ("127.0.0.1", served.port))
        await loop.sock_sendall(connection, HELLO[:-2])
        async with asyncio.timeout(10):
            while not parsers():
                await asyncio.sleep(0.01)
            await loop.sock_sendall(connection, HELLO[-2:])
            assert statuses(await loop.sock_recv(connection, 65_536)) == [101]
        assert parsers() == []


async def test_an_answer_that_nobody_reads_is_not_kept(account, monkeypatch):
    """Who asks for much and takes nothing is dropped, though the connection itself is fine."""
    monkeypatch.setattr(http_connection, "TAKEN_WITHIN", 0.3)
    document = json.dumps({"query": get_introspection_query()}).encode()
    ask = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(document), document)
    async with serving() as served:
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, ("127.0.0.1", served.port))
            asking = asyncio.create_task(loop.sock_sendall(connection, ask * 300))
            async with asyncio.timeout(20):
                while not served.server.server_state.connections:
                    await asyncio.sleep(0.01)
                while served.server.server_state.connections:
                    await asyncio.sleep(0.01)
            asking.cancel()
            await asyncio.wait({asking})


async def test_an_answer_may_be_read_slowly(account, monkeypatch):
    """Who takes it, however it comes, gets all of it."""
    monkeypatch.setattr(http_connection, "TAKEN_WITHIN", 0.3)
    document = json.dumps({"query": get_introspection_query()}).encode()
    ask = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(document), document)
    async with serving() as served:
        answered, _ = await send(served, *[ask, b""] * 20, LAST, every=0.05)
    assert answered == [*[200] * 20, 404]


class Written(asyncio.Transport):
    """Keeps what is written, a piece for each time that the client would be woken."""

    def __init__(self):
        super().__init__()
        self.pieces, self.is_closed = [], False

    def write(self, data):
        """Keep a piece."""
        assert not self.is_closed
        self.pieces.append(data)

    def is_closing(self):
        """Whether it was closed."""
        return self.is_closed

    def close(self):
        """Take nothing more."""
        self.is_closed = True


async def test_a_head_goes_out_with_its_body():
    """The client is woken once; what comes later comes by itself."""
    written = Written()
    answer = http_connection.HeadWithBody(written, asyncio.get_running_loop())
    for piece in (b"head ", b"body", b"more"):
        answer.write(piece)
    await asyncio.sleep(0)
    assert written.pieces == [b"head body", b"more"]


async def test_a_head_whose_body_is_late_does_not_wait_for_it():
    """As where an event stream begins."""
    written = Written()
    answer = http_connection.HeadWithBody(written, asyncio.get_running_loop())
    answer.write(b"head")
    assert written.pieces == []
    await asyncio.sleep(0)
    assert written.pieces == [b"head"]
    answer.write(b"body")
    assert written.pieces == [b"head", b"body"]


async def test_a_head_is_not_lost_where_the_connection_is_closed_behind_it():
    """An application failed between the two."""
    written = Written()
    answer = http_connection.HeadWithBody(written, asyncio.get_running_loop())
    answer.write(b"head")
    answer.close()
    await asyncio.sleep(0)
    assert (written.pieces, answer.is_closing()) == ([b"head"], True)


async def test_every_answer_with_a_body_goes_out_like_that(served, account, monkeypatch):
    """One after the other on one connection, too; of HEAD there is only a head."""
    made = []

    class Noted(http_connection.HeadWithBody):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(http_connection, "HeadWithBody", Noted)
    head = b"HEAD /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert (await send(served, HEAD + LENGTH + b"\r\n" + BODY + head + LAST))[0] == [200, 404, 404]
    assert len(made) == 2


async def test_nothing_is_written_to_a_client_that_has_gone_behind_the_head():
    """Its transport would raise an error that nobody catches."""
    written, failed = Written(), []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failed.append(context))
    http_connection.HeadWithBody(written, loop).write(b"head")
    written.close()
    await asyncio.sleep(0)
    assert (written.pieces, failed) == ([], [])
