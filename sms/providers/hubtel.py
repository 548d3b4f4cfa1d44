"""Hubtel, SMS API v1: one message a request, receipts only when asked for (docs/providers/hubtel.md).

Source: its developer documentation. The variant of its API that takes everything in a query is never used: a query
stands in logs, and the secrets would be in it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final
from urllib.parse import quote

from sms.errors import InvalidReceipt, SignatureRefused
from sms.providers import payloads
from sms.providers.base import (
    POLLED,
    DeliveryReport,
    Facts,
    Option,
    Outcome,
    Provider,
    Setup,
    Submission,
    WebhookRequest,
)
from sms.providers.errors import ProviderError
from sms.providers.http import MOST_CONNECTIONS, Answer, Request, address, basic, basic_secret, client
from sms.statuses import Status

TAKEN: Final = frozenset({"0", "201"})  # today's, and that of the older table


class Hubtel(Provider):
    """Calls nobody: what became of a message has to be asked."""

    FACTS = Facts(
        title="Hubtel",
        signature="None: it sends no requests",
        receipts=POLLED,
        inbound=False,
        look_up=False,
        batch=1,
        window=MOST_CONNECTIONS,
        idempotent=False,
        validity=False,
        source="Hubtel's developer documentation, SMS API v1",
    )
    OPTIONS: ClassVar[Sequence[Option]] = (
        Option("client_id", "The client id of the API key."),
        Option("client_secret", "Its client secret.", is_secret=True),
        Option("base_url", "The address of its API.", default="https://sms.hubtel.com"),
    )
    # [M] All words but Delivered; those that are intermediate prove that Hubtel has the message, nothing more.
    STATUS_BY_WORD: ClassVar[Mapping[str, Status]] = {
        "pending": Status.SENT,
        "sent": Status.SENT,
        "submitted": Status.SENT,
        "delivered": Status.DELIVERED,
        "undelivered": Status.UNDELIVERED,
        "undeliverable": Status.UNDELIVERED,
        "expired": Status.EXPIRED,
        "rejected": Status.REJECTED,
        "failed": Status.FAILED,
    }
    # [M] From an older table of its documentation.
    ERROR_BY_CODE: ClassVar[Mapping[str, ProviderError]] = {
        "1": ProviderError.INVALID_DESTINATION,
        "2": ProviderError.SENDER_NOT_ALLOWED,
        "3": ProviderError.CONTENT_INVALID,
        "4": ProviderError.NO_ROUTE,
        "6": ProviderError.CONTENT_INVALID,
        "12": ProviderError.PROVIDER_FUNDS,
        "401": ProviderError.PROVIDER_AUTH,
        "402": ProviderError.PROVIDER_FUNDS,
        "403": ProviderError.RECIPIENT_OPTED_OUT,  # no consent
        "502": ProviderError.NO_ROUTE,  # no gateway
    }

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup.route, patience=setup.timeout, window=self.FACTS.window)
        self._url = f"{address(setup.option('base_url'))}/v1/messages"
        if ":" in setup.option("client_id"):
            raise ValueError("'client_id' has no colon: HTTP Basic would end it there (RFC 7617).")
        self._headers = basic(setup.option("client_id"), setup.option("client_secret"))

    @classmethod
    def from_setup(cls, setup: Setup) -> "Hubtel":
        """Make it. Raises ValueError with a sentence."""
        return cls(setup)

    @property
    def secrets(self) -> Sequence[str]:
        """The header of Basic authentication, which has the client secret in it."""
        return [basic_secret(self._headers)]

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message."""
        document = {
            "From": submission.sender_id,
            "To": submission.recipient.removeprefix("+"),
            "Content": submission.text,
        }
        request = Request.json(f"{self._url}/send", document, self._headers)
        answer = await client.send(request, within=self.patience, deadline=deadline)
        return answer if isinstance(answer, Outcome) else self._outcome(answer)

    def _outcome(self, answer: Answer) -> Outcome:
        content = answer.document()
        code = payloads.code(content.get("status"))
        if answer.status not in {200, 201}:
            return answer.failure(code, self.ERROR_BY_CODE)
        reference = payloads.reference(content.get("messageId"))
        if code in TAKEN and reference is not None:
            return Outcome.sent(reference)
        if code is not None and code in self.ERROR_BY_CODE and reference is None:
            return Outcome.not_sent(self.ERROR_BY_CODE[code], f"code {code}", provider_error=code)
        return Outcome.maybe_sent(f"HTTP {answer.status}, and no answer that anybody understands")

    async def poll(self, provider_references: Sequence[str]) -> Sequence[DeliveryReport]:
        """Ask for each message; one of which nothing can be learned now is left out."""
        found = await asyncio.gather(*(self._poll_one(one) for one in provider_references))
        return [report for report in found if report is not None]

    async def _poll_one(self, reference: str) -> DeliveryReport | None:
        request = Request.get(f"{self._url}/{quote(reference, safe='')}", headers=self._headers)
        answer = await client.ask(request, within=self.patience)
        if answer is None or answer.status != 200:
            return None
        try:
            word = payloads.text(answer.document(), "status")
        except InvalidReceipt:
            return None
        status = self.STATUS_BY_WORD.get(word.casefold())
        if status is Status.SENT:  # as it was
            return None
        error = ProviderError.EXPIRED_CARRIER if status is Status.EXPIRED else None
        return DeliveryReport(provider_reference=reference, provider_status=word, status=status, error=error)

    def verify(self, request: WebhookRequest) -> None:  # noqa: ARG002
        """Refuse everything. Raises SignatureRefused."""
        raise SignatureRefused("Hubtel makes no requests.")

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:  # noqa: ARG002
        """Refuse everything. Raises InvalidReceipt."""
        raise InvalidReceipt("Hubtel makes no requests.")
