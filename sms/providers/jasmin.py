"""Jasmin's HTTP API: https://docs.jasminsms.com/ (docs/providers/jasmin.md says how to set it up).

Source: its documentation and its program, version 0.11.1. It signs nothing, so the address is the secret.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from sms.errors import InvalidInbound
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
from sms.segments import Encoding, measure
from sms.smpp.alphabets import UCS2, Alphabet, decode
from sms.statuses import Status

ACKNOWLEDGED: Final = b"ACK/Jasmin"  # exactly: anything else makes Jasmin call again
BOTH_LEVELS: Final = "3"  # receipts of the SMSC, and those of the handset
_taken = re.compile(r'Success "([^"\s]+)"').fullmatch

# What its refusals say, and what that means: the status alone cannot tell a throttle from a wrong password.
ERROR_BY_REFUSAL: Final[Mapping[str, ProviderError]] = {
    "throughput exceeded": ProviderError.PROVIDER_THROTTLED,
    "Cannot charge": ProviderError.PROVIDER_FUNDS,
    "Authentication failure": ProviderError.PROVIDER_AUTH,
    "Authorization failed": ProviderError.PROVIDER_AUTH,  # the user may not set something: the operator has to act
    "destination_address filter mismatch": ProviderError.NO_ROUTE,
    "source_address filter mismatch": ProviderError.SENDER_NOT_ALLOWED,
    "content filter mismatch": ProviderError.CONTENT_FILTERED,
    "Argument [to] has an invalid value": ProviderError.INVALID_DESTINATION,
    "No route found": ProviderError.NO_ROUTE,
    "no bound connectors": ProviderError.PROVIDER_UNAVAILABLE,
}


class Jasmin(Provider):
    """One HTTP request a message; the receipts of both levels and inbound texts come as a form or a query."""

    FACTS = Facts(
        title="Jasmin",
        signature="A token in the path. It covers nothing that is said: use TLS, or one machine",
        receipts=PUSHED,
        inbound=True,
        look_up=False,
        batch=1,
        window=MOST_CONNECTIONS,
        idempotent=False,
        validity=True,
        source="Jasmin's documentation of its HTTP API; its program, 0.11.1",
    )
    OPTIONS: ClassVar[Sequence[Option]] = (
        Option("base_url", "Where its HTTP API listens.", default="http://127.0.0.1:1401"),
        Option("username", "The username of the Jasmin user, 16 characters at most."),
        Option("password", "Its password, 16 characters at most.", is_secret=True),
        WEBHOOK_TOKEN,
    )
    STATUS_BY_WORD: ClassVar[Mapping[str, Status]] = {
        # Level 2, the handset's: the word of the SMPP receipt. UNKNOWN is not here: the SMSC does not know either.
        "DELIVRD": Status.DELIVERED,
        "EXPIRED": Status.EXPIRED,
        "DELETED": Status.UNDELIVERED,
        "UNDELIV": Status.UNDELIVERED,
        "REJECTD": Status.REJECTED,
        "ACCEPTD": Status.SENT,
        "ENROUTE": Status.SENT,
        # Level 1, the SMSC's answer to the submission. The four that Jasmin tries again by itself (ESME_RSYSERR,
        # ESME_RTHROTTLED, ESME_RMSGQFUL, ESME_RINVSCHED) are told of each time, so they are not the end and not here.
        "ESME_ROK": Status.SENT,
        "ESME_RINVMSGLEN": Status.REJECTED,
        "ESME_RINVSRCADR": Status.REJECTED,
        "ESME_RINVDSTADR": Status.REJECTED,
        "ESME_RINVDSTTON": Status.REJECTED,
        "ESME_RINVDSTNPI": Status.REJECTED,
        "ESME_RINVSRCTON": Status.REJECTED,
        "ESME_RINVSRCNPI": Status.REJECTED,
        "ESME_RINVEXPIRY": Status.REJECTED,
        "ESME_RSUBMITFAIL": Status.REJECTED,
    }
    ERROR_BY_CODE: ClassVar[Mapping[str, ProviderError]] = {
        "EXPIRED": ProviderError.EXPIRED_CARRIER,
        "ESME_RINVMSGLEN": ProviderError.CONTENT_INVALID,
        "ESME_RINVSRCADR": ProviderError.SENDER_NOT_ALLOWED,
        "ESME_RINVSRCTON": ProviderError.SENDER_NOT_ALLOWED,
        "ESME_RINVSRCNPI": ProviderError.SENDER_NOT_ALLOWED,
        "ESME_RINVDSTADR": ProviderError.INVALID_DESTINATION,
        "ESME_RINVDSTTON": ProviderError.INVALID_DESTINATION,
        "ESME_RINVDSTNPI": ProviderError.INVALID_DESTINATION,
        "ESME_RSYSERR": ProviderError.PROVIDER_UNAVAILABLE,
        "ESME_RMSGQFUL": ProviderError.PROVIDER_UNAVAILABLE,
        "ESME_RTHROTTLED": ProviderError.PROVIDER_THROTTLED,
    }

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup.route, patience=setup.timeout, window=self.FACTS.window)
        self._url = f"{address(setup.option('base_url'))}/send"
        self._user = {"username": setup.option("username"), "password": setup.option("password")}
        self._tokens = tokens_of(setup)
        self._status_url = setup.status_url

    @classmethod
    def from_setup(cls, setup: Setup) -> "Jasmin":
        """Make it. Raises ValueError with a sentence."""
        return cls(setup)

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message."""
        request = Request.form(self._url, self._fields(submission))
        answer = await client.send(request, within=self.patience, deadline=deadline)
        if isinstance(answer, Outcome):
            return answer
        if answer.status == 200 and (taken := _taken(answer.text().strip())):
            return Outcome.sent(taken[1])
        return _refusal(answer)

    def _fields(self, submission: Submission) -> Mapping[str, str]:
        fields = {**self._user, "from": submission.sender_id, "to": submission.recipient}
        if measure(submission.text).encoding is Encoding.UCS2:
            fields |= {"coding": str(UCS2), "hex-content": submission.text.encode("utf-16-be").hex()}
        else:
            fields |= {"coding": "0", "content": submission.text}  # Jasmin makes GSM of the UTF-8
        if submission.valid_for is not None:
            fields["validity-period"] = str(max(1, submission.valid_for // 60))  # minutes
        if self._status_url is None:
            return fields | {"dlr": "no"}
        return fields | {
            "dlr": "yes",
            "dlr-url": f"{self._status_url}?a={submission.attempt_id}",
            "dlr-level": BOTH_LEVELS,
            "dlr-method": "POST",
        }

    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless the address ends with the token."""
        verify_token(request, tokens=self._tokens)

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate one receipt, of either level. Raises InvalidReceipt."""
        fields = payloads.fields(request)
        word = payloads.text(fields, "message_status")
        status = self.STATUS_BY_WORD.get(word.upper())
        code, error = self._error(word.upper(), status, fields.get("err", ""))
        return [
            DeliveryReport(
                provider_reference=payloads.text(fields, "id", LONGEST_REFERENCE),
                provider_status=word,
                status=status,
                client_reference=payloads.uuid(fields.get("a")),
                error=error,
                provider_error=code,
            )
        ]

    def _error(self, word: str, status: Status | None, err: str) -> tuple[str | None, ProviderError | None]:
        if status in {Status.SENT, Status.DELIVERED}:
            return None, None
        known = self.ERROR_BY_CODE.get(word)
        if word.startswith("ESME_"):
            return word, known or ProviderError.UNCLASSIFIED
        code = payloads.code(err) if err.strip("0") else None
        return code, known or (None if code is None else ProviderError.UNCLASSIFIED)

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate one text; Jasmin has joined its parts. Raises InvalidInbound, or InvalidReceipt."""
        fields = payloads.fields(request)
        reference = payloads.text(fields, "id", LONGEST_REFERENCE)
        sender = payloads.text(fields, "from", LONGEST_PARTY)
        recipient = payloads.text(fields, "to", LONGEST_PARTY)
        return [InboundText(reference, sender, recipient, _text(fields))]

    def reply(self, request: WebhookRequest) -> Reply:  # noqa: ARG002
        """Say what Jasmin waits for."""
        return Reply(200, ACKNOWLEDGED)


def _refusal(answer: Answer) -> Outcome:
    said = answer.text()
    if 400 <= answer.status < 500:
        for words, error in ERROR_BY_REFUSAL.items():
            if words.casefold() in said.casefold():
                return Outcome.not_sent(error, f"HTTP {answer.status}: {words}", retry_after=answer.retry_after)
    return answer.failure()


def _text(fields: Mapping[str, str]) -> str:
    """Return the text, from its octets: `content` holds the same ones, taken for UTF-8."""
    try:
        octets = bytes.fromhex(fields["binary"])
    except KeyError:
        return payloads.storable(fields.get("content", ""))
    except ValueError:
        raise InvalidInbound("'binary' must be hexadecimal.", field="binary") from None
    return decode(octets, data_coding=_data_coding(fields.get("coding", "")), default=Alphabet.GSM)


def _data_coding(coding: str) -> int:
    """Return the SMPP data_coding: Jasmin's documentation has a number, its program sends the octet itself."""
    if len(coding) <= 3 and coding.isdecimal():
        return int(coding)
    return ord(coding) if len(coding) == 1 and ord(coding) <= 0xFF else 0
