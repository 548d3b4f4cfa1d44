"""Request bodies, bounded."""

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
    size, is_large, is_whole = 0, False, False
    try:
        while not is_whole and size <= 2 * limit:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk: bytes = message.get("body", b"")
            if size <= LARGEST < size + len(chunk):
                _count_large(1)
                is_large = True
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
            is_whole = not message.get("more_body", False)
    finally:
        if is_large:
            _count_large(-1)
    if size > limit:
        raise BodyTooLarge(limit)
    return b"".join(chunks)


def _count_large(change: int) -> None:
    global _large  # noqa: PLW0603  a process has one memory
    if _large + change > MOST_LARGE:
        raise Overloaded
    _large += change


_large = 0


__all__ = ["LARGEST", "LARGEST_BATCH", "BodyTooLarge", "ClientDisconnect", "read"]
