"""What every provider is to the rest of the service. A provider translates; it never decides."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

import structlog

from sms.providers.errors import ProviderError
from sms.statuses import Status

log = structlog.get_logger(__name__)

# Characters that are kept of a provider's words.
LONGEST_REFERENCE = 255
LONGEST_DETAIL = 255
LONGEST_CODE = 64


@dataclass(frozen=True, slots=True)
class Submission:
    """One message on its way to a provider, under the id of the attempt: our client reference there."""

    attempt_id: UUID
    sender_id: str
    recipient: str = field(repr=False)
    text: str = field(repr=False)


class Handover(StrEnum):
    """Whether the provider has the message now."""

    SENT = "SENT"
    NOT_SENT = "NOT_SENT"
    MAYBE_SENT = "MAYBE_SENT"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one submission ended. `retry_after` is the provider's own wish, in seconds."""

    handover: Handover
    provider_reference: str | None = None
    error: ProviderError | None = None
    detail: str | None = None
    retry_after: float | None = None
    provider_error: str | None = None  # the provider's own code

    @classmethod
    def sent(cls, provider_reference: str) -> "Outcome":
        """The provider took it and gave its reference."""
        return cls(Handover.SENT, _fit(provider_reference, LONGEST_REFERENCE))

    @classmethod
    def not_sent(
        cls,
        error: ProviderError,
        detail: str,
        *,
        retry_after: float | None = None,
        provider_error: str | None = None,
    ) -> "Outcome":
        """The provider certainly does not have it."""
        code = None if provider_error is None else _fit(provider_error, LONGEST_CODE)
        return cls(Handover.NOT_SENT, None, error, _fit(detail, LONGEST_DETAIL), retry_after, code)

    @classmethod
    def maybe_sent(cls, detail: str) -> "Outcome":
        """The request left us, and no trustworthy answer came."""
        return cls(Handover.MAYBE_SENT, None, ProviderError.PROVIDER_TIMEOUT, _fit(detail, LONGEST_DETAIL))


def _fit(text: str, longest: int) -> str:
    """Return what the database can keep of a provider's words: one bad answer must not keep its neighbours' from it."""
    return text.replace("\0", "")[:longest]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a provider's look-up says of one attempt."""

    provider_reference: str | None = None
    certainly_not_there: bool = False

    @property
    def handover(self) -> Handover | None:
        """What the attempt came to, or None when that is still not known."""
        if self.provider_reference is not None:
            return Handover.SENT
        return Handover.NOT_SENT if self.certainly_not_there else None

    @classmethod
    def found(cls, provider_reference: str) -> "Finding":
        """The provider has it."""
        return cls(_fit(provider_reference, LONGEST_REFERENCE))

    @classmethod
    def not_there(cls) -> "Finding":
        """The provider never took it."""
        return cls(certainly_not_there=True)

    @classmethod
    def no_answer(cls) -> "Finding":
        """Nobody knows."""
        return cls()


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A provider's call, as it came: signatures are taken over the raw body."""

    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """One receipt, translated. `status` is None for a word that must move nothing."""

    provider_reference: str
    provider_status: str
    status: Status | None
    client_reference: UUID | None = None
    error: ProviderError | None = None
    provider_error: str | None = None  # the provider's own code, as it came
    body: bytes | None = field(default=None, repr=False)  # its part of the request, where that brought several


class Provider(ABC):
    """A company or gateway that we submit to."""

    def __init__(self, name: str, *, patience: float, window: int, takes_batches: bool = False) -> None:
        """`patience`: seconds that a submit may take, whatever the provider does; `window`: submissions at once."""
        self.name = name
        self.patience = patience
        self.window = window
        self.takes_batches = takes_batches

    async def submit(
        self, submissions: Sequence[Submission], *, deadline: float
    ) -> AsyncIterator[Mapping[UUID, Outcome]]:
        """Hand over a set, and yield how each ended as soon as it is known, by the ids of the attempts.

        This one makes a call for each message; a provider that takes batches has a better one. Nothing may leave after
        `deadline` (of the monotonic clock): the lease passes, and others may be at it already.
        """
        calls = [self._submit_surely(one, deadline=deadline) for one in submissions]
        for ended in asyncio.as_completed(calls):
            attempt_id, outcome = await ended
            yield {attempt_id: outcome}

    async def _submit_surely(self, submission: Submission, *, deadline: float) -> tuple[UUID, Outcome]:
        try:
            return submission.attempt_id, await self.submit_one(submission, deadline=deadline)
        except Exception as error:  # a bug in an adapter harms no other message
            log.exception("submit_failed", provider=self.name, attempt=str(submission.attempt_id))
            return submission.attempt_id, Outcome.maybe_sent(f"our own error: {type(error).__name__}")

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message, for a provider that takes no batches, and say how it ended."""
        raise NotImplementedError

    async def look_up(self, attempt_ids: Sequence[UUID]) -> Sequence[Finding]:
        """Say of each attempt whether the provider has it. Without an API for that, nobody knows."""
        return [Finding.no_answer()] * len(attempt_ids)

    @abstractmethod
    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless the request was made by this provider."""

    @abstractmethod
    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate a verified request. Raises InvalidReceipt."""
