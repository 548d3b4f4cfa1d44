"""Many watchers, few queries: what is asked for while one query runs is answered by the next."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from sms import selectors
from sms.records import EventRecord
from sms.selectors import Owned

AT_ONCE = 1_000  # questions in a query; thousands come when a web process has been started anew


@dataclass(slots=True)
class Question:
    """Someone wants a message's changes after a sequence."""

    about: Owned
    after: int
    answer: asyncio.Future[list[EventRecord]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class ChangeReader:
    """Reads the changes of many messages at once. Its task lives only while there is something to read."""

    def __init__(self) -> None:
        self._asked: list[Question] = []
        self._reading: asyncio.Task[None] | None = None

    async def changes_after(self, about: Owned, sequence: int) -> list[EventRecord]:
        """Return a message's changes after `sequence`, in order, as of now or later. Raises Unavailable."""
        question = Question(about, sequence)
        self._asked.append(question)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        return await question.answer

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being read."""
        return self._reading is None

    async def _read(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked[:AT_ONCE], self._asked[AT_ONCE:]
                await _answer(asked)
        finally:
            self._reading = None


async def _answer(questions: Sequence[Question]) -> None:
    oldest: dict[Owned, int] = {}
    for one in questions:
        oldest[one.about] = min(one.after, oldest.get(one.about, one.after))
    try:
        found = await selectors.changes(oldest)
    except Exception as error:  # noqa: BLE001  whatever it is, everyone who asked must hear of it
        for one in questions:
            if not one.answer.done():
                one.answer.set_exception(error)
        return
    for one in questions:
        if not one.answer.done():  # else: it went away
            changes = found.get(one.about, ())
            one.answer.set_result([change for change in changes if (change.sequence or 0) > one.after])
