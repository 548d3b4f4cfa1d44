"""Vonage's Messages API v1, for SMS: https://developer.vonage.com/en/api/messages.

Its webhooks are signed: https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

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
from sms.providers.http import Answer, Request, address, basic, basic_secret, client
from sms.providers.signatures import check_age, is_one_of, secrets_of
from sms.segments import Encoding, measure
from sms.statuses import Status

WINDOW: Final = 30  # requests at once
SHORTEST_TTL, LONGEST_TTL = 20, 604_800  # seconds; in the SMS API these are milliseconds
TOKEN_LASTS: Final = 900.0  # seconds
TOKEN_SPARES: Final = 300.0  # seconds that a token still lasts when it is no longer used


class VonageMessages(Provider):
    """One JSON request a message; webhooks carry a JWT over the hash of their body."""

    FACTS = Facts(
        title="Vonage Messages API",
        signature="JWT (HS256) with the hash of the body and the time of issue",
        receipts=PUSHED,
        inbound=True,
        look_up=False,
        batch=1,
        window=WINDOW,
        idempotent=False,
        validity=True,
        source="https://developer.vonage.com/en/api/messages",
    )
    OPTIONS: ClassVar[Sequence[Option]] = (
        Option("application_id", "The application's id, to send with its private key.", is_required=False),
        Option("private_key", "The application's private key, in PEM.", is_secret=True, is_required=False),
        Option("api_key", "The account's API key, to send without an application.", is_required=False),
        Option("api_secret", "The account's API secret.", is_secret=True, is_required=False),
        Option(
            "signature_secret",
            "The account's signature secret; two with a comma between them while one replaces the other.",
            is_secret=True,
        ),
        Option("base_url", "Where the API is.", default="https://api.nexmo.com"),
    )
    STATUS_BY_WORD: ClassVar[Mapping[str, Status]] = {
        "submitted": Status.SENT,
        "delivered": Status.DELIVERED,
        "read": Status.DELIVERED,
        "undeliverable": Status.UNDELIVERED,
        "rejected": Status.REJECTED,
    }
    # Of answers and receipts alike. 1010 and 1020 (parameters), 1040 (not valid) and 1330 (unknown) say too little.
    ERROR_BY_CODE: ClassVar[Mapping[str, ProviderError]] = {
        "1000": ProviderError.PROVIDER_THROTTLED,
        "1050": ProviderError.RECIPIENT_BARRED,
        "1070": ProviderError.PROVIDER_FUNDS,
        "1090": ProviderError.CONTENT_INVALID,  # too long
        "1120": ProviderError.SENDER_NOT_ALLOWED,
        "1180": ProviderError.ABSENT_SUBSCRIBER,
        "1190": ProviderError.INVALID_DESTINATION,  # absent for good
        "1210": ProviderError.CONTENT_FILTERED,
        "1220": ProviderError.HANDSET_BUSY_OR_FULL,
        "1230": ProviderError.NETWORK_FAILURE,
        "1240": ProviderError.RECIPIENT_OPTED_OUT,  # called "illegal number"
        "1241": ProviderError.PROVIDER_THROTTLED,  # too many
        "1250": ProviderError.NO_ROUTE,
        "1331": ProviderError.NETWORK_FAILURE,  # at the provider behind them
    }

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup.route, patience=setup.timeout, window=WINDOW)
        self._url = address(setup.option("base_url")) + "/v1/messages"
        self._application_id = setup.option("application_id")
        self._private_key = _private_key(setup.option("private_key"))
        self._basic = basic(setup.option("api_key"), setup.option("api_secret")) if setup.option("api_key") else {}
        self._token, self._token_good_until = "", 0.0
        self._status_url = setup.status_url
        self._signature_secrets = secrets_of(setup.option("signature_secret"))

    @classmethod
    def from_setup(cls, setup: Setup) -> "VonageMessages":
        """Make the provider of a route. Raises ValueError."""
        has_application = [bool(setup.option(name)) for name in ("application_id", "private_key")]
        has_account = [bool(setup.option(name)) for name in ("api_key", "api_secret")]
        if any(has_application) != all(has_application) or any(has_account) != all(has_account):
            raise ValueError("application_id goes with private_key, and api_key with api_secret.")
        if not any(has_application + has_account):
            raise ValueError("Give application_id and private_key, or api_key and api_secret.")
        return cls(setup)

    @property
    def secrets(self) -> Sequence[str]:
        """The header that the API secret is in, and the token that the private key has signed."""
        return [one for one in (self._token, basic_secret(self._basic)) if one]

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message."""
        request = Request.json(self._url, self._document(submission), self._authorization())
        answer = await client.send(request, within=self.patience, deadline=deadline)
        return answer if isinstance(answer, Outcome) else self._outcome(answer)

    def _document(self, submission: Submission) -> Mapping[str, Any]:
        is_unicode = measure(submission.text).encoding is Encoding.UCS2
        document: dict[str, Any] = {
            "message_type": "text",
            "channel": "sms",
            "from": submission.sender_id.removeprefix("+"),
            "to": submission.recipient.removeprefix("+"),
            "text": submission.text,
            "client_ref": str(submission.attempt_id),
            "sms": {"encoding_type": "unicode" if is_unicode else "text"},
        }
        if submission.valid_for is not None:
            document["ttl"] = min(max(submission.valid_for, SHORTEST_TTL), LONGEST_TTL)
        if self._status_url is not None:
            document |= {"webhook_url": self._status_url, "webhook_version": "v1"}
        return document

    def _authorization(self) -> Mapping[str, str]:
        """Return a header with the application's token, which serves many requests, or with the account's secret."""
        if self._private_key is None:
            return self._basic
        now = time.time()
        if now >= self._token_good_until:
            claims = {"application_id": self._application_id, "iat": int(now), "exp": int(now + TOKEN_LASTS)}
            self._token = jwt.encode({**claims, "jti": str(uuid4())}, self._private_key, algorithm="RS256")
            self._token_good_until = now + TOKEN_LASTS - TOKEN_SPARES
        return {"Authorization": f"Bearer {self._token}"}

    def _outcome(self, answer: Answer) -> Outcome:
        content = answer.document()
        reference = payloads.reference(content.get("message_uuid"))
        if answer.status == 202 and reference is not None:
            return Outcome.sent(reference)
        return answer.failure(_code(content), self.ERROR_BY_CODE)

    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless there is a JWT of ours over this very body, made lately.

        Its signature alone says nothing of the body: that is what the claim `payload_hash` is for.
        """
        claims = self._claims(request)
        hashed = hashlib.sha256(request.body).hexdigest()
        if not is_one_of(str(claims["payload_hash"]).lower(), [hashed]):
            raise SignatureRefused("The body is not the one that was signed.")
        try:
            check_age(float(claims["iat"]))
        except (TypeError, ValueError, OverflowError):
            raise SignatureRefused("The claim 'iat' is not a time.") from None

    def _claims(self, request: WebhookRequest) -> Mapping[str, Any]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise SignatureRefused("The header Authorization must have a bearer token.")
        options: Any = {"require": ["iat", "payload_hash"], "verify_iat": False, "verify_aud": False}
        for secret in self._signature_secrets:
            try:
                claims: Mapping[str, Any] = jwt.decode(token.strip(), secret, algorithms=["HS256"], options=options)
            except (jwt.InvalidTokenError, UnicodeError):
                continue
            return claims
        raise SignatureRefused("The bearer token is not signed with the account's signature secret, or is too old.")

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate a status of a message. Raises InvalidReceipt."""
        content = payloads.document(request)
        word = payloads.text(content, "status")
        fault = content.get("error")
        code = _code(fault) if isinstance(fault, dict) else None
        return [
            DeliveryReport(
                provider_reference=payloads.text(content, "message_uuid", LONGEST_REFERENCE),
                provider_status=word,
                status=self.STATUS_BY_WORD.get(word.lower()),
                client_reference=payloads.uuid(content.get("client_ref")),
                error=self.error_of(code),
                provider_error=code,
                price=_price(content),
            )
        ]

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate an inbound text; a message of another kind or channel is none. Raises InvalidReceipt."""
        content = payloads.document(request)
        if content.get("channel", "sms") != "sms" or content.get("message_type", "text") != "text":
            return []
        return [
            InboundText(
                provider_reference=payloads.text(content, "message_uuid", LONGEST_REFERENCE),
                sender=payloads.number(payloads.text(content, "from")),
                recipient=payloads.number(payloads.text(content, "to")),
                text=payloads.body_text(content, "text"),
                received_at=payloads.moment(content.get("timestamp")),
            )
        ]


def _private_key(pem: str) -> RSAPrivateKey | None:
    if not pem:
        return None
    try:
        # A key that came through an environment variable may have its line ends written out.
        key = load_pem_private_key(pem.replace("\\n", "\n").encode(), password=None)
    except (TypeError, ValueError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("private_key must be an RSA private key in PEM, without a password.")  # noqa: TRY004
    return key


def _code(fault: Mapping[str, Any]) -> str | None:
    """Return the code of an error by RFC 7807: what follows the # in its type, or, in some receipts, its title."""
    code = payloads.code(str(fault.get("type")).rpartition("#")[2])
    if code is None or not code.isdigit():
        code = payloads.code(fault.get("title"))
    return code if code is not None and code.isdigit() else None  # other titles are sentences


def _price(content: Mapping[str, Any]) -> Price | None:
    usage = content.get("usage")
    return payloads.price(usage.get("price"), usage.get("currency")) if isinstance(usage, dict) else None
