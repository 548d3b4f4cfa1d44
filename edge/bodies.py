"""Request bodies, bounded."""

from starlette.requests import ClientDisconnect, Request

LARGEST = 64 * 1024  # bytes; the longest text we take is a fortieth of it


class BodyTooLarge(Exception):
    """The body is larger than the edge takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes.")


async def read(request: Request, *, limit: int = LARGEST) -> bytes:
    """Return the raw body. Raises BodyTooLarge without reading on, or ClientDisconnect."""
    announced = request.headers.get("content-length")
    if announced is not None and announced.isdecimal() and int(announced) > limit:
        raise BodyTooLarge(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(limit)
        chunks.append(chunk)
    return b"".join(chunks)


__all__ = ["LARGEST", "BodyTooLarge", "ClientDisconnect", "read"]
