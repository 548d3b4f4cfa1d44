"""The load generator counts what it got, and never sends one key twice."""

import asyncio
from collections import Counter
from contextlib import suppress

import pytest

from benchmarks.load.run import Load
from benchmarks.load.sources import KEY, Template

REQUEST = f"POST / HTTP/1.1\r\nIdempotency-Key: {KEY}\r\nContent-Length: 0\r\n\r\n".encode()
GOOD = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"
BAD = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


class Server:
    """Answers each request by its number, and remembers the keys."""

    def __init__(self, answer):
        self.keys: Counter[bytes] = Counter()
        self._answer = answer
        self._serving = set()

    async def serve(self, reader, writer):
        """Serve one connection; no answer means hanging up."""
        self._serving.add(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._serve(reader, writer)
        writer.close()

    async def end(self):
        """Wait until every client has gone."""
        await asyncio.gather(*self._serving)

    async def _serve(self, reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            self.keys[head.partition(b"Idempotency-Key: ")[2].partition(b"\r\n")[0]] += 1
            answer = self._answer(self.keys.total())
            if answer is None:
                return
            writer.write(answer)


async def run(answer, **order):
    """Run a load of four connections against a server, and return both."""
    server = Server(answer)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        load = Load("127.0.0.1", port, connections=4, source=Template(REQUEST), status=202, expect=b"ok")
        result = await load.run(**{"seconds": None, "count": None, "rate": None, **order})
        load.close()
        await server.end()
    return result, server


async def test_each_request_has_a_key_of_its_own():
    """Exactly as many were sent as were asked for, each once."""
    result, server = await run(lambda _: GOOD, count=200)
    assert (result["answered"], result["unexpected"]) == (200, {})
    assert set(server.keys.values()) == {1}
    assert len(server.keys) == 200


async def test_other_answers_are_counted_apart():
    """A 503 is no accepted message."""
    result, _ = await run(lambda number: BAD if number % 4 == 0 else GOOD, count=100)
    assert (result["answered"], result["unexpected"]) == (75, {"503": 25})


async def test_a_lost_connection_is_counted_and_replaced():
    """The run goes on with a new one."""
    result, _ = await run(lambda number: None if number == 10 else GOOD, count=50)
    assert (result["answered"], result["unexpected"]) == (49, {"lost": 1})


async def test_a_rate_is_kept():
    """50 requests at 500 a second take at least the time between the first and the last."""
    result, _ = await run(lambda _: GOOD, count=50, rate=500.0)
    assert result["answered"] == 50
    assert result["seconds"] >= 49 / 500


async def test_time_ends_a_run():
    """No new request after it, and all answers are waited for."""
    result, server = await run(lambda _: GOOD, seconds=0.05)
    assert result["answered"] == server.keys.total() > 0


def test_a_request_without_a_place_for_its_key_is_refused():
    """Else all would be repeats of one message."""
    with pytest.raises(AssertionError, match="no place"):
        Template(b"POST / HTTP/1.1\r\n\r\n")
