"""What every provider is to the rest of the service. A provider translates; it never decides.

How to write one: docs/adding-a-provider.md.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

import structlog

from sms.opt_outs import Keyword
from sms.providers.errors import ProviderError
from sms.statuses import Status

log = structlog.get_logger(__name__)

# Characters that are kept of a provider's words.
LONGEST_REFERENCE = 255
LONGEST_DETAIL = 255
LONGEST_CODE = 64
# The detail of what we did not let leave ourselves: it says nothing of the provider.
WITHHELD = "the lease was about to pass"


@dataclass(frozen=True, slots=True)
class Submission:
    """One message on its way to a provider, under the id of the attempt: our client reference there."""

    attempt_id: UUID
    sender_id: str
    recipient: str = field(repr=False)  # E.164
    text: str = field(repr=False)
    valid_for: int | None = None  # seconds that are left; None: as long as the provider likes


@dataclass(frozen=True, slots=True)
class Price:
    """What a message costs, all of its segments."""

    amount: Decimal
    currency: str  # ISO 4217


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
    price: Price | None = None  # where the provider says it at once

    @classmethod
    def sent(cls, provider_reference: str, *, price: Price | None = None) -> "Outcome":
        """The provider took it and gave its reference."""
        return cls(Handover.SENT, _fit(provider_reference, LONGEST_REFERENCE), price=price)

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
    """A provider's call, as it came: signatures are taken over the raw body and the address that the provider sees."""

    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    body: bytes = field(repr=False)
    method: str = "POST"
    url: str = field(default="", repr=False)  # public, with its query; empty where the operator has not said it
    token: str | None = field(default=None, repr=False)  # the last part of the path, for providers that do not sign


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
    price: Price | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a long text this is, where the provider leaves the joining to us."""

    reference: str  # the same for all parts of a text
    number: int  # from 1
    total: int


@dataclass(frozen=True, slots=True)
class InboundText:
    """One text from a handset (MO), translated."""

    provider_reference: str  # the provider's id; the same when it comes again
    sender: str = field(repr=False)  # the handset's number, E.164 where the provider knows it
    recipient: str  # the number or short code that it was sent to
    text: str = field(repr=False)
    received_at: datetime | None = None  # by the provider's clock, where it says
    part: Part | None = None
    keyword: Keyword | None = None  # what the provider itself has made of it, where it handles opt-outs
    body: bytes | None = field(default=None, repr=False)  # its part of the request, where that brought several


@dataclass(frozen=True, slots=True)
class Option:
    """Something that a route of this kind has to be told, or may be."""

    name: str
    what: str  # a sentence for the operator
    is_secret: bool = False  # encrypted at rest, masked everywhere
    default: str | None = None
    is_required: bool = True  # unless there is a default


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to know about a kind of provider: printed as docs/provider-matrix.csv."""

    title: str
    signature: str  # how its requests are verified, and what that does not cover
    receipts: str  # PUSHED, POLLED
    inbound: bool
    look_up: bool  # by our own reference
    batch: int  # messages a request
    window: int  # requests at once
    idempotent: bool  # takes our reference once only
    validity: bool  # takes our validity period
    source: str  # of all this


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider wants to hear once its request is stored."""

    status: int
    body: bytes = b""
    media_type: str = "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a provider is made of: the name of its route, what the operator said, and where it is to call us."""

    route: str
    options: Mapping[str, str] = field(repr=False)
    status_url: str | None = None  # public addresses; None where the operator has not said PUBLIC_URL
    inbound_url: str | None = None
    timeout: float = 10.0  # seconds that one request may take

    def option(self, name: str) -> str:
        """Return what was said, which is the empty text for what was not. Raises KeyError for what is no option."""
        return self.options[name]


PUSHED, POLLED = "PUSHED", "POLLED"


class Provider(ABC):
    """A company or gateway that we submit to.

    A kind of provider that routes may have is a class with FACTS and OPTIONS, made by `from_setup`.
    """

    FACTS: ClassVar[Facts]
    OPTIONS: ClassVar[Sequence[Option]] = ()
    STATUS_BY_WORD: ClassVar[Mapping[str, Status]] = {}  # a word that is not here moves nothing
    ERROR_BY_CODE: ClassVar[Mapping[str, ProviderError]] = {}  # one that is not here is UNCLASSIFIED
    # Receipts and inbound texts come to one address, and either method is asked about each request.
    SHARES_ADDRESS: ClassVar[bool] = False
    # Each part of a long text has a reference and receipts of its own: good news of one is none of the whole.
    RECEIPT_PER_PART: ClassVar[bool] = False
    # Served by `manage.py smpp`, not by the workers.
    HAS_OWN_PROCESS: ClassVar[bool] = False
    # The HTTP status for a request that is refused; None: each refusal's own. For those that never repeat after a 4xx.
    WHEN_REFUSED: ClassVar[int | None] = None

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

    @classmethod
    def from_setup(cls, setup: Setup) -> "Provider":
        """Make the provider of a route. Raises ValueError with a sentence for an option that cannot be right."""
        raise NotImplementedError

    @classmethod
    def error_of(cls, code: str | None) -> ProviderError | None:
        """Translate the provider's own code; without one there is no error."""
        return None if code is None else cls.ERROR_BY_CODE.get(code, ProviderError.UNCLASSIFIED)

    @property
    def is_polled(self) -> bool:
        """Whether it has to be asked what became of messages."""
        facts: Facts | None = getattr(self, "FACTS", None)
        return facts is not None and facts.receipts == POLLED

    @property
    def secrets(self) -> Sequence[str]:
        """What may stand in no log line and no error, beyond the secret options: tokens made of them, for one."""
        return ()

    async def poll(self, provider_references: Sequence[str]) -> Sequence[DeliveryReport]:
        """Ask what became of messages, where FACTS say that receipts are POLLED; what is not known yet is left out."""
        raise NotImplementedError

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate a verified request. Raises InvalidInbound, or InvalidReceipt, which the caller makes that of."""
        raise NotImplementedError

    def reply(self, request: WebhookRequest) -> Reply:  # noqa: ARG002  some answer by what was asked
        """Say what the provider wants to hear once everything in its request is stored."""
        return Reply(204)

    @abstractmethod
    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless the request was made by this provider."""

    @abstractmethod
    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate a verified request; one that tells nothing of a message gives none. Raises InvalidReceipt."""
