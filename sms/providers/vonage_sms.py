"""Vonage's SMS API: https://developer.vonage.com/en/api/sms, and the guides on receipts, inbound texts and signing.

Each part of a long text has an id and receipts of its own, all with our reference. The attempt keeps the id of the
first part. A part that failed spoils the text; one that was delivered proves nothing of the others (RECEIPT_PER_PART).
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from sms.errors import InvalidReceipt, SignatureRefused
from sms.providers import payloads
from sms.providers.base import (
    LONGEST_REFERENCE,
    PUSHED,
    DeliveryReport,
    Facts,
    InboundText,
    Option,
    Outcome,
    Part,
    Price,
    Provider,
    Setup,
    Submission,
    WebhookRequest,
)
from sms.providers.errors import ProviderError
from sms.providers.http import Answer, Request, address, client
from sms.providers.signatures import check_age, is_one_of, secrets_of, verify_token
from sms.providers.tokens import PERHAPS_WEBHOOK_TOKEN
from sms.segments import Encoding, measure
from sms.statuses import Status

WINDOW: Final = 30  # requests at once: an account may send 30 messages a second unless it was told otherwise
SHORTEST_TTL, LONGEST_TTL = 20_000, 604_800_000  # milliseconds
MOST_PARTS: Final = 255

# `status` of each message in the answer, which is HTTP 200 for these, too. What is not here (2 and 3: a parameter is
# missing or not valid; 22: network code; 23: callback address) says too little to be classified.
REFUSALS: Final[Mapping[str, ProviderError]] = {
    "1": ProviderError.PROVIDER_THROTTLED,
    "4": ProviderError.PROVIDER_AUTH,
    "5": ProviderError.PROVIDER_UNAVAILABLE,  # an error of theirs with this message
    "6": ProviderError.INVALID_DESTINATION,  # "for example, an unrecognized number prefix"
    "7": ProviderError.RECIPIENT_BARRED,
    "8": ProviderError.PROVIDER_AUTH,  # our account is barred
    "9": ProviderError.PROVIDER_FUNDS,
    "10": ProviderError.PROVIDER_THROTTLED,  # too many connections
    "11": ProviderError.PROVIDER_AUTH,  # the account has no access to this API
    "12": ProviderError.CONTENT_INVALID,  # too long
    "14": ProviderError.PROVIDER_AUTH,
    "15": ProviderError.SENDER_NOT_ALLOWED,
    "29": ProviderError.NO_ROUTE,  # a demo account, and not one of its numbers
    "32": ProviderError.PROVIDER_AUTH,
    "33": ProviderError.INVALID_DESTINATION,  # the number was deactivated
}

METHODS: Final[Mapping[str, Callable[[bytes, bytes], str]]] = {
    "md5hash": lambda secret, signed: hashlib.md5(signed + secret).hexdigest(),  # noqa: S324  their default
    "md5": lambda secret, signed: hmac.new(secret, signed, "md5").hexdigest(),
    "sha1": lambda secret, signed: hmac.new(secret, signed, "sha1").hexdigest(),
    "sha256": lambda secret, signed: hmac.new(secret, signed, "sha256").hexdigest(),
    "sha512": lambda secret, signed: hmac.new(secret, signed, "sha512").hexdigest(),
}


class VonageSms(Provider):
    """One form a message; receipts and inbound texts by GET or POST, signed where the account says so."""

    FACTS = Facts(
        title="Vonage SMS API",
        signature="of all fields, MD5 or HMAC, with a timestamp; off until the account asks for it: then a token",
        receipts=PUSHED,
        inbound=True,
        look_up=False,
        batch=1,
        window=WINDOW,
        idempotent=False,
        validity=True,
        source="https://developer.vonage.com/en/api/sms",
    )
    OPTIONS: ClassVar[Sequence[Option]] = (
        Option("api_key", "The account's API key."),
        Option("api_secret", "The account's API secret.", is_secret=True),
        Option(
            "signature_secret",
            "The account's signature secret, where it signs its requests; two with a comma between them while one "
            "replaces the other.",
            is_secret=True,
            is_required=False,
        ),
        Option("signature_method", f"The account's signature method: {', '.join(METHODS)}.", default="md5hash"),
        PERHAPS_WEBHOOK_TOKEN,
        Option("currency", "What prices are in: Vonage does not say it with them.", default="EUR"),
        Option("base_url", "Where the API is.", default="https://rest.nexmo.com"),
    )
    RECEIPT_PER_PART = True
    STATUS_BY_WORD: ClassVar[Mapping[str, Status]] = {
        "delivered": Status.DELIVERED,
        "expired": Status.EXPIRED,
        "failed": Status.UNDELIVERED,
        "rejected": Status.REJECTED,
        # Proof that they have it, nothing more. "unknown" is not even that.
        "accepted": Status.SENT,
        "buffered": Status.SENT,
    }
    # `err-code` of receipts: https://api.support.vonage.com/hc/en-us/articles/204014733. 1 and 99 say nothing.
    ERROR_BY_CODE: ClassVar[Mapping[str, ProviderError]] = {
        "2": ProviderError.ABSENT_SUBSCRIBER,
        "3": ProviderError.INVALID_DESTINATION,  # absent for good: "should be removed from your database"
        "4": ProviderError.RECIPIENT_BARRED,
        "5": ProviderError.NETWORK_FAILURE,  # portability
        "6": ProviderError.CONTENT_FILTERED,
        "7": ProviderError.HANDSET_BUSY_OR_FULL,
        "8": ProviderError.NETWORK_FAILURE,
        "9": ProviderError.RECIPIENT_OPTED_OUT,  # called "illegal number"
        "10": ProviderError.CONTENT_INVALID,  # "error in message parameter, e.g. wrong encoding flag"
        "11": ProviderError.NO_ROUTE,
        "12": ProviderError.NETWORK_FAILURE,  # destination unreachable
        "13": ProviderError.RECIPIENT_BARRED,  # for the age of the recipient
        "14": ProviderError.RECIPIENT_BARRED,
        "15": ProviderError.RECIPIENT_BARRED,  # the recipient's prepaid money is used up
    }

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup.route, patience=setup.timeout, window=WINDOW)
        self._url = address(setup.option("base_url")) + "/sms/json"
        self._credentials = {"api_key": setup.option("api_key"), "api_secret": setup.option("api_secret")}
        self._status_url = setup.status_url
        self._currency = setup.option("currency")
        self._signature_secrets = secrets_of(setup.option("signature_secret"))
        self._sign = METHODS[setup.option("signature_method")]
        self._tokens = secrets_of(setup.option(PERHAPS_WEBHOOK_TOKEN.name))

    @classmethod
    def from_setup(cls, setup: Setup) -> "VonageSms":
        """Make the provider of a route. Raises ValueError."""
        if setup.option("signature_method") not in METHODS:
            raise ValueError(f"signature_method must be one of {', '.join(METHODS)}.")
        if len(currency := setup.option("currency")) != 3 or not currency.isalpha():
            raise ValueError("currency must be three letters.")
        return cls(setup)

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message."""
        fields = {**self._credentials, **_fields(submission)}
        if self._status_url is not None:
            fields["callback"] = self._status_url
        answer = await client.send(Request.form(self._url, fields), within=self.patience, deadline=deadline)
        return answer if isinstance(answer, Outcome) else self._outcome(answer)

    def _outcome(self, answer: Answer) -> Outcome:
        """Translate an answer: one element for each part of the text."""
        parts = answer.document().get("messages")
        if answer.status != 200 or not isinstance(parts, list) or not all(isinstance(one, dict) for one in parts):
            return answer.failure()
        codes = [payloads.code(part.get("status")) for part in parts]
        if not codes or None in codes:
            return Outcome.maybe_sent("an answer nobody understands")
        refused = [code for code in codes if code is not None and code != "0"]
        if len(refused) == len(codes):
            code = refused[0]
            error = REFUSALS.get(code, ProviderError.UNCLASSIFIED)
            return Outcome.not_sent(error, f"status {code}", provider_error=code)
        if refused:  # to send it again would double the rest
            return Outcome.maybe_sent(f"{len(refused)} of {len(codes)} parts were refused: {', '.join(refused)}")
        reference = payloads.reference(parts[0].get("message-id"))
        if reference is None:
            return Outcome.maybe_sent("taken without an id")
        return Outcome.sent(reference, price=self._price(parts))

    def _price(self, parts: Sequence[Mapping[str, Any]]) -> Price | None:
        prices = [payloads.price(part.get("message-price"), self._currency) for part in parts]
        known = [price for price in prices if price is not None]
        total = sum(price.amount for price in known)
        return payloads.price(total, self._currency) if len(known) == len(prices) else None

    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless the fields are signed, and lately, and the address has the token.

        Each of the two is asked for where the operator has set it up. Without either, nothing is believed.
        """
        if self._tokens or not self._signature_secrets:
            verify_token(request, tokens=self._tokens)
        if self._signature_secrets:
            self._verify_signature(_read(request))

    def _verify_signature(self, fields: Mapping[str, str]) -> None:
        signed = "".join(
            f"&{name}={value.replace('&', '_').replace('=', '_')}"
            for name, value in sorted(fields.items())
            if name != "sig"
        ).encode("utf-8", "replace")
        expected = [self._sign(secret.encode(), signed) for secret in self._signature_secrets]
        if not is_one_of(fields.get("sig", "").lower(), expected):
            raise SignatureRefused("The field 'sig' is missing, or is not the signature of the others.")
        try:
            check_age(float(fields.get("timestamp", "nan")))
        except ValueError:
            raise SignatureRefused("The field 'timestamp' is not a number.") from None

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate a receipt, of one part. Raises InvalidReceipt.

        The price in it is left out: it is the part's, and the answer told that of the whole.
        """
        fields = payloads.fields(request)
        word = payloads.text(fields, "status")
        code = payloads.code(fields.get("err-code"))
        code = None if code == "0" else code
        return [
            DeliveryReport(
                provider_reference=payloads.text(fields, "messageId", LONGEST_REFERENCE),
                provider_status=word,
                status=self.STATUS_BY_WORD.get(word.lower()),
                client_reference=payloads.uuid(fields.get("client-ref")),
                error=self.error_of(code),
                provider_error=code,
            )
        ]

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate an inbound text, or a part of one; what is binary is none. Raises InvalidReceipt."""
        fields = payloads.fields(request)
        if fields.get("type") == "binary":
            return []
        return [
            InboundText(
                provider_reference=payloads.text(fields, "messageId", LONGEST_REFERENCE),
                sender=payloads.number(payloads.text(fields, "msisdn")),
                recipient=payloads.number(payloads.text(fields, "to")),
                text=payloads.body_text(fields, "text"),
                received_at=payloads.moment(f"{fields.get('message-timestamp')}+00:00"),
                part=_part(fields),
            )
        ]


def _read(request: WebhookRequest) -> Mapping[str, str]:
    try:
        return payloads.fields(request)
    except InvalidReceipt:
        raise SignatureRefused("What cannot be read is not signed.") from None


def _fields(submission: Submission) -> dict[str, str]:
    is_unicode = measure(submission.text).encoding is Encoding.UCS2
    fields = {
        "from": submission.sender_id.removeprefix("+"),
        "to": submission.recipient.removeprefix("+"),
        "text": submission.text,
        "type": "unicode" if is_unicode else "text",  # as "text", what is not in GSM-7 arrives as question marks
        "client-ref": str(submission.attempt_id),  # at most 40 characters
    }
    if submission.valid_for is not None:
        fields["ttl"] = str(min(max(submission.valid_for * 1000, SHORTEST_TTL), LONGEST_TTL))
    return fields


def _part(fields: Mapping[str, str]) -> Part | None:
    """Return which part this is. With numbers that make no sense it is taken for a text by itself."""
    if fields.get("concat") != "true":
        return None
    try:
        number, total = int(fields.get("concat-part", "")), int(fields.get("concat-total", ""))
    except ValueError:
        return None
    reference = payloads.storable(fields.get("concat-ref", ""))[:LONGEST_REFERENCE]
    return Part(reference, number, total) if reference and 1 <= number <= total <= MOST_PARTS else None
