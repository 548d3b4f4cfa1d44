"""Which texts from handsets an SMSC brings again. Pure.

A deliver_sm has no id. An SMSC brings it again when it got no answer, or one that says "later"; a person may also write
the same twice. So the same text is the same only where the SMSC may have missed our answer to the first.
"""

import time
from collections import deque
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import uuid4

REMEMBERED: Final = 900.0  # seconds that an SMSC may take until it brings a text again
MOST: Final = 20_000  # texts that are remembered
PATIENCE: Final = 5.0  # seconds after which an SMSC may have given up to wait for an answer


@dataclass(slots=True)
class Arrival:
    """A text that came, and whether it may come again."""

    reference: str
    digest: bytes
    at: float
    is_answered: bool = False
    is_read: bool = False  # our answer, by the SMSC
    may_repeat: bool = False


class Repeats:
    """Remembers the texts of the last minutes, by digests."""

    def __init__(self) -> None:
        self._arrivals: deque[Arrival] = deque()
        self._by_digest: dict[bytes, list[Arrival]] = {}

    def arrive(self, body: bytes) -> Arrival:
        """Return what stands for a text: with the reference of the first time, if it comes again."""
        now = time.monotonic()
        self._forget(now)
        digest = sha256(body).digest()
        same = self._by_digest.setdefault(digest, [])
        for one in same:
            if one.may_repeat or (not one.is_answered and now - one.at > PATIENCE):
                one.at, one.is_answered, one.is_read, one.may_repeat = now, False, False, False
                return one
        found = Arrival(uuid4().hex, digest, now)
        same.append(found)
        self._arrivals.append(found)
        return found

    def answered(self, arrival: Arrival, *, is_stored: bool) -> None:
        """Take note of the answer that is about to be written."""
        arrival.is_answered = True
        if not is_stored or time.monotonic() - arrival.at > PATIENCE:
            arrival.may_repeat = True  # and stays so where the connection is gone already

    def read(self, arrival: Arrival) -> None:
        """Take note that the SMSC has read the answer."""
        arrival.is_read = arrival.is_answered  # of this time, not of the time before

    def lost(self) -> None:
        """Take note that the connection has come to its end."""
        for one in self._arrivals:
            if not one.is_read:
                one.may_repeat = True

    def _forget(self, now: float) -> None:
        while self._arrivals and (now - self._arrivals[0].at > REMEMBERED or len(self._arrivals) >= MOST):
            old = self._arrivals.popleft()
            same = self._by_digest[old.digest]
            same.remove(old)
            if not same:
                del self._by_digest[old.digest]
