"""Where requests come from, rendered ahead as far as they can be."""

import json
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

Source = Callable[[], bytes | None]

KEY_LENGTH = 24
# Stands in a rendered request where each sending puts a key of its own, of the same length.
KEY = "k" * KEY_LENGTH
# The last digits of a recipient, instead of which each message gets others: an index on one number would be no index.
DIGITS = "7777777"
STEP = 7_654_321  # prime to ten million, so that all digits have had their turn before one comes again


class Template:
    """One request again and again, each time with a key that was never used before, and to other recipients."""

    def __init__(self, request: bytes) -> None:
        self._before, found, after = request.partition(KEY.encode())
        assert found, "the request has no place for a key"
        self._first, *self._rest = after.split(DIGITS.encode())
        self._prefix = token_hex(6).encode()
        self._number = 0
        self._recipient = int(token_hex(3), 16)

    def __call__(self) -> bytes:
        """Return the next request."""
        self._number += 1
        parts = [b"%b%b%012d%b" % (self._before, self._prefix, self._number, self._first)]
        for part in self._rest:
            self._recipient = (self._recipient + STEP) % 10_000_000
            parts.append(b"%07d%b" % (self._recipient, part))
        return b"".join(parts)


class Listed:
    """The requests of a file, one JSON string a line, each once."""

    def __init__(self, path: Path) -> None:
        self._requests = [json.loads(line).encode() for line in path.read_text().splitlines()]
        self._requests.reverse()

    def __call__(self) -> bytes | None:
        """Return the next request, or None when there are no more."""
        return self._requests.pop() if self._requests else None
