"""Kannel, the open-source gateway: https://www.kannel.org/ (docs/providers/kannel.md says how to set it up).

Source: its user guide, version 1.4.5, "Using the HTTP interface to send SMS messages", and the program itself, which
the tests run. It gives no id for a message, so ours is the reference; it signs nothing, so the address is the secret.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

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
from sms.providers.http import Answer, Request, address, client
from sms.providers.signatures import verify_token
from sms.providers.tokens import WEBHOOK_TOKEN, tokens_of
from sms.segments import Encoding, measure
from sms.statuses import Status

ALL_RECEIPTS: Final = "31"  # 1 delivered, 2 failed, 4 buffered, 8 taken by the SMSC, 16 refused by it
UCS2: Final = "2"
# The escapes that Kannel fills in. %p and %P are left alone: in a receipt they are swapped.
ESCAPES: Final = "d=%d&A=%A&F=%F&I=%I"
TAKEN: Final = ("0:", "3:")  # for delivery at once, and when an SMSC is connected again

# What its refusals say, and what that means. It was never handed on in any of these cases.
ERROR_BY_REFUSAL: Final[Mapping[str, ProviderError]] = {
    "Missing receiver number": ProviderError.INVALID_DESTINATION,
    "Empty receiver number": ProviderError.INVALID_DESTINATION,
    "Sender missing": ProviderError.SENDER_NOT_ALLOWED,
    "Charset or body misformed": ProviderError.CONTENT_INVALID,
    "white- and/or black-lists": ProviderError.NO_ROUTE,
    "Not routable": ProviderError.NO_ROUTE,
    "Authorization failed": ProviderError.PROVIDER_AUTH,
    "Temporal failure": ProviderError.PROVIDER_UNAVAILABLE,
}

# The word of an SMPP receipt, which Kannel passes on in %A: says more than its own "failed".
FAILURE_BY_STAT: Final[Mapping[str, Status | None]] = {
    "EXPIRED": Status.EXPIRED,
    "REJECTD": Status.REJECTED,
    "UNKNOWN": None,  # the SMSC does not know either
    "UNDELIV": Status.UNDELIVERED,
    "DELETED": Status.UNDELIVERED,
}
FAILED: Final = "2"
_stat = re.compile(r"\bstat:([A-Z]{7})", re.IGNORECASE).search
_network_error = re.compile(r"\berr:([0-9A-Za-z]{1,8})").search
_smpp_status = re.compile(r"^NACK/(0x[0-9a-f]{8})", re.IGNORECASE).match


class Kannel(Provider):
    """One HTTP request a message; receipts and inbound texts come as GET, and only their path says who may."""

    FACTS = Facts(
        title="Kannel",
        signature="A token in the path. It covers nothing that is said: use TLS, or one machine",
        receipts=PUSHED,
        inbound=True,
        look_up=False,
        batch=1,
        window=50,  # half of its smsbox-max-pending
        idempotent=False,
        validity=True,
        source="Kannel user guide 1.4.5; the program itself",
    )
    OPTIONS: ClassVar[Sequence[Option]] = (
        Option("base_url", "Where its smsbox listens.", default="http://127.0.0.1:13013"),
        Option("username", "The username of the sendsms-user group."),
        Option("password", "Its password.", is_secret=True),
        Option("smsc", "The smsc-id to send through; empty: Kannel chooses.", is_required=False),
        WEBHOOK_TOKEN,
    )
    STATUS_BY_WORD: ClassVar[Mapping[str, Status]] = {
        "1": Status.DELIVERED,
        "2": Status.UNDELIVERED,
        # Intermediate: proof that Kannel, and the SMSC behind it, have the message.
        "4": Status.SENT,
        "8": Status.SENT,
        "16": Status.REJECTED,
        # [M] 2 with a flag, 0x22: expired. Nor is 0x42 seen in the sources that are public: it says that the SMSC does
        # not know, so 66 moves nothing.
        "34": Status.EXPIRED,
    }
    # The SMPP command status of a refusal by the SMSC, as Kannel writes it (SMPP 3.4, 5.1.3).
    ERROR_BY_CODE: ClassVar[Mapping[str, ProviderError]] = {
        "0x00000001": ProviderError.CONTENT_INVALID,
        "0x00000008": ProviderError.PROVIDER_UNAVAILABLE,
        "0x0000000a": ProviderError.SENDER_NOT_ALLOWED,
        "0x0000000b": ProviderError.INVALID_DESTINATION,
        "0x0000000d": ProviderError.PROVIDER_AUTH,
        "0x0000000e": ProviderError.PROVIDER_AUTH,
        "0x00000014": ProviderError.PROVIDER_UNAVAILABLE,
        "0x00000058": ProviderError.PROVIDER_THROTTLED,
        "0x00000064": ProviderError.PROVIDER_UNAVAILABLE,
    }

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup.route, patience=setup.timeout, window=self.FACTS.window)
        self._url = f"{address(setup.option('base_url'))}/cgi-bin/sendsms"
        self._fixed = {
            "username": setup.option("username"),
            "password": setup.option("password"),
            **({"smsc": smsc} if (smsc := setup.option("smsc")) else {}),
        }
        self._tokens = tokens_of(setup)
        self._status_url = setup.status_url and setup.status_url.replace("%", "%%")  # not the start of an escape

    @classmethod
    def from_setup(cls, setup: Setup) -> "Kannel":
        """Make it. Raises ValueError with a sentence."""
        return cls(setup)

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message. With Kannel's core away, its smsbox does not answer: then nobody knows."""
        request = Request.get(self._url, self._fields(submission))
        answer = await client.send(request, within=self.patience, deadline=deadline)
        if isinstance(answer, Outcome):
            return answer
        if answer.status == 202 and answer.text().startswith(TAKEN):
            return Outcome.sent(str(submission.attempt_id))
        return _refusal(answer)

    def _fields(self, submission: Submission) -> Mapping[str, str]:
        fields = {
            **self._fixed,
            "from": submission.sender_id,
            "to": submission.recipient,
            "text": submission.text,
            "charset": "UTF-8",
        }
        if measure(submission.text).encoding is Encoding.UCS2:
            fields["coding"] = UCS2  # without it Kannel puts other characters in place of those that GSM lacks
        if submission.valid_for is not None:
            fields["validity"] = str(max(1, submission.valid_for // 60))  # minutes
        if self._status_url is not None:
            fields["dlr-mask"] = ALL_RECEIPTS
            fields["dlr-url"] = f"{self._status_url}?a={submission.attempt_id}&{ESCAPES}"
        return fields

    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless the address ends with the token."""
        verify_token(request, tokens=self._tokens)

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate one receipt. Raises InvalidReceipt."""
        fields = dict(payloads.query(request))
        reference = payloads.text(fields, "a", LONGEST_REFERENCE)
        word, answer = payloads.text(fields, "d"), fields.get("A", "")
        stat = found[1].upper() if word == FAILED and (found := _stat(answer)) else None
        status = self.STATUS_BY_WORD.get(word)
        if stat is not None:
            status = FAILURE_BY_STAT.get(stat, status)
        code = _code(answer) if status not in {Status.SENT, Status.DELIVERED} else None
        return [
            DeliveryReport(
                provider_reference=reference,
                provider_status=word if stat is None else f"{word} {stat}",
                status=status,
                client_reference=payloads.uuid(reference),
                error=self._error(status, code),
                provider_error=code,
            )
        ]

    def _error(self, status: Status | None, code: str | None) -> ProviderError | None:
        if status is Status.EXPIRED:
            return ProviderError.EXPIRED_CARRIER
        return self.error_of(code)

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate one text, from the address in docs/providers/kannel.md. Raises InvalidInbound, InvalidReceipt."""
        octets = _octets(request)
        fields = {name: value.decode("utf-8", "replace") for name, value in octets.items()}
        reference = payloads.text(fields, "id", LONGEST_REFERENCE)
        sender = payloads.text(fields, "from", LONGEST_PARTY)
        recipient = payloads.text(fields, "to", LONGEST_PARTY)
        return [
            InboundText(
                provider_reference=reference,
                sender=sender,
                recipient=recipient,
                text=payloads.storable(_decode(octets.get("text", b""), fields.get("charset", ""))),
                received_at=payloads.unix_time(fields.get("ts")),
            )
        ]

    def reply(self, request: WebhookRequest) -> Reply:  # noqa: ARG002
        """Say nothing, with a 200: what is said here may be sent to the handset, and other statuses come again."""
        return Reply(200)


def _refusal(answer: Answer) -> Outcome:
    said = answer.text()
    if 400 <= answer.status < 500 or answer.status == 503:
        for words, error in ERROR_BY_REFUSAL.items():
            if words in said:
                return Outcome.not_sent(error, f"HTTP {answer.status}: {words}", retry_after=answer.retry_after)
    return answer.failure()


def _code(answer: str) -> str | None:
    """Return the SMSC's own code: of a refusal its SMPP status, of a receipt its network error."""
    if refused := _smpp_status(answer):
        return refused[1].lower()
    reported = _network_error(answer)
    return reported[1] if reported and reported[1].strip("0") else None


def _octets(request: WebhookRequest) -> Mapping[str, bytes]:
    """Return the fields of the query as octets: the text is in a charset that another field names."""
    try:
        pairs = parse_qsl(
            urlsplit(request.url).query,
            keep_blank_values=True,
            encoding="latin-1",
            max_num_fields=payloads.MOST_FIELDS,
        )
    except ValueError:
        raise InvalidInbound(f"A query has at most {payloads.MOST_FIELDS} fields.") from None
    return {name: value.encode("latin-1", "replace") for name, value in pairs}


def _decode(text: bytes, charset: str) -> str:
    try:
        return text.decode(charset, "replace")
    except (LookupError, ValueError):  # a charset that nobody knows: better some of it than nothing
        return text.decode("utf-8", "replace")
