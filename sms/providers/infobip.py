"""Infobip's SMS API, version 3: https://www.infobip.com/docs/api/channels/sms.

The messages' ids there are our own: the ids of the attempts. Their requests to us carry no signature; a profile of
theirs may add HMAC, but neither its header nor what it is taken over is published.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

import structlog

from sms.errors import InvalidReceipt, SignatureRefused
from sms.providers import infobip_codes, payloads
from sms.providers.base import (
    LONGEST_REFERENCE,
    PUSHED,
    DeliveryReport,
    Facts,
    Finding,
    InboundText,
    Option,
    Outcome,
    Price,
    Provider,
    Setup,
    Submission,
    WebhookRequest,
)
from sms.providers.errors import ProviderError
from sms.providers.http import Answer, Request, address, basic, basic_secret, client
from sms.providers.signatures import is_one_of, secrets_of, verify_token
from sms.providers.tokens import PERHAPS_WEBHOOK_TOKEN

log = structlog.get_logger(__name__)

BATCH: Final = 100  # messages a request
WINDOW: Final = 4 * BATCH  # messages at once
LOGGED: Final = 50  # ids that a look-up asks for at once: they fit into 2,048 characters
DUPLICATE: Final = "REJECTED_DUPLICATE_MESSAGE_ID"


class Infobip(Provider):
    """Many messages a request, each with an answer of its own; many receipts a request."""

    FACTS = Facts(
        title="Infobip",
        signature="none: a token in the address, or HTTP Basic, or both",
        receipts=PUSHED,
        inbound=True,
        look_up=True,
        batch=BATCH,
        window=WINDOW,
        idempotent=True,
        validity=True,
        source="https://www.infobip.com/docs/api/channels/sms",
    )
    OPTIONS: ClassVar[Sequence[Option]] = (
        Option("base_url", "The account's own address of the API, like https://xxxxx.api.infobip.com."),
        Option("api_key", "The account's API key.", is_secret=True),
        PERHAPS_WEBHOOK_TOKEN,
        Option("webhook_user", "Who Infobip is, where its requests come with HTTP Basic.", is_required=False),
        Option(
            "webhook_password",
            "The password that goes with it; two with a comma between them while one replaces the other.",
            is_secret=True,
            is_required=False,
        ),
    )
    STATUS_BY_WORD = infobip_codes.STATUS_BY_WORD
    ERROR_BY_CODE = infobip_codes.ERROR_BY_CODE

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup.route, patience=setup.timeout, window=WINDOW, takes_batches=True)
        self._url = address(setup.option("base_url")) + "/sms/3"
        self._headers = {"Authorization": f"App {setup.option('api_key')}", "Accept": "application/json"}
        self._status_url = setup.status_url
        self._tokens = secrets_of(setup.option(PERHAPS_WEBHOOK_TOKEN.name))
        self._passwords = [
            basic_secret(basic(setup.option("webhook_user"), password))
            for password in secrets_of(setup.option("webhook_password"))
        ]

    @classmethod
    def from_setup(cls, setup: Setup) -> "Infobip":
        """Make the provider of a route. Raises ValueError."""
        return cls(setup)

    @property
    def secrets(self) -> Sequence[str]:
        """What the password of the webhooks looks like in a header."""
        return self._passwords

    async def submit(
        self, submissions: Sequence[Submission], *, deadline: float
    ) -> AsyncIterator[Mapping[UUID, Outcome]]:
        """Hand over a set, in batches, and yield how each batch ended as soon as it is known."""
        batches = [submissions[start : start + BATCH] for start in range(0, len(submissions), BATCH)]
        for ended in asyncio.as_completed([self._submit_batch_surely(one, deadline) for one in batches]):
            yield await ended

    async def _submit_batch_surely(self, batch: Sequence[Submission], deadline: float) -> Mapping[UUID, Outcome]:
        try:
            return await self._submit_batch(batch, deadline)
        except Exception as error:  # a bug here harms no other batch
            log.exception("submit_failed", provider=self.name, messages=len(batch))
            return _all(batch, Outcome.maybe_sent(f"our own error: {type(error).__name__}"))

    async def _submit_batch(self, batch: Sequence[Submission], deadline: float) -> Mapping[UUID, Outcome]:
        """Hand over a batch; a result that is missing from the answer means that nobody knows."""
        document = {"messages": [self._message(one) for one in batch]}
        request = Request.json(f"{self._url}/messages", document, self._headers)
        answer = await client.send(request, within=self.patience, deadline=deadline)
        if isinstance(answer, Outcome):
            return _all(batch, answer)
        if answer.status == 400 and len(batch) > 1:  # for one bad message, all were refused: find it
            half = len(batch) // 2
            first, second = await asyncio.gather(
                self._submit_batch(batch[:half], deadline), self._submit_batch(batch[half:], deadline)
            )
            return {**first, **second}
        if answer.status != 200:
            return _all(batch, _failure(answer))
        results = _by_message_id(answer)
        return {one.attempt_id: _outcome(results.get(str(one.attempt_id))) for one in batch}

    def _message(self, submission: Submission) -> Mapping[str, Any]:
        reference = str(submission.attempt_id)
        webhooks: dict[str, Any] = {"contentType": "application/json", "callbackData": reference}
        if self._status_url is not None:
            # The intermediate ones, too: they tell of a message whose answer was lost that it has arrived there.
            webhooks["delivery"] = {"url": self._status_url, "intermediateReport": True}
        message: dict[str, Any] = {
            "sender": submission.sender_id.removeprefix("+"),
            "destinations": [{"to": submission.recipient.removeprefix("+"), "messageId": reference}],
            "content": {"text": submission.text},
            "webhooks": webhooks,
        }
        if submission.valid_for is not None:  # they cut it at 48 hours
            message["options"] = {"validityPeriod": {"amount": max(submission.valid_for, 1), "timeUnit": "SECONDS"}}
        return message

    async def look_up(self, attempt_ids: Sequence[UUID]) -> Sequence[Finding]:
        """Ask the logs of the last 48 hours for our ids. What is not in them may be there later."""
        chunks = [attempt_ids[start : start + LOGGED] for start in range(0, len(attempt_ids), LOGGED)]
        found = set[str]().union(*await asyncio.gather(*map(self._logged, chunks)))
        return [Finding.found(str(one)) if str(one) in found else Finding.no_answer() for one in attempt_ids]

    async def _logged(self, attempt_ids: Sequence[UUID]) -> set[str]:
        fields = {"messageId": ",".join(map(str, attempt_ids)), "limit": str(LOGGED)}
        answer = await client.ask(Request.get(f"{self._url}/logs", fields, self._headers), within=self.patience)
        results = answer.document().get("results") if answer is not None and answer.status == 200 else None
        return {str(one.get("messageId")) for one in _objects(results)}

    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless the address has the token, and the request the password.

        Each of the two is asked for where the operator has set it up. Without either, nothing is believed.
        """
        if self._tokens or not self._passwords:
            verify_token(request, tokens=self._tokens)
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if self._passwords and not (scheme.lower() == "basic" and is_one_of(given.strip(), self._passwords)):
            raise SignatureRefused("The header Authorization must have the user and the password of the webhooks.")

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate a list of reports. Raises InvalidReceipt if one of them is none."""
        return [_report(one) for one in _results(request)]

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate a list of inbound texts, which Infobip has joined. Raises InvalidReceipt if one of them is none."""
        return [_inbound_text(one) for one in _results(request)]


def _all(batch: Sequence[Submission], outcome: Outcome) -> Mapping[UUID, Outcome]:
    return dict.fromkeys((one.attempt_id for one in batch), outcome)


def _objects(value: object) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _failure(answer: Answer) -> Outcome:
    """Say what a refusal of a whole request means; two kinds of error documents are about."""
    content = answer.document()
    nested = _object(_object(content.get("requestError")).get("serviceException")).get("messageId")
    return answer.failure(payloads.code(nested or content.get("errorCode")))


def _by_message_id(answer: Answer) -> Mapping[str, Mapping[str, Any]]:
    return {str(one.get("messageId")): one for one in _objects(answer.document().get("messages"))}


def _outcome(result: Mapping[str, Any] | None) -> Outcome:
    """Translate what was said of one message."""
    if result is None:
        return Outcome.maybe_sent("no answer for this message")
    status = _object(result.get("status"))
    name = payloads.code(status.get("name"))
    if status.get("groupName") == "REJECTED" and name != DUPLICATE:
        error = infobip_codes.ERROR_BY_CODE.get(name or "", ProviderError.UNCLASSIFIED)
        return Outcome.not_sent(error, name or "rejected", provider_error=name)
    if name == DUPLICATE or infobip_codes.status_of(name or "", str(status.get("groupName"))) is not None:
        return Outcome.sent(str(result["messageId"]))
    return Outcome.maybe_sent("an answer nobody understands")


def _results(request: WebhookRequest) -> Sequence[Mapping[str, Any]]:
    results = payloads.document(request).get("results")
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise InvalidReceipt("'results' must be a list of objects.", field="results")
    return results


def _report(one: Mapping[str, Any]) -> DeliveryReport:
    status = _object(one.get("status"))
    word, group = payloads.text(status, "name"), str(status.get("groupName"))
    code = payloads.code(_object(one.get("error")).get("name"))
    if code in (None, "NO_ERROR"):  # then the status may be all that is said
        code = word if group == "REJECTED" else None
    return DeliveryReport(
        provider_reference=payloads.text(one, "messageId", LONGEST_REFERENCE),
        provider_status=word,
        status=infobip_codes.status_of(word, group),
        client_reference=payloads.uuid(one.get("callbackData")),
        error=Infobip.error_of(code),
        provider_error=code,
        body=payloads.written({"results": [one]}),
        price=_price(one),
    )


def _price(one: Mapping[str, Any]) -> Price | None:
    """Return what all parts cost. That the price in a report is that of one part is not confirmed."""
    each, parts = _object(one.get("price")), one.get("messageCount", one.get("smsCount", 1))
    try:
        total = Decimal(str(each.get("pricePerMessage"))) * Decimal(str(parts))
    except ArithmeticError:
        return None
    return payloads.price(total, each.get("currency"))


def _inbound_text(one: Mapping[str, Any]) -> InboundText:
    return InboundText(
        provider_reference=payloads.text(one, "messageId", LONGEST_REFERENCE),
        sender=payloads.number(payloads.text(one, "from")),
        recipient=payloads.number(payloads.text(one, "to")),
        text=payloads.body_text(one, "text"),
        received_at=payloads.moment(one.get("receivedAt")),
        body=payloads.written({"results": [one]}),
    )
