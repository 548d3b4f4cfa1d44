"""Stands in for the provider of a route that cannot be used as it is set up."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NoReturn
from uuid import UUID

from sms.providers.base import Outcome, Provider, Submission, WebhookRequest
from sms.providers.errors import ProviderError

WINDOW = 500


class Unusable(Provider):
    """Has certainly not taken anything: so what is queued there goes to other routes, or waits, or expires in time."""

    def __init__(self, name: str) -> None:
        super().__init__(name, patience=0.0, window=WINDOW, takes_batches=True)

    async def submit(
        self,
        submissions: Sequence[Submission],
        *,
        deadline: float,  # noqa: ARG002
    ) -> AsyncIterator[Mapping[UUID, Outcome]]:
        """Refuse everything."""
        no = Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, "the route cannot be used as it is set up")
        yield {one.attempt_id: no for one in submissions}

    def verify(self, request: WebhookRequest) -> NoReturn:
        """Nobody calls."""
        raise NotImplementedError

    def receipts(self, request: WebhookRequest) -> NoReturn:
        """Nobody reports."""
        raise NotImplementedError
