"""What was taken, in memory: the answer to "do you have it?" and to "how often did you get it?"."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from secrets import token_hex
from typing import NamedTuple

from simulator.phone_numbers import digits
from simulator.wire import Message

MOST_ENTRIES = 200_000  # some 130 MB when full


@dataclass(slots=True, eq=False)
class Taken:
    """One submit that was taken; `submits` counts those with its client reference up to this one."""

    message: Message
    reference: str
    submits: int
    receipt: str | None = None  # the latest word that was sent about it


class Count(NamedTuple):
    """How often one message was taken, as told apart by its recipient, sender and text."""

    to: str
    sender: str
    text: str
    client_references: list[str]


class Ledger:
    """Keeps the last `most` entries; older ones are forgotten."""

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        self._most = most
        self._entries: deque[Taken] = deque()
        self._latest: dict[str, Taken] = {}  # by client reference

    def take(self, message: Message) -> Taken:
        """Write a message down, under a new reference that no other run gives again."""
        before = self._latest.get(message.client_reference)
        taken = Taken(message, f"sim-{token_hex(16)}", before.submits + 1 if before else 1)
        self._entries.append(taken)
        self._latest[message.client_reference] = taken
        if len(self._entries) > self._most:
            self._forget(self._entries.popleft())
        return taken

    def look_up(self, client_reference: str) -> Taken | None:
        """Return the latest that was taken under a client reference."""
        return self._latest.get(client_reference)

    def count(self, *, to: str | None, client_reference: str | None, at_least: int) -> list[Count]:
        """Return each message that was taken `at_least` so often, of a recipient, of a client reference, or of all.

        Looks through all entries. Of a full ledger that takes 30 ms, or half a second for all messages, while nothing
        else is served: it is for tests.
        """
        found: dict[tuple[str, str, str], list[str]] = {}
        for message in self._matching(digits(to) if to else None, client_reference):
            found.setdefault((digits(message.to), message.sender, message.text), []).append(message.client_reference)
        return [Count(*key, references) for key, references in found.items() if len(references) >= at_least]

    def _matching(self, number: str | None, client_reference: str | None) -> Iterable[Message]:
        for taken in self._entries:
            message = taken.message
            if number is not None and digits(message.to) != number:
                continue
            if client_reference is None or message.client_reference == client_reference:
                yield message

    def _forget(self, oldest: Taken) -> None:
        client_reference = oldest.message.client_reference
        if self._latest[client_reference] is oldest:
            del self._latest[client_reference]
