"""Request bodies, bounded."""

from starlette.requests import ClientDisconnect, Request

LARGEST = 64 * 1024  # bytes; the longest text we take is a fortieth of it
LARGEST_BATCH = 4 * 1024 * 1024  # a thousand of the longest texts, written as JSON in its longest way


class BodyTooLarge(Exception):
    """The body is larger than the edge takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes.")


async def read(request: Request, *, limit: int = LARGEST) -> bytes:
    """Return the raw body. Raises BodyTooLarge, or ClientDisconnect.

    Of a body that is too large as much again is read and forgotten: who is still sending when the connection ends sees
    only that, and not the answer that tells why.
    """
    announced = request.headers.get("content-length", "")
    expected = int(announced) if announced.isdecimal() else 0
    if expected > 2 * limit or (expected > limit and "expect" in request.headers):
        raise BodyTooLarge(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > 2 * limit:
            break
        if size <= limit:
            chunks.append(chunk)
    if size > limit:
        raise BodyTooLarge(limit)
    return b"".join(chunks)


__all__ = ["LARGEST", "LARGEST_BATCH", "BodyTooLarge", "ClientDisconnect", "read"]
