"""Twilio Programmable Messaging, the API of 2010-04-01: one message a request, receipts and inbound texts pushed."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final
from urllib.parse import quote, urlencode, urlsplit

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
    Provider,
    Setup,
    Submission,
    WebhookRequest,
)
from sms.providers.errors import ProviderError
from sms.providers.http import MOST_CONNECTIONS, Request, address, basic, basic_secret, client
from sms.providers.signatures import hmac_base64, is_one_of, secrets_of
from sms.statuses import Status

LONGEST_VALIDITY: Final = 36_000  # seconds: ValidityPeriod takes no more, and that is its default
HASHES: Final[Mapping[str, str]] = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
FORM: Final = "application/x-www-form-urlencoded"


class Twilio(Provider):
    """Signs with the account's auth token, or with a SharedKey."""

    FACTS = Facts(
        title="Twilio",
        signature="X-Twilio-Signature over the public address with its query, and all fields; no time in it, so a "
        "request can be played back, and then says the same",
        receipts=PUSHED,
        inbound=True,
        look_up=False,
        batch=1,
        window=MOST_CONNECTIONS,
        idempotent=False,
        validity=True,
        source="Twilio's API reference and webhook security pages; its Python and Node SDKs",
    )
    OPTIONS: ClassVar[Sequence[Option]] = (
        Option("account_sid", "The SID of the account, AC and 32 hex digits."),
        Option(
            "auth_token",
            "The account's auth token: requests of Twilio are verified with it, and without an API key ours are sent "
            "with it; two with a comma between them while one replaces the other, the one to send with first.",
            is_secret=True,
        ),
        Option("api_key_sid", "The SID of an API key to send with, SK and 32 hex digits.", is_required=False),
        Option("api_key_secret", "The secret of that API key.", is_secret=True, is_required=False),
        Option(
            "messaging_service_sid",
            "A Messaging Service, MG and 32 hex digits: it chooses the sender then, and ours is not sent.",
            is_required=False,
        ),
        Option(
            "shared_keys",
            "The secrets of SharedKeys, where Twilio's requests are signed with one, with commas between them.",
            is_secret=True,
            is_required=False,
        ),
        Option("base_url", "The address of Twilio's API.", default="https://api.twilio.com"),
    )
    STATUS_BY_WORD: ClassVar[Mapping[str, Status]] = {
        # Intermediate: proof that Twilio has the message, nothing more. Where a carrier gives no receipts, `sent` is
        # the last word. `canceled` and `partially_delivered` are not here: we cancel nothing there, and the second
        # says neither that it was delivered nor that it was not.
        "accepted": Status.SENT,
        "scheduled": Status.SENT,
        "queued": Status.SENT,
        "sending": Status.SENT,
        "sent": Status.SENT,
        "delivered": Status.DELIVERED,
        "read": Status.DELIVERED,
        "undelivered": Status.UNDELIVERED,
        "failed": Status.FAILED,
    }
    # Twilio's error dictionary. Not confirmed for SMS: 21614, 30002, 30004, 30009, 30410.
    ERROR_BY_CODE: ClassVar[Mapping[str, ProviderError]] = {
        "20003": ProviderError.PROVIDER_AUTH,
        "20429": ProviderError.PROVIDER_THROTTLED,
        "21211": ProviderError.INVALID_DESTINATION,
        "21212": ProviderError.SENDER_NOT_ALLOWED,
        "21408": ProviderError.NO_ROUTE,  # the region is not switched on for the account
        "21602": ProviderError.CONTENT_INVALID,  # no text
        "21606": ProviderError.SENDER_NOT_ALLOWED,
        "21610": ProviderError.RECIPIENT_OPTED_OUT,
        "21611": ProviderError.PROVIDER_THROTTLED,  # the sender's queue is full
        "21612": ProviderError.NO_ROUTE,
        "21614": ProviderError.NOT_SMS_CAPABLE,
        "21617": ProviderError.CONTENT_INVALID,  # longer than 1600 characters
        "30001": ProviderError.PROVIDER_THROTTLED,  # queue overflow
        "30002": ProviderError.PROVIDER_AUTH,  # the account is suspended
        "30003": ProviderError.ABSENT_SUBSCRIBER,
        "30004": ProviderError.RECIPIENT_BARRED,
        "30005": ProviderError.INVALID_DESTINATION,
        "30006": ProviderError.NOT_SMS_CAPABLE,
        "30007": ProviderError.CONTENT_FILTERED,
        "30009": ProviderError.NETWORK_FAILURE,  # a segment was lost
        "30034": ProviderError.SENDER_NOT_ALLOWED,  # an unregistered 10DLC number
        "30036": ProviderError.EXPIRED_CARRIER,
        "30410": ProviderError.NETWORK_FAILURE,
    }

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup.route, patience=setup.timeout, window=self.FACTS.window)
        self._tokens = secrets_of(setup.option("auth_token"))
        self._shared_keys = secrets_of(setup.option("shared_keys"))
        account = setup.option("account_sid")
        self._url = f"{address(setup.option('base_url'))}/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json"
        self._headers = basic(*self._credentials(setup, account))
        self._service = setup.option("messaging_service_sid")
        self._status_url = setup.status_url

    def _credentials(self, setup: Setup, account: str) -> tuple[str, str]:
        if bool(key := setup.option("api_key_sid")) != bool(secret := setup.option("api_key_secret")):
            raise ValueError("'api_key_sid' and 'api_key_secret' go together.")
        return (key, secret) if key else (account, self._tokens[0] if self._tokens else "")

    @classmethod
    def from_setup(cls, setup: Setup) -> "Twilio":
        """Make the provider of a route. Raises ValueError."""
        return cls(setup)

    @property
    def secrets(self) -> Sequence[str]:
        """Return the header's credentials: they are the token in another writing."""
        return (basic_secret(self._headers),)

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message."""
        request = Request.form(self._url, self._fields(submission), self._headers)
        answer = await client.send(request, within=self.patience, deadline=deadline)
        if isinstance(answer, Outcome):
            return answer
        content = answer.document()
        reference = payloads.reference(content.get("sid"))
        if answer.status in {200, 201} and reference is not None:
            # The price is null at first, and negative: what the account is charged.
            return Outcome.sent(reference, price=payloads.price(content.get("price"), content.get("price_unit")))
        return answer.failure(payloads.code(content.get("code")), self.ERROR_BY_CODE)

    def _fields(self, submission: Submission) -> Mapping[str, str]:
        fields = {"To": submission.recipient, "Body": submission.text}
        fields |= {"MessagingServiceSid": self._service} if self._service else {"From": submission.sender_id}
        if submission.valid_for is not None:
            fields["ValidityPeriod"] = str(min(max(submission.valid_for, 1), LONGEST_VALIDITY))
        if self._status_url is not None:  # Twilio gives nothing of ours back, but the address is signed as a whole
            fields["StatusCallback"] = f"{self._status_url}?{urlencode({'attempt': submission.attempt_id})}"
        return fields

    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless X-Twilio-Signature is right for the public address and all fields."""
        named = _algorithm(request.headers.get("x-twilio-webhooks-signature-settings", ""))
        secrets = self._tokens if named is None else self._shared_keys
        algorithm = HASHES.get(named or "HMAC_SHA1")
        if algorithm is None:
            raise SignatureRefused("X-Twilio-Webhooks-Signature-Settings names an algorithm that is not known.")
        urls = _writings(request.url)
        if not urls:
            raise SignatureRefused("Twilio signs the public address, and that is not known.")
        fields = _signed_fields(request)
        signed = [(url + fields).encode("utf-8", "replace") for url in urls]
        expected = [hmac_base64(secret, one, algorithm=algorithm) for secret in secrets for one in signed]
        if not is_one_of(request.headers.get("x-twilio-signature", ""), expected):
            raise SignatureRefused("X-Twilio-Signature does not match the public address and the fields.")

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate the receipt in the form. Raises InvalidReceipt."""
        fields = dict(payloads.form(request))
        word = payloads.text(fields, "MessageStatus")
        code = payloads.code(fields.get("ErrorCode"))  # only with failed and undelivered
        error = self.error_of(code)
        report = DeliveryReport(
            provider_reference=payloads.text(fields, "MessageSid", LONGEST_REFERENCE),
            provider_status=word,
            status=payloads.ending(self.STATUS_BY_WORD.get(word), error),
            client_reference=payloads.uuid(payloads.first(payloads.query(request), "attempt")),
            error=error,
            provider_error=code,
        )
        return [report]

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate the text in the form: Twilio has joined its parts. Raises InvalidReceipt."""
        fields = dict(payloads.form(request))
        text = InboundText(
            provider_reference=payloads.text(fields, "MessageSid", LONGEST_REFERENCE),
            sender=payloads.text(fields, "From"),
            recipient=payloads.text(fields, "To"),
            text=payloads.storable(fields.get("Body", "")),
        )
        return [text]


def _algorithm(settings: str) -> str | None:
    """Return the algorithm of `key=…,algorithm=…`, the settings of a SharedKey; None where the auth token signs."""
    pairs = (part.partition("=") for part in settings.split(","))
    return next((value.strip() for name, _, value in pairs if name.strip() == "algorithm" and value.strip()), None)


def _signed_fields(request: WebhookRequest) -> str:
    """Return what is signed behind the address: the fields of a form, sorted; of another body its hash is in the query.

    Of a field that is there more than once each value counts once.
    """
    digest = payloads.first(payloads.query(request), "bodySHA256")
    if digest is not None and not request.headers.get("content-type", "").startswith(FORM):
        if not is_one_of(digest.lower(), [hashlib.sha256(request.body).hexdigest()]):
            raise SignatureRefused("bodySHA256 does not match the body.")
        return ""
    return "".join(name + value for name, value in sorted(set(payloads.form(request))))


def _writings(url: str) -> Sequence[str]:
    """Return the address as it is, with the port and without one: Twilio signs either; none where it is unknown."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return []
    if not host:
        return []
    bare = parts.netloc if port is None else parts.netloc.rpartition(":")[0]
    port = port or (443 if parts.scheme == "https" else 80)
    return [url, parts._replace(netloc=bare).geturl(), parts._replace(netloc=f"{bare}:{port}").geturl()]
