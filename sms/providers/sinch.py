"""Sinch's SMS REST API (XMS): https://developers.sinch.com/docs/sms/api-reference/sms.

A batch may have many recipients there; ours have one, so that the id of the batch is the message's reference.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import quote
from uuid import UUID

from sms.errors import InvalidReceipt, SignatureRefused
from sms.providers import payloads
from sms.providers.base import (
    LONGEST_REFERENCE,
    PUSHED,
    DeliveryReport,
    Facts,
    Finding,
    InboundText,
    Option,
    Outcome,
    Provider,
    Setup,
    Submission,
    WebhookRequest,
)
from sms.providers.errors import ProviderError
from sms.providers.http import Answer, Request, address, client
from sms.providers.signatures import check_age, hmac_base64, is_one_of, secrets_of, verify_token
from sms.providers.tokens import PERHAPS_WEBHOOK_TOKEN
from sms.statuses import Status

WINDOW: Final = 50  # requests at once: they queue what is above the plan's rate
LONGEST_VALIDITY: Final = 3 * 24 * 3600  # seconds

# Where the code says more than the word, which is "Aborted" for all of these.
STATUS_BY_CODE: Final[Mapping[str, Status]] = {
    "403": Status.FAILED,  # "an unexpected error caused the message to fail"
    "404": Status.UNDELIVERED,  # "temporary delivery failure"
    "406": Status.EXPIRED,
}
NO_ERRORS: Final = frozenset({"0", "400", "401"})  # delivered [unconfirmed], queued, dispatched


class Sinch(Provider):
    """One batch of one recipient a message; receipts and inbound texts may come to one address."""

    FACTS = Facts(
        title="Sinch SMS",
        signature="HMAC-SHA256 over body, nonce and timestamp, once Sinch has set it up; until then a token",
        receipts=PUSHED,
        inbound=True,
        look_up=True,
        batch=1,
        window=WINDOW,
        idempotent=False,
        validity=True,
        source="https://developers.sinch.com/docs/sms/api-reference/sms",
    )
    OPTIONS: ClassVar[Sequence[Option]] = (
        Option("service_plan_id", "The id of the service plan."),
        Option("api_token", "The service plan's API token.", is_secret=True),
        Option(
            "webhook_secret",
            "The secret that Sinch signs its requests with, as your account manager sets it up; two with a comma "
            "between them while one replaces the other.",
            is_secret=True,
            is_required=False,
        ),
        PERHAPS_WEBHOOK_TOKEN,
        # The other regions [unconfirmed]: eu, au, br, ca.
        Option("base_url", "Where the API is, in the plan's region.", default="https://us.sms.api.sinch.com"),
    )
    SHARES_ADDRESS = True
    # They repeat after 5xx and 429, and never after another 4xx: a receipt refused for our clock would be lost.
    WHEN_REFUSED = 503
    # "Delivered" in their pages, "DELIVERED" in their SDK.
    STATUS_BY_WORD: ClassVar[Mapping[str, Status]] = {
        "delivered": Status.DELIVERED,
        "failed": Status.UNDELIVERED,
        "deleted": Status.UNDELIVERED,  # by the network: the number is none, or its owner has opted out
        "expired": Status.EXPIRED,
        "rejected": Status.REJECTED,
        "aborted": Status.REJECTED,  # before it reached the network; the code may say better
        "cancelled": Status.FAILED,  # by somebody there: CANCELED is our own word, for what was never handed over
        # "unknown" is not here: final there, but it only says that the network told nothing.
        # Proof that they have it, nothing more.
        "queued": Status.SENT,
        "dispatched": Status.SENT,
    }
    # What is below 400 comes from the network, and differs from one to the next. 408 is "rejected", for any reason.
    ERROR_BY_CODE: ClassVar[Mapping[str, ProviderError]] = {
        "402": ProviderError.NO_ROUTE,
        "403": ProviderError.NETWORK_FAILURE,
        "404": ProviderError.NETWORK_FAILURE,
        "405": ProviderError.CONTENT_INVALID,
        "406": ProviderError.EXPIRED_CARRIER,
        "410": ProviderError.SENDER_NOT_ALLOWED,
        "411": ProviderError.CONTENT_INVALID,
        "412": ProviderError.NO_ROUTE,
        "413": ProviderError.PROVIDER_FUNDS,  # the account is blocked, mostly for want of credit
    }

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup.route, patience=setup.timeout, window=WINDOW)
        plan = quote(setup.option("service_plan_id"), safe="")
        self._url = f"{address(setup.option('base_url'))}/xms/v1/{plan}/batches"
        self._headers = {"Authorization": f"Bearer {setup.option('api_token')}"}
        self._status_url = setup.status_url
        self._webhook_secrets = secrets_of(setup.option("webhook_secret"))
        self._tokens = secrets_of(setup.option(PERHAPS_WEBHOOK_TOKEN.name))

    @classmethod
    def from_setup(cls, setup: Setup) -> "Sinch":
        """Make the provider of a route. Raises ValueError."""
        return cls(setup)

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message."""
        request = Request.json(self._url, self._document(submission), self._headers)
        answer = await client.send(request, within=self.patience, deadline=deadline)
        return answer if isinstance(answer, Outcome) else _outcome(answer)

    def _document(self, submission: Submission) -> Mapping[str, Any]:
        document: dict[str, Any] = {
            "type": "mt_text",
            "from": submission.sender_id.removeprefix("+"),
            "to": [submission.recipient.removeprefix("+")],
            "body": submission.text,
            "client_reference": str(submission.attempt_id),
            # The intermediate ones, too: they tell of a message whose answer was lost that it has arrived there.
            "delivery_report": "per_recipient",
        }
        if submission.valid_for is not None:
            left = timedelta(seconds=min(submission.valid_for, LONGEST_VALIDITY))
            document["expire_at"] = (datetime.now(UTC) + left).isoformat(timespec="milliseconds")
        if self._status_url is not None:
            document["callback_url"] = self._status_url
        return document

    async def look_up(self, attempt_ids: Sequence[UUID]) -> Sequence[Finding]:
        """Ask for the batch with our reference. That it is not listed proves nothing: it may be listed later."""
        return await asyncio.gather(*(self._look_up_one(str(one)) for one in attempt_ids))

    async def _look_up_one(self, reference: str) -> Finding:
        request = Request.get(self._url, {"client_reference": reference, "page_size": "1"}, self._headers)
        answer = await client.ask(request, within=self.patience)
        batches = answer.document().get("batches") if answer is not None and answer.status == 200 else None
        for batch in batches if isinstance(batches, list) else ():
            if isinstance(batch, dict) and batch.get("client_reference") == reference:
                found = payloads.reference(batch.get("id"))
                return Finding.no_answer() if found is None else Finding.found(found)
        return Finding.no_answer()

    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless the request is signed, and lately, and the address has the token.

        Each of the two is asked for where the operator has set it up. Without either, nothing is believed.
        """
        if self._tokens or not self._webhook_secrets:
            verify_token(request, tokens=self._tokens)
        if self._webhook_secrets:
            self._verify_signature(request)

    def _verify_signature(self, request: WebhookRequest) -> None:
        header = "x-sinch-webhook-signature"
        given, nonce, timestamp = (request.headers.get(header + end, "") for end in ("", "-nonce", "-timestamp"))
        signed = b".".join([request.body, nonce.encode("utf-8", "replace"), timestamp.encode("utf-8", "replace")])
        expected = [hmac_base64(secret, signed) for secret in self._webhook_secrets]
        if not (given and nonce and timestamp and is_one_of(given, expected)):
            raise SignatureRefused(f"The header {header} is missing, or is not the signature of body and time.")
        try:
            check_age(float(timestamp))  # their own validator does not
        except ValueError:
            raise SignatureRefused(f"The header {header}-timestamp is not a number.") from None

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate the report on a recipient, or on a batch; an inbound text tells nothing. Raises InvalidReceipt."""
        content = payloads.document(request)
        match payloads.text(content, "type"):
            case "recipient_delivery_report_sms":
                return [_report(content, content)]
            case "delivery_report_sms":
                entries = content.get("statuses")
                if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
                    raise InvalidReceipt("'statuses' must be a list of objects.", field="statuses")
                return [_report(content, one, body=payloads.written({**content, "statuses": [one]})) for one in entries]
        return []

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate an inbound text; a report, or what is no text, is none. Raises InvalidReceipt."""
        content = payloads.document(request)
        if payloads.text(content, "type") != "mo_text":
            return []
        return [
            InboundText(
                provider_reference=payloads.text(content, "id", LONGEST_REFERENCE),
                sender=payloads.number(payloads.text(content, "from")),
                recipient=payloads.number(payloads.text(content, "to")),
                text=payloads.body_text(content, "body"),
                received_at=payloads.moment(content.get("received_at")),
            )
        ]


def _outcome(answer: Answer) -> Outcome:
    content = answer.document()
    reference = payloads.reference(content.get("id"))
    if answer.status == 201 and reference is not None:
        return Outcome.sent(reference)
    return answer.failure(payloads.code(content.get("code")))


def _report(batch: Mapping[str, Any], entry: Mapping[str, Any], *, body: bytes | None = None) -> DeliveryReport:
    word, code = payloads.text(entry, "status"), payloads.code(entry.get("code"))
    status = Sinch.STATUS_BY_WORD.get(word.lower())
    if word.lower() == "aborted" and code is not None:
        status = STATUS_BY_CODE.get(code, status)
    code = None if code in NO_ERRORS else code
    return DeliveryReport(
        provider_reference=payloads.text(batch, "batch_id", LONGEST_REFERENCE),
        provider_status=word,
        status=status,
        client_reference=payloads.uuid(batch.get("client_reference")),
        error=Sinch.error_of(code),
        provider_error=code,
        body=body,
    )
