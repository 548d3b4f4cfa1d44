"""Request bodies, bounded."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from starlette.requests import ClientDisconnect, Request

from sms.errors import Overloaded

LARGEST = 64 * 1024  # bytes; the longest text we take is a fortieth of it
LARGEST_BATCH = 4 * 1024 * 1024  # a thousand of the longest texts, in UTF-8
MOST_LARGE = 64  # bodies above LARGEST that are read at the same time; one more is told to come back


class BodyTooLarge(Exception):
    """The body is larger than the edge takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes.")


async def read(request: Request, *, limit: int = LARGEST) -> bytes:
    """Return the raw body. Raises BodyTooLarge, Overloaded, or ClientDisconnect.

    Of a body that is too large as much again is read and forgotten: who is still sending when the connection ends sees
    only that, and not the answer that tells why.
    """
    announced = request.headers.get("content-length", "")
    expected = int(announced) if announced.isdecimal() else 0
    if expected > 2 * limit or (expected > limit and "expect" in request.headers):
        raise BodyTooLarge(limit)
    chunks: list[bytes] = []
    size = 0
    with ExitStack() as held:
        async for chunk in request.stream():
            if size <= LARGEST < size + len(chunk):
                held.enter_context(_one_more())
            size += len(chunk)
            if size > 2 * limit:
                break
            if size <= limit:
                chunks.append(chunk)
    if size > limit:
        raise BodyTooLarge(limit)
    return b"".join(chunks)


@contextmanager
def _one_more() -> Iterator[None]:
    global _large  # noqa: PLW0603  a process has one memory
    if _large >= MOST_LARGE:
        raise Overloaded
    _large += 1
    try:
        yield
    finally:
        _large -= 1


_large = 0


__all__ = ["LARGEST", "LARGEST_BATCH", "BodyTooLarge", "ClientDisconnect", "read"]
