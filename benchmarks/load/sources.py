"""Where requests come from, rendered ahead as far as they can be."""

import json
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

Source = Callable[[], bytes | None]

KEY_LENGTH = 24
# Stands in a rendered request where each sending puts a key of its own, of the same length.
KEY = "k" * KEY_LENGTH


class Template:
    """One request again and again, each time with a key that was never used before."""

    def __init__(self, request: bytes) -> None:
        self._before, found, self._after = request.partition(KEY.encode())
        assert found, "the request has no place for a key"
        self._prefix = token_hex(6).encode()
        self._number = 0

    def __call__(self) -> bytes:
        """Return the next request."""
        self._number += 1
        return b"%b%b%012d%b" % (self._before, self._prefix, self._number, self._after)


class Listed:
    """The requests of a file, one JSON string a line, each once."""

    def __init__(self, path: Path) -> None:
        self._requests = [json.loads(line).encode() for line in path.read_text().splitlines()]
        self._requests.reverse()

    def __call__(self) -> bytes | None:
        """Return the next request, or None when there are no more."""
        return self._requests.pop() if self._requests else None
