"""Telnyx Messaging, API version 2: one message a request, receipts and inbound texts pushed."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sms import segments
from sms.errors import SignatureRefused
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
    Setup,
    Submission,
    WebhookRequest,
)
from sms.providers.errors import ProviderError
from sms.providers.http import MOST_CONNECTIONS, Request, address, client
from sms.providers.signatures import secrets_of
from sms.providers.verifiers.headers import signed_time
from sms.segments import Encoding
from sms.statuses import Status

RECEIVED: Final = "message.received"


class Telnyx(Provider):
    """Signs with the account's Ed25519 key, and the time is in it."""

    FACTS = Facts(
        title="Telnyx",
        signature="telnyx-signature-ed25519 over the time and the whole body; older than five minutes is refused",
        receipts=PUSHED,
        inbound=True,
        look_up=False,
        batch=1,
        window=MOST_CONNECTIONS,
        idempotent=True,
        validity=False,
        source="Telnyx's API reference and error codes; its Python and Node SDKs",
    )
    OPTIONS: ClassVar[Sequence[Option]] = (
        Option("api_key", "The API key, version 2, to send with.", is_secret=True),
        Option(
            "public_key",
            "The public key in the portal, 32 bytes in base64, that Telnyx's requests are verified with; two with a "
            "comma between them while one replaces the other.",
        ),
        Option(
            "messaging_profile_id",
            "The messaging profile: needed for alphanumeric senders.",
            is_required=False,
        ),
        Option("base_url", "The address of Telnyx's API.", default="https://api.telnyx.com"),
    )
    SHARES_ADDRESS = True  # whichever address Telnyx is told, the event says what it is
    STATUS_BY_WORD: ClassVar[Mapping[str, Status]] = {
        # Intermediate: proof that Telnyx has the message, nothing more. `delivery_unconfirmed` is not here: it is final
        # there, and says that nobody knows.
        "queued": Status.SENT,
        "sending": Status.SENT,
        "sent": Status.SENT,
        "delivered": Status.DELIVERED,
        "read": Status.DELIVERED,
        "expired": Status.EXPIRED,
        "delivery_failed": Status.UNDELIVERED,
        "sending_failed": Status.FAILED,  # also for what waited in its queue for too long
    }
    # Telnyx's list of error codes. 40004 and 40008 are not here: they say that nobody knows why. Not confirmed: 20100.
    ERROR_BY_CODE: ClassVar[Mapping[str, ProviderError]] = {
        "10002": ProviderError.INVALID_DESTINATION,
        "10009": ProviderError.PROVIDER_AUTH,
        "10010": ProviderError.PROVIDER_AUTH,
        "10011": ProviderError.PROVIDER_THROTTLED,
        "20100": ProviderError.PROVIDER_FUNDS,
        "40001": ProviderError.NOT_SMS_CAPABLE,  # a landline
        "40002": ProviderError.CONTENT_FILTERED,
        "40003": ProviderError.CONTENT_FILTERED,
        "40005": ProviderError.EXPIRED_CARRIER,
        "40006": ProviderError.NETWORK_FAILURE,  # the recipient's carrier does not answer
        "40009": ProviderError.CONTENT_INVALID,
        "40011": ProviderError.PROVIDER_THROTTLED,
        "40012": ProviderError.INVALID_DESTINATION,
        "40013": ProviderError.SENDER_NOT_ALLOWED,
        "40014": ProviderError.EXPIRED_CARRIER,  # in Telnyx's own queue
        "40015": ProviderError.CONTENT_FILTERED,
        "40300": ProviderError.RECIPIENT_OPTED_OUT,
    }

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup.route, patience=setup.timeout, window=self.FACTS.window)
        self._keys = [_public_key(one) for one in secrets_of(setup.option("public_key"))]
        self._url = f"{address(setup.option('base_url'))}/v2/messages"
        self._authorization = f"Bearer {setup.option('api_key')}"
        self._profile = setup.option("messaging_profile_id")
        self._status_url = setup.status_url

    @classmethod
    def from_setup(cls, setup: Setup) -> "Telnyx":
        """Make the provider of a route. Raises ValueError."""
        return cls(setup)

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message, under the attempt's id as the idempotency key."""
        headers = {"Authorization": self._authorization, "Idempotency-Key": str(submission.attempt_id)}
        request = Request.json(self._url, self._document(submission), headers)
        answer = await client.send(request, within=self.patience, deadline=deadline)
        if isinstance(answer, Outcome):
            return answer
        content = answer.document()
        message = _object(content.get("data"))
        reference = payloads.reference(message.get("id"))
        if answer.status in {200, 201, 202} and reference is not None:
            return Outcome.sent(reference, price=_price(message))
        code = _code(content)
        if answer.status == 409 and code not in self.ERROR_BY_CODE:  # perhaps our key is there already
            return Outcome.maybe_sent("HTTP 409")
        return answer.failure(code, self.ERROR_BY_CODE)

    def _document(self, submission: Submission) -> Mapping[str, object]:
        document: dict[str, object] = {
            "from": submission.sender_id,
            "to": submission.recipient,
            "text": submission.text,
            "type": "SMS",
        }
        if segments.measure(submission.text).encoding is Encoding.UCS2:
            document["encoding"] = "ucs2"  # else Telnyx may put other characters in the place of some, to save segments
        if self._profile:
            document["messaging_profile_id"] = self._profile
        if self._status_url is not None:  # Telnyx gives nothing of ours back but the address
            attempt = urlencode({"attempt": submission.attempt_id})
            document |= {"webhook_url": f"{self._status_url}?{attempt}", "use_profile_webhooks": False}
        return document

    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless the time and the body are signed with one of the keys, and the time is now."""
        timestamp = signed_time(request, "telnyx-timestamp")
        signature = _decoded(request.headers.get("telnyx-signature-ed25519", ""))
        message = timestamp.encode() + b"|" + request.body
        if not any(_is_signed(key, signature, message) for key in self._keys):
            raise SignatureRefused("telnyx-signature-ed25519 does not match the time and the body.")

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate an event about a message of ours. Raises InvalidReceipt."""
        event = _object(payloads.document(request).get("data"))
        payload = _object(event.get("payload"))
        if event.get("event_type") == RECEIVED or payload.get("direction") == "inbound":
            return []
        word = payloads.text(_first(payload.get("to")), "status")
        code = _code(payload)
        error = self.error_of(code)
        report = DeliveryReport(
            provider_reference=payloads.text(payload, "id", LONGEST_REFERENCE),
            provider_status=word,
            status=payloads.ending(self.STATUS_BY_WORD.get(word), error),
            client_reference=_attempt(payload.get("webhook_url")),
            error=error,
            provider_error=code,
            price=_price(payload),
        )
        return [report]

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate an event about a text from a handset: Telnyx has joined its parts. Raises InvalidReceipt."""
        event = _object(payloads.document(request).get("data"))
        if event.get("event_type") != RECEIVED:
            return []
        payload = _object(event.get("payload"))
        written = payload.get("text")  # null where there are only pictures
        text = InboundText(
            provider_reference=payloads.text(payload, "id", LONGEST_REFERENCE),
            sender=payloads.text(_object(payload.get("from")), "phone_number"),
            recipient=payloads.text(_first(payload.get("to")), "phone_number"),
            text=payloads.storable(written) if isinstance(written, str) else "",
            received_at=payloads.moment(payload.get("received_at")) or payloads.moment(event.get("occurred_at")),
        )
        return [text]


def _public_key(option: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(b64decode(option, validate=True))
    except ValueError:
        raise ValueError("'public_key' must be 32 bytes in base64, as the portal shows it.") from None


def _decoded(signature: str) -> bytes:
    try:
        return b64decode(signature, validate=True)
    except ValueError:
        raise SignatureRefused("telnyx-signature-ed25519 must be base64.") from None


def _is_signed(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(value: object) -> Mapping[str, Any]:
    return _object(value[0]) if isinstance(value, list) and value else {}


def _code(content: Mapping[str, Any]) -> str | None:
    """Return the code of the first of the errors, in an answer or an event."""
    return payloads.code(_first(content.get("errors")).get("code"))


def _price(message: Mapping[str, Any]) -> Price | None:
    cost = _object(message.get("cost"))
    return payloads.price(cost.get("amount"), cost.get("currency"))


def _attempt(url: object) -> UUID | None:
    """Return our attempt's id out of the address that we gave: in the body it is signed, in the request's own not."""
    try:
        pairs = parse_qsl(urlsplit(url).query, max_num_fields=payloads.MOST_FIELDS) if isinstance(url, str) else []
    except ValueError:
        return None
    return payloads.uuid(payloads.first(pairs, "attempt"))
