"""The simulator's API, and the generic webhook of the first version: our own wire (docs/simulator.md)."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from sms.errors import InvalidInbound, InvalidReceipt
from sms.phone_numbers import LONGEST_PARTY
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
    Part,
    Provider,
    Setup,
    Submission,
    WebhookRequest,
)
from sms.providers.errors import ProviderError
from sms.providers.http import MOST_CONNECTIONS, Request, client, seconds
from sms.providers.signatures import secrets_of, verify_hmac_sha256
from sms.statuses import Status

# Words of the webhook → ours. A word that is not here is kept and moves nothing.
STATUS_BY_WORD = {
    "DELIVERED": Status.DELIVERED,
    "UNDELIVERED": Status.UNDELIVERED,
    "FAILED": Status.FAILED,
    "REJECTED": Status.REJECTED,
    "EXPIRED": Status.EXPIRED,
    # Intermediate: proof that the provider has the message, nothing more.
    "SENT": Status.SENT,
    "ENROUTE": Status.SENT,
}
ERROR_BY_CODE = {
    "invalid_destination": ProviderError.INVALID_DESTINATION,
    "invalid_sender": ProviderError.SENDER_NOT_ALLOWED,
    "invalid_text": ProviderError.CONTENT_INVALID,
    "absent_subscriber": ProviderError.ABSENT_SUBSCRIBER,
    "validity_expired": ProviderError.EXPIRED_CARRIER,
}
BATCHES_WINDOW = 1000  # messages: two batches at once, so that the provider has one while we write down the other


class SimulatorProvider(Provider):
    """Submits in batches, or one HTTP request a message where `batches` is off."""

    FACTS = Facts(
        title="Simulator",
        signature="HMAC-SHA256 of the body; no time in it, so a replay is told from the first by what it says",
        receipts=PUSHED,
        inbound=True,
        look_up=True,
        batch=500,
        window=MOST_CONNECTIONS,
        idempotent=False,
        validity=False,
        source="docs/simulator.md",
    )
    OPTIONS = (
        Option("url", "Where it takes messages, as in http://127.0.0.1:8090."),
        Option("batches", "Whether it takes many messages in one request: true or false.", default="true"),
        Option("signing_secrets", "What it signs its receipts with: one, or two with a comma between.", is_secret=True),
    )
    STATUS_BY_WORD = STATUS_BY_WORD
    ERROR_BY_CODE = ERROR_BY_CODE

    def __init__(self, name: str, *, url: str, batches: bool, signing_secrets: Sequence[str], timeout: float) -> None:
        window = BATCHES_WINDOW if batches else MOST_CONNECTIONS
        super().__init__(name, patience=timeout, window=window, takes_batches=batches)
        self._url = url.rstrip("/")
        self._signing_secrets = signing_secrets

    @classmethod
    def from_setup(cls, setup: Setup) -> "SimulatorProvider":
        """Make the provider of a route."""
        return cls(
            setup.route,
            url=setup.option("url"),
            batches=setup.option("batches") == "true",
            signing_secrets=secrets_of(setup.option("signing_secrets")),
            timeout=setup.timeout,
        )

    async def submit(
        self, submissions: Sequence[Submission], *, deadline: float
    ) -> AsyncIterator[Mapping[UUID, Outcome]]:
        """Hand over a batch where batches are taken, else one by one."""
        if self.takes_batches:
            outcomes = await self._submit_batch(submissions, deadline)
            yield {one.attempt_id: outcome for one, outcome in zip(submissions, outcomes, strict=True)}
            return
        async for singly in super().submit(submissions, deadline=deadline):
            yield singly

    async def _submit_batch(self, submissions: Sequence[Submission], deadline: float) -> Sequence[Outcome]:
        """Hand over a batch; a result that is missing from the answer means that nobody knows."""
        document = {"messages": [_as_json(one) for one in submissions]}
        answer = await client.send(
            Request.json(f"{self._url}/v1/batches", document), within=self.patience, deadline=deadline
        )
        if isinstance(answer, Outcome):
            return [answer] * len(submissions)
        if answer.status != 200:
            return [answer.failure()] * len(submissions)
        results = _by_reference(answer.json())
        return [_outcome(results.get(str(one.attempt_id))) for one in submissions]

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message."""
        answer = await client.send(
            Request.json(f"{self._url}/v1/messages", _as_json(submission)), within=self.patience, deadline=deadline
        )
        if isinstance(answer, Outcome):
            return answer
        content = answer.json()
        content = content if isinstance(content, dict) else {}
        if answer.status == 202:
            return _outcome({"status": "accepted", **content})
        if answer.status == 400:
            return _outcome({"status": "rejected", **content})
        return answer.failure()

    async def look_up(self, attempt_ids: Sequence[UUID]) -> Sequence[Finding]:
        """Ask for each attempt by our own reference."""
        return await asyncio.gather(*(self._look_up_one(one) for one in attempt_ids))

    async def _look_up_one(self, attempt_id: UUID) -> Finding:
        request = Request.get(f"{self._url}/v1/messages", {"client_reference": str(attempt_id)})
        answer = await client.ask(request, within=self.patience)
        if answer is None:
            return Finding.no_answer()
        if answer.status == 404:
            return Finding.not_there()
        content = answer.json()
        reference = content.get("reference") if answer.status == 200 and isinstance(content, dict) else None
        return Finding.found(reference) if isinstance(reference, str) else Finding.no_answer()

    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless X-Provider-Signature is right."""
        verify_hmac_sha256(request.body, request.headers.get("x-provider-signature"), secrets=self._signing_secrets)

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate the receipt in the body, or the list of them. Raises InvalidReceipt if one of them is none."""
        content = _read(request)
        if not isinstance(content, list) or not content:
            return [_report(content)]
        try:
            return [_report(one, orjson.dumps(one)) for one in content]
        except orjson.JSONEncodeError:  # it reads deeper than it writes
            raise InvalidReceipt("A receipt is nested too deeply.") from None

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate the text in the body, or the list of them. Raises InvalidInbound, or InvalidReceipt."""
        content = _read(request)
        return [_text(one) for one in content] if isinstance(content, list) and content else [_text(content)]


def _read(request: WebhookRequest) -> Any:
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise InvalidReceipt("The body is not JSON.") from None


def _text(content: object) -> InboundText:
    if not isinstance(content, dict):
        raise InvalidInbound("A text is a JSON object; several are a list of objects.")
    text = content.get("text")
    if not isinstance(text, str):
        raise InvalidInbound("'text' must be a text.", field="text")
    return InboundText(
        provider_reference=payloads.text(content, "reference", LONGEST_REFERENCE),
        sender=payloads.text(content, "from", LONGEST_PARTY),
        recipient=payloads.text(content, "to", LONGEST_PARTY),
        text=text,
        received_at=payloads.moment(content.get("received_at")),
        part=_part(content.get("part")),
    )


def _part(content: object) -> Part | None:
    match content:
        case {"reference": str(reference), "number": int(number), "total": int(total)}:
            return Part(reference, number, total)
        case None:
            return None
    raise InvalidInbound("'part' must have a 'reference', a 'number' and a 'total'.", field="part")


def _report(content: object, body: bytes | None = None) -> DeliveryReport:
    if not isinstance(content, dict):
        raise InvalidReceipt("A receipt is a JSON object; several are a list of objects.")
    word = payloads.text(content, "status")
    code = _code(content.get("error_code"))
    return DeliveryReport(
        provider_reference=payloads.text(content, "provider_reference", LONGEST_REFERENCE),
        provider_status=word,
        status=STATUS_BY_WORD.get(word.upper()),
        client_reference=payloads.uuid(content.get("client_reference")),
        error=error_of(code),
        provider_error=code,
        body=body,
    )


def _as_json(submission: Submission) -> dict[str, str]:
    return {
        "client_reference": str(submission.attempt_id),
        "from": submission.sender_id,
        "to": submission.recipient,
        "text": submission.text,
    }


def _by_reference(content: Any) -> dict[str, Mapping[str, Any]]:
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, list):
        return {}
    return {str(one.get("client_reference")): one for one in results if isinstance(one, dict)}


def _outcome(result: Mapping[str, Any] | None) -> Outcome:
    if result is None:
        return Outcome.maybe_sent("no answer for this message")
    detail = f"{result.get('code', '')} {result.get('message', '')}".strip()
    match result.get("status"):
        case "accepted" if isinstance(reference := result.get("reference"), str) and reference:
            return Outcome.sent(reference)
        case "rejected":
            code = _code(result.get("code"))
            return Outcome.not_sent(error_of(code) or ProviderError.UNCLASSIFIED, detail, provider_error=code)
        case "throttled":
            wait = seconds(result.get("retry_after"))
            return Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, "throttled", retry_after=wait)
        case "unavailable":
            return Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, "unavailable")
        case word:
            return Outcome.maybe_sent(f"an answer nobody understands: {word!r}")


def error_of(code: str | None) -> ProviderError | None:
    """Translate an error code; our own codes are understood as well."""
    if code is None:
        return None
    by_name = ProviderError.__members__.get(code, ProviderError.UNCLASSIFIED)
    return ERROR_BY_CODE.get(code, by_name)


def _code(value: object) -> str | None:
    return payloads.code(value) if isinstance(value, str) else None
