"""As much of HTTP/1.1 as it takes to see where an answer ends: the status and Content-Length."""

from typing import NamedTuple

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"


class Answer(NamedTuple):
    """One answer."""

    status: int
    body: bytes


class NotUnderstood(Exception):
    """The server does not say how long its answer is, or sends more than one."""


class AnswerParser:
    """Takes what arrives, in pieces of any size."""

    def __init__(self) -> None:
        self._received = b""

    def feed(self, data: bytes) -> Answer | None:
        """Return the answer when `data` completes it. Raises NotUnderstood."""
        received = self._received + data if self._received else data
        end = received.find(END_OF_HEAD)
        if end < 0:
            self._received = received
            return None
        body_at = end + len(END_OF_HEAD)
        missing = body_at + _content_length(received[:end]) - len(received)
        if missing > 0:
            self._received = received
            return None
        if missing < 0:
            raise NotUnderstood("More came than one answer, and only one request was sent.")
        self._received = b""
        return Answer(int(received[9:12]), received[body_at:])


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(LENGTH)
    if not found:
        raise NotUnderstood(f"An answer without Content-Length: {head!r}")
    return int(rest.partition(b"\r\n")[0])
