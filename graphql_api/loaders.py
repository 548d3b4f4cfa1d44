"""What belongs to many messages, read for all of them at once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from sms import explain, selectors

MOST_AT_ONCE = 500  # messages in a query

T = TypeVar("T")


class Loaders:
    """Gathers what the fields of an operation ask for in the same moment.

    It remembers nothing: a websocket keeps its loaders as long as it lives.
    """

    def __init__(self) -> None:
        self.histories = _loader(selectors.histories)
        self.attempts = _loader(selectors.attempts)
        self.messages = _loader(selectors.messages)
        self.explanations = _loader(explain.facts)


def _loader(read: Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, T]]]) -> DataLoader[UUID, T]:
    async def load(message_ids: list[UUID]) -> list[T | BaseException]:
        found = await read(message_ids)
        return [found[message_id] for message_id in message_ids]

    return DataLoader(load, max_batch_size=MOST_AT_ONCE, cache=False)
