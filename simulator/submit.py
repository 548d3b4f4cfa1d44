"""The use case: a message is submitted, told its answer, written down, and its receipts are set going."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from simulator.fates import Answer, Fate, fate_of
from simulator.ledger import Ledger, Taken
from simulator.outbox import Outbox
from simulator.phone_numbers import digits
from simulator.wire import Message

MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Submitted:
    """How one submit ended. The answer must wait for `receipt`, where there is one."""

    answer: Answer
    taken: Taken | None = None
    receipt: asyncio.Future[None] | None = None


class Submits:
    """Takes messages as their fates say."""

    def __init__(self, ledger: Ledger, outbox: Outbox) -> None:
        self._ledger = ledger
        self._outbox = outbox
        self._tries = Tries()

    def submit(self, message: Message) -> Submitted:
        """Take a message, or not. None is taken whose receipts could not be kept."""
        fate = fate_of(message.to)
        answer = self._tries.next_answer(fate, message)
        if not answer.takes:
            return Submitted(answer)
        if self._outbox.is_full:
            return Submitted(Answer.UNAVAILABLE)
        taken = self._ledger.take(message)
        return Submitted(answer, taken, self._outbox.add(taken, fate))


class Tries:
    """Counts the submits of messages whose answer changes from one to the next.

    A message is known by its sender, recipient and text, since each attempt may come under another client reference.
    With its last answer the story is over, and the same message would start anew. The last `most` are remembered.
    """

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._tried: OrderedDict[tuple[str, str, str], int] = OrderedDict()

    def next_answer(self, fate: Fate, message: Message) -> Answer:
        """Return what this submit of the message is told."""
        if len(fate.answers) == 1:
            return fate.answers[0]
        key = (digits(message.to), message.sender, message.text)
        tried = self._tried.pop(key, 0)
        if tried + 1 < len(fate.answers):
            self._tried[key] = tried + 1
        if len(self._tried) > self._most:
            self._tried.popitem(last=False)
        return fate.answers[tried]
