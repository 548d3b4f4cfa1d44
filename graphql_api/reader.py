"""Many watchers, few queries: what is asked for while one query runs is answered by the next."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from sms import selectors
from sms.records import EventRecord


@dataclass(slots=True)
class Question:
    """Someone wants a message's changes after a sequence."""

    message_id: UUID
    after: int
    answer: asyncio.Future[list[EventRecord]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class ChangeReader:
    """Reads the changes of many messages at once. Its task lives only while there is something to read."""

    def __init__(self) -> None:
        self._asked: list[Question] = []
        self._reading: asyncio.Task[None] | None = None

    async def changes_after(self, message_id: UUID, sequence: int) -> list[EventRecord]:
        """Return a message's changes after `sequence`, in order, as of now or later. Raises Unavailable."""
        question = Question(message_id, sequence)
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
            while asked := self._asked:
                self._asked = []
                await _answer(asked)
        finally:
            self._reading = None


async def _answer(questions: list[Question]) -> None:
    oldest: dict[UUID, int] = {}
    for one in questions:
        oldest[one.message_id] = min(one.after, oldest.get(one.message_id, one.after))
    try:
        found = await selectors.changes_of(oldest)
    except Exception as error:  # noqa: BLE001  whatever it is, everyone who asked must hear of it
        for one in questions:
            if not one.answer.done():
                one.answer.set_exception(error)
        return
    for one in questions:
        if not one.answer.done():  # else: it went away
            changes = found.get(one.message_id, ())
            one.answer.set_result([change for change in changes if (change.sequence or 0) > one.after])
