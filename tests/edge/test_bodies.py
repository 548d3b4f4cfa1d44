"""Bodies are bounded, each by itself and all together."""

import asyncio

import pytest
from starlette.requests import Request

from edge import bodies
from sms.errors import Overloaded


def request(*chunks, headers=()):
    """A request whose body comes in pieces."""
    left = list(chunks)

    async def receive():
        await asyncio.sleep(0)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return Request({"type": "http", "headers": [*headers]}, receive), left


async def test_of_what_is_too_large_as_much_again_is_read():
    """So that a client that is a little over gets its answer, and one that is far over costs no more than that."""
    asked, left = request(*[b"x" * 1000] * 15)
    with pytest.raises(bodies.BodyTooLarge):
        await bodies.read(asked, limit=10_000)
    assert left == []
    asked, left = request(*[b"x" * 1000] * 100)
    with pytest.raises(bodies.BodyTooLarge):
        await bodies.read(asked, limit=10_000)
    assert len(left) == 79


@pytest.mark.parametrize(
    "headers", [[(b"content-length", b"20001")], [(b"content-length", b"10001"), (b"expect", b"x")]]
)
async def test_what_is_announced_as_far_too_large_is_not_read(headers):
    """Nor is a body whose client asks before it sends."""
    asked, left = request(b"x", headers=headers)
    with pytest.raises(bodies.BodyTooLarge):
        await bodies.read(asked, limit=10_000)
    assert left == [b"x"]


async def test_many_large_bodies_at_once_are_refused_and_small_ones_are_not(monkeypatch):
    """One too many is told to come back; when the others are done there is room again."""
    monkeypatch.setattr(bodies, "MOST_LARGE", 2)
    large = [b"x" * 40_000] * 3
    read = [bodies.read(request(*large)[0], limit=bodies.LARGEST_BATCH) for _ in range(3)]
    small = [bodies.read(request(b"x" * 40_000, b"y")[0], limit=bodies.LARGEST_BATCH) for _ in range(3)]
    results = await asyncio.gather(*read, *small, return_exceptions=True)
    assert [type(one) for one in results] == [bytes, bytes, Overloaded, bytes, bytes, bytes]
    assert len(await bodies.read(request(*large)[0], limit=bodies.LARGEST_BATCH)) == 120_000
