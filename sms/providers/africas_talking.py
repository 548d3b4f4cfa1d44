"""Africa's Talking, bulk SMS (docs/providers/africas_talking.md says what to set in its dashboard).

Source: its developer documentation. It signs nothing, so the address is the secret; its addresses are set for the whole
account, in the dashboard.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from uuid_utils.compat import uuid7

from sms.phone_numbers import LONGEST_PARTY
from sms.providers import payloads
from sms.providers.base import (
    LONGEST_REFERENCE,
    PUSHED,
    DeliveryReport,
    Facts,
    InboundText,
    Option,
    Outcome,
    Price,
    Provider,
    Reply,
    Setup,
    Submission,
    WebhookRequest,
)
from sms.providers.errors import ProviderError
from sms.providers.http import MOST_CONNECTIONS, Answer, Request, address, client
from sms.providers.signatures import verify_token
from sms.providers.tokens import WEBHOOK_TOKEN, tokens_of
from sms.statuses import Status

TAKEN: Final = frozenset({"100", "101", "102"})  # processed, sent, queued
OPTED_OUT: Final = "STOP"
_cost = re.compile(r"([A-Z]{3}) ([0-9.]+)").fullmatch

# [M] What stands in `Message` where there are no results at all.
ERROR_BY_MESSAGE: Final[Mapping[str, ProviderError]] = {
    "InvalidSenderId": ProviderError.SENDER_NOT_ALLOWED,
    "InvalidPhoneNumber": ProviderError.INVALID_DESTINATION,
    "InsufficientBalance": ProviderError.PROVIDER_FUNDS,
}


class AfricasTalking(Provider):
    """One HTTP request a message; receipts, inbound texts and opt-outs come as forms."""

    FACTS = Facts(
        title="Africa's Talking",
        signature="A token in the path. It covers nothing that is said: use TLS",
        receipts=PUSHED,
        inbound=True,
        look_up=False,
        batch=1,
        window=MOST_CONNECTIONS,
        idempotent=False,
        validity=False,
        source="Africa's Talking's developer documentation, SMS",
    )
    OPTIONS: ClassVar[Sequence[Option]] = (
        Option("username", "The username of the application; sandbox in the sandbox."),
        Option("api_key", "Its API key.", is_secret=True),
        WEBHOOK_TOKEN,
        Option("base_url", "The address of its API.", default="https://api.africastalking.com"),
    )
    STATUS_BY_WORD: ClassVar[Mapping[str, Status]] = {
        # Intermediate: proof that the provider has the message, nothing more.
        "Sent": Status.SENT,
        "Submitted": Status.SENT,
        "Buffered": Status.SENT,
        "Success": Status.DELIVERED,
        "Failed": Status.UNDELIVERED,
        "Rejected": Status.REJECTED,
        # [M] Not on every page of its documentation.
        "AbsentSubscriber": Status.UNDELIVERED,
        "Expired": Status.EXPIRED,
    }
    # The results of a submission, and the reasons in receipts. [M]: 401 and above, and the reasons.
    ERROR_BY_CODE: ClassVar[Mapping[str, ProviderError]] = {
        "401": ProviderError.CONTENT_FILTERED,  # held as a risk
        "402": ProviderError.SENDER_NOT_ALLOWED,
        "403": ProviderError.INVALID_DESTINATION,
        "404": ProviderError.NOT_SMS_CAPABLE,
        "405": ProviderError.PROVIDER_FUNDS,
        "406": ProviderError.RECIPIENT_OPTED_OUT,
        "407": ProviderError.NO_ROUTE,
        "409": ProviderError.RECIPIENT_BARRED,  # on a do-not-disturb register
        "502": ProviderError.UNCLASSIFIED,  # refused by the gateway behind it
        "InsufficientCredit": ProviderError.RECIPIENT_BARRED,  # the recipient's own
        "UserInBlackList": ProviderError.RECIPIENT_OPTED_OUT,
        "DoNotDisturbRejection": ProviderError.RECIPIENT_BARRED,
        "UserAccountSuspended": ProviderError.RECIPIENT_BARRED,
        "UserIsInactive": ProviderError.ABSENT_SUBSCRIBER,
        "UserDoesNotExist": ProviderError.INVALID_DESTINATION,
        "NotNetworkSubscriber": ProviderError.INVALID_DESTINATION,
        "DeliveryFailure": ProviderError.NETWORK_FAILURE,
    }

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup.route, patience=setup.timeout, window=self.FACTS.window)
        self._url = f"{address(setup.option('base_url'))}/version1/messaging"
        self._username = setup.option("username")
        self._headers = {"apiKey": setup.option("api_key"), "Accept": "application/json"}
        if not self._headers["apiKey"].isprintable():
            raise ValueError("'api_key' stands in a header: it has no line ends and no other signs without a shape.")
        self._tokens = tokens_of(setup)

    @classmethod
    def from_setup(cls, setup: Setup) -> "AfricasTalking":
        """Make it. Raises ValueError with a sentence."""
        return cls(setup)

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message."""
        fields = {
            "username": self._username,
            "to": submission.recipient,
            "message": submission.text,
            "from": submission.sender_id,
            "bulkSMSMode": "1",
        }
        request = Request.form(self._url, fields, self._headers)
        answer = await client.send(request, within=self.patience, deadline=deadline)
        if isinstance(answer, Outcome):
            return answer
        return self._outcome(answer) if answer.status in {200, 201} else answer.failure()

    def _outcome(self, answer: Answer) -> Outcome:
        data = answer.document().get("SMSMessageData")
        data = data if isinstance(data, dict) else {}
        match data.get("Recipients"):
            case [dict() as result]:
                return self._result(result)
            case [] if isinstance(words := data.get("Message"), str) and words:
                return _refusal(words)
        return Outcome.maybe_sent(f"HTTP {answer.status} without a result")

    def _result(self, result: Mapping[str, Any]) -> Outcome:
        code = payloads.code(result.get("statusCode"))
        reference = payloads.reference(result.get("messageId"))
        if code in TAKEN and reference not in {None, "None"}:
            assert reference is not None
            return Outcome.sent(reference, price=_price(result.get("cost")))
        if code is not None and code in self.ERROR_BY_CODE:
            return Outcome.not_sent(self.ERROR_BY_CODE[code], f"code {code}", provider_error=code)
        return Outcome.maybe_sent("a result nobody understands")  # 500 and 501, too: its own failures

    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless the address ends with the token."""
        verify_token(request, tokens=self._tokens)

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate one receipt. Raises InvalidReceipt."""
        fields = payloads.fields(request)
        word = payloads.text(fields, "status")
        reason = payloads.code(fields.get("failureReason"))
        status = self.STATUS_BY_WORD.get(word)
        error = ProviderError.EXPIRED_CARRIER if status is Status.EXPIRED else None
        if word == "AbsentSubscriber":
            error = ProviderError.ABSENT_SUBSCRIBER
        if reason is not None:
            error = self.ERROR_BY_CODE.get(reason, error or ProviderError.UNCLASSIFIED)
        return [
            DeliveryReport(
                provider_reference=payloads.text(fields, "id", LONGEST_REFERENCE),
                provider_status=word,
                status=status,
                error=error,
                provider_error=reason,
            )
        ]

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate one text, or one opt-out into the word that says the same. Raises InvalidReceipt."""
        fields = payloads.fields(request)
        if "phoneNumber" in fields and "text" not in fields:
            return [_opt_out(fields)]
        return [
            InboundText(
                provider_reference=payloads.text(fields, "id", LONGEST_REFERENCE),
                sender=payloads.text(fields, "from", LONGEST_PARTY),
                recipient=payloads.text(fields, "to", LONGEST_PARTY),
                text=payloads.storable(fields.get("text", "")),
                received_at=payloads.moment(fields.get("date")),
            )
        ]

    def reply(self, request: WebhookRequest) -> Reply:  # noqa: ARG002
        """Say that it was taken."""
        return Reply(200)


def _refusal(words: str) -> Outcome:
    for known, error in ERROR_BY_MESSAGE.items():
        if known in words:
            return Outcome.not_sent(error, f"no result: {known}", provider_error=known)
    return Outcome.not_sent(ProviderError.UNCLASSIFIED, "no result")


def _opt_out(fields: Mapping[str, str]) -> InboundText:
    # It has no id. One of our own each time: an opt-out that comes twice does no harm, and one that is taken for an
    # older one of the same person would be lost.
    return InboundText(
        provider_reference=str(uuid7()),
        sender=payloads.text(fields, "phoneNumber", LONGEST_PARTY),
        recipient=payloads.text(fields, "senderId", LONGEST_PARTY),
        text=OPTED_OUT,
    )


def _price(cost: object) -> Price | None:
    found = _cost(cost) if isinstance(cost, str) else None
    return payloads.price(found[2], found[1]) if found else None
