"""Websocket frames (RFC 6455), as far as this service's answers need them."""

from collections.abc import Iterator

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
FINAL, MASKED = 0x80, 0x80
SHORT, MEDIUM, LONG = 125, 126, 127
NO_MASK = b"\0\0\0\0"  # a client has to mask; with zeros that changes nothing


def encode(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return one whole frame from a client."""
    size = len(payload)
    if size <= SHORT:
        head = bytes([FINAL | opcode, MASKED | size])
    else:
        assert size < 2**16
        head = bytes([FINAL | opcode, MASKED | MEDIUM]) + size.to_bytes(2, "big")
    return head + NO_MASK + payload


class FrameParser:
    """Takes what a server sends, in pieces of any size."""

    def __init__(self) -> None:
        self._received = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the opcode and the payload of every frame that `data` completes."""
        self._received += data
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> tuple[int, bytes] | None:
        received = self._received
        if len(received) < 2:
            return None
        opcode, size, at = received[0] & 0x0F, received[1], 2
        if size in (MEDIUM, LONG):
            at += 2 if size == MEDIUM else 8
            size = int.from_bytes(received[2:at], "big")
        if len(received) < at + size:
            return None
        assert received[0] & FINAL, "a frame in parts"
        self._received = received[at + size :]
        return opcode, received[at : at + size]
