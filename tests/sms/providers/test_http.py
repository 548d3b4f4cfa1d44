"""What each way of failing says about a message: against real sockets that really fail."""

import asyncio
import socket
import struct
import time

import pytest

from sms.providers import http
from sms.providers.base import Handover, Outcome
from sms.providers.errors import ProviderError
from sms.providers.http import Answer, HttpClient, Request, address

NOT_SENT, MAYBE_SENT = Handover.NOT_SENT, Handover.MAYBE_SENT


class Peer:
    """A server that treats its one kind of request as `behave` says."""

    def __init__(self, behave):
        self.behave = behave

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/"

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        try:
            await self.behave(writer)
        finally:
            writer.close()


def answering(head, body=b"{}"):
    """Behave as a server that answers."""

    async def behave(writer):
        writer.write(head + b"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()

    return behave


async def hang(writer):
    """Behave as a server that took the request and never answers."""
    await asyncio.sleep(1)


async def reset(writer):
    """Behave as a server that dies with the request in its hands."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def half_an_answer(writer):
    """Behave as a server that dies while it answers."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()


@pytest.fixture
async def post():
    """POST with a client of its own, closed afterwards."""
    client = HttpClient()

    async def send(url, *, deadline=float("inf")):
        return await client.send(Request.json(url, {"a": 1}), within=0.3, deadline=deadline)

    yield send
    if client._session is not None:
        await client._session.close()


@pytest.mark.parametrize("behave", [hang, reset, half_an_answer], ids=lambda f: f.__name__)
async def test_a_request_that_left_and_was_not_answered_may_have_been_taken(post, behave):
    """A time-out, a reset, a torn answer: nobody knows, and nobody pretends to."""
    async with Peer(behave) as url:
        outcome = await post(url)
    assert (outcome.handover, outcome.error) == (MAYBE_SENT, ProviderError.PROVIDER_TIMEOUT)


async def test_a_refused_connection_means_not_sent(post):
    """Where nobody listens, nobody took anything."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/"
    outcome = await post(url)
    assert (outcome.handover, outcome.error) == (NOT_SENT, ProviderError.PROVIDER_UNAVAILABLE)


@pytest.mark.parametrize(
    ("head", "handover", "error", "wish"),
    [
        (b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7", NOT_SENT, ProviderError.PROVIDER_THROTTLED, 7.0),
        (b"HTTP/1.1 429 Too Many Requests", NOT_SENT, ProviderError.PROVIDER_THROTTLED, None),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: soon", NOT_SENT, ProviderError.PROVIDER_UNAVAILABLE, None),
        (b"HTTP/1.1 401 Unauthorized", NOT_SENT, ProviderError.PROVIDER_AUTH, None),
        (b"HTTP/1.1 403 Forbidden", NOT_SENT, ProviderError.PROVIDER_AUTH, None),
        (b"HTTP/1.1 302 Found\r\nLocation: /elsewhere", NOT_SENT, ProviderError.UNCLASSIFIED, None),
        (b"HTTP/1.1 404 Not Found", NOT_SENT, ProviderError.UNCLASSIFIED, None),
        (b"HTTP/1.1 500 Oops", MAYBE_SENT, ProviderError.PROVIDER_TIMEOUT, None),
        (b"HTTP/1.1 502 Bad Gateway", MAYBE_SENT, ProviderError.PROVIDER_TIMEOUT, None),
        (b"HTTP/1.1 504 Gateway Timeout", MAYBE_SENT, ProviderError.PROVIDER_TIMEOUT, None),
        (b"HTTP/1.1 201 Created", MAYBE_SENT, ProviderError.PROVIDER_TIMEOUT, None),
    ],
)
async def test_each_status_is_classed(post, head, handover, error, wish):
    """What the provider's status says about the message, and when it wishes to be asked again."""
    async with Peer(answering(head)) as url:
        answer = await post(url)
    assert isinstance(answer, Answer)
    assert answer.failure() == Outcome(handover, None, error, f"HTTP {head.split()[1].decode()}", wish)


async def test_broken_json_is_no_answer(post):
    """A 200 that nobody can read is not a yes."""
    async with Peer(answering(b"HTTP/1.1 200 OK", b"{")) as url:
        answer = await post(url)
    assert (answer.status, answer.json()) == (200, None)


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://127.0.0.1:{port}/", {"Authorization": "Bearer pasted with its line's end\n"}),
        ("http://user:password@127.0.0.1:{port}/", {"Authorization": "Bearer both"}),
        ("http://[::1/", {}),
    ],
)
async def test_what_cannot_be_written_as_http_has_not_left(url, headers):
    """An operator's mistake makes no message uncertain, none is lost when it is mended, and who asks has no answer."""
    client, received = HttpClient(), []

    async def listen(reader, writer):
        received.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    request = Request.json(url.format(port=server.sockets[0].getsockname()[1]), {"a": 1}, headers)
    outcome = await client.send(request, within=0.5, deadline=float("inf"))
    answer = await client.ask(request, within=0.5)
    await client._session.close()
    server.close()
    await asyncio.sleep(0.05)
    assert (outcome.handover, outcome.error) == (NOT_SENT, ProviderError.PROVIDER_UNAVAILABLE)
    assert answer is None
    assert b"".join(received) == b""


async def test_a_host_that_hangs_takes_no_connection_from_another_one(monkeypatch):
    """A provider that is slow is no reason to hold another one for broken."""
    monkeypatch.setattr(http, "MOST_CONNECTIONS", 4)
    client = HttpClient()
    async with Peer(hang) as slow, Peer(answering(b"HTTP/1.1 200 OK")) as quick:
        sending = [
            asyncio.create_task(client.send(Request.json(slow, {}), within=0.8, deadline=float("inf")))
            for _ in range(8)
        ]
        await asyncio.sleep(0.1)
        answer = await client.send(Request.json(quick, {}), within=0.3, deadline=float("inf"))
        outcomes = await asyncio.gather(*sending)
    await client._session.close()
    assert isinstance(answer, Answer)
    assert {one.handover for one in outcomes[:4]} == {MAYBE_SENT}


async def test_nothing_leaves_after_the_deadline(post):
    """A process that was frozen past its lease finds out in the moment of writing, and the provider hears nothing."""
    received = []

    async def listen(reader, writer):
        received.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    outcome = await post(url, deadline=time.monotonic() - 0.001)
    server.close()
    await asyncio.sleep(0.05)
    assert (outcome.handover, outcome.detail) == (NOT_SENT, "the lease was about to pass")
    assert b"".join(received) == b""


async def test_a_get_that_was_lost_is_not_sent_again():
    """Some providers take texts by GET: a kept connection that ends under the second one makes no third."""
    client, taken = HttpClient(), []

    async def serve(reader, writer):
        for _ in range(2):
            taken.append(await reader.readuntil(b"\r\n\r\n"))
            if len(taken) == 1:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    request = Request.get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {"text": "Hello"})
    first, second = [await client.send(request, within=1.0, deadline=float("inf")) for _ in range(2)]
    await client._session.close()
    server.close()
    assert (first.status, second.handover, len(taken)) == (200, MAYBE_SENT, 2)


@pytest.mark.parametrize("option", ["https://api.example.com/", "http://127.0.0.1:8080/v1", "https://[::1]:1/a/b"])
def test_an_address_of_an_api(option):
    """It may have a port and a path, and the slash at its end is one too many."""
    assert address(option) == option.rstrip("/")


@pytest.mark.parametrize(
    "option",
    ["", "api.example.com", "ftp://example.com", "https://", "http://[", "https://a:b", "https://a b", "https://é.com",
     "https://a.com/?x=1", "https://a.com/#x", "https://a.com/\n", "https://a.com:99999"],
)  # fmt: skip
def test_no_address_of_an_api(option):
    """The operator hears of it when it is said, not when the first message fails."""
    with pytest.raises(ValueError, match="An address begins with"):
        address(option)
