"""Plivo, API version 1: one message a request, receipts and inbound texts pushed."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

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
from sms.providers.signatures import hmac_base64, is_one_of, secrets_of, verify_token
from sms.providers.tokens import PERHAPS_WEBHOOK_TOKEN
from sms.statuses import Status

SHORTEST_VALIDITY, LONGEST_VALIDITY = 5, 10_799  # seconds: message_expiry takes no others
CURRENCY: Final = "USD"  # of every account; not confirmed
V2_NONCE: Final = "x-plivo-signature-v2-nonce"  # of both kinds of version 2


class Plivo(Provider):
    """Signs with the auth token of the account or subaccount that sends, and with the main account's."""

    FACTS = Facts(
        title="Plivo",
        signature="X-Plivo-Signature-V2 or -Ma-V2 over scheme, host, path and a nonce: neither the query nor the body "
        "is covered, nor any time, so a webhook token should be set too; X-Plivo-Signature-V3, where it comes, covers "
        "the query and the fields",
        receipts=PUSHED,
        inbound=True,
        look_up=False,
        batch=1,  # several numbers in a request get one text
        window=MOST_CONNECTIONS,
        idempotent=False,
        validity=True,
        source="Plivo's API reference and error codes; its Python and Node SDKs",
    )
    OPTIONS: ClassVar[Sequence[Option]] = (
        Option("auth_id", "The Auth ID of the account or subaccount that sends."),
        Option(
            "auth_token",
            "Its Auth Token: our requests are sent with it, and Plivo's verified; two with a comma between them while "
            "one replaces the other, the one to send with first.",
            is_secret=True,
        ),
        Option(
            "main_auth_token",
            "The Auth Token of the main account, where a subaccount sends: Plivo's requests may be signed with it.",
            is_secret=True,
            is_required=False,
        ),
        PERHAPS_WEBHOOK_TOKEN,
        Option(
            "powerpack_uuid",
            "A Powerpack: it chooses the sender then, and ours is not sent.",
            is_required=False,
        ),
        Option("base_url", "The address of Plivo's API.", default="https://api.plivo.com"),
    )
    STATUS_BY_WORD: ClassVar[Mapping[str, Status]] = {
        # Intermediate: proof that Plivo has the message, nothing more.
        "queued": Status.SENT,
        "sent": Status.SENT,
        "delivered": Status.DELIVERED,
        "read": Status.DELIVERED,
        "undelivered": Status.UNDELIVERED,
        "failed": Status.FAILED,
        "rejected": Status.REJECTED,
    }
    # Plivo's list of error codes. Not confirmed: those from 60 on.
    ERROR_BY_CODE: ClassVar[Mapping[str, ProviderError]] = {
        "10": ProviderError.CONTENT_INVALID,
        "20": ProviderError.NETWORK_FAILURE,
        "30": ProviderError.CONTENT_FILTERED,
        "40": ProviderError.SENDER_NOT_ALLOWED,
        "50": ProviderError.INVALID_DESTINATION,
        "70": ProviderError.INVALID_DESTINATION,  # the destination is unavailable for good
        "80": ProviderError.ABSENT_SUBSCRIBER,  # for now
        "90": ProviderError.NO_ROUTE,
        "100": ProviderError.RECIPIENT_BARRED,  # prohibited by the carrier
        "110": ProviderError.CONTENT_INVALID,  # too long
        "200": ProviderError.RECIPIENT_OPTED_OUT,
        "420": ProviderError.EXPIRED_CARRIER,
        "450": ProviderError.NO_ROUTE,  # the country is barred
        "900": ProviderError.PROVIDER_FUNDS,
    }

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup.route, patience=setup.timeout, window=self.FACTS.window)
        self._tokens = secrets_of(setup.option("auth_token"))
        self._main_tokens = secrets_of(setup.option("main_auth_token"))
        self._webhook_tokens = secrets_of(setup.option(PERHAPS_WEBHOOK_TOKEN.name))
        account = setup.option("auth_id")
        self._url = f"{address(setup.option('base_url'))}/v1/Account/{quote(account, safe='')}/Message/"
        self._headers = basic(account, self._tokens[0] if self._tokens else "")
        self._powerpack = setup.option("powerpack_uuid")
        self._status_url = setup.status_url

    @classmethod
    def from_setup(cls, setup: Setup) -> "Plivo":
        """Make the provider of a route. Raises ValueError."""
        return cls(setup)

    @property
    def secrets(self) -> Sequence[str]:
        """Return the header's credentials: they are the token in another writing."""
        return (basic_secret(self._headers),)

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message."""
        request = Request.json(self._url, self._document(submission), self._headers)
        answer = await client.send(request, within=self.patience, deadline=deadline)
        if isinstance(answer, Outcome):
            return answer
        references = answer.document().get("message_uuid")  # a list, in the order of the numbers
        reference = payloads.reference(references[0]) if isinstance(references, list) and references else None
        if answer.status in {200, 201, 202} and reference is not None:
            return Outcome.sent(reference)
        return answer.failure()  # its reason is in words only

    def _document(self, submission: Submission) -> Mapping[str, object]:
        document: dict[str, object] = {
            "dst": submission.recipient.removeprefix("+"),
            "text": submission.text,
            "type": "sms",
        }
        document |= {"powerpack_uuid": self._powerpack} if self._powerpack else {"src": submission.sender_id}
        if submission.valid_for is not None:
            document["message_expiry"] = min(max(submission.valid_for, SHORTEST_VALIDITY), LONGEST_VALIDITY)
        if self._status_url is not None:  # Plivo gives nothing of ours back but the address
            attempt = urlencode({"attempt": submission.attempt_id})
            document |= {"url": f"{self._status_url}?{attempt}", "method": "POST"}
        return document

    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless one of Plivo's signatures is right, and the webhook token where one is set."""
        if self._webhook_tokens:
            verify_token(request, tokens=self._webhook_tokens)
        headers = request.headers
        try:
            if "x-plivo-signature-v3" in headers:
                signed = _signed_by_v3(request)
                _check(headers, "x-plivo-signature-v3", "x-plivo-signature-v3-nonce", signed, self._tokens)
            elif "x-plivo-signature-v2" in headers:
                _check(headers, "x-plivo-signature-v2", V2_NONCE, _bare(request.url), self._tokens)
            else:
                _check(headers, "x-plivo-signature-ma-v2", V2_NONCE, _bare(request.url), self._main_tokens)
        except ValueError:  # the address is none
            raise SignatureRefused("Plivo signs the public address, and that is not known.") from None

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate the receipt in the form, or in the query of a GET. Raises InvalidReceipt."""
        fields = _fields(request)
        word = payloads.text(fields, "Status")
        code = payloads.code(fields.get("ErrorCode"))  # only with failed and undelivered
        error = self.error_of(code)
        report = DeliveryReport(
            provider_reference=payloads.text(fields, "MessageUUID", LONGEST_REFERENCE),
            provider_status=word,
            status=payloads.ending(self.STATUS_BY_WORD.get(word), error),
            client_reference=payloads.uuid(payloads.first(payloads.query(request), "attempt")),
            error=error,
            provider_error=code,
            price=payloads.price(fields.get("TotalAmount"), CURRENCY),
        )
        return [report]

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate the text, of which Plivo has joined the parts. Raises InvalidReceipt."""
        fields = _fields(request)
        text = InboundText(
            provider_reference=payloads.text(fields, "MessageUUID", LONGEST_REFERENCE),
            sender=payloads.number(payloads.text(fields, "From")),
            recipient=payloads.number(payloads.text(fields, "To")),
            text=payloads.storable(fields.get("Text", "")),
        )
        return [text]


def _fields(request: WebhookRequest) -> Mapping[str, str]:
    """Return the fields of the form, or of the query of a GET: what the signature of version 3 covers, and no more."""
    return dict(payloads.query(request) if request.method == "GET" else payloads.form(request))


def _check(headers: Mapping[str, str], name: str, nonce: str, signed: str, tokens: Sequence[str]) -> None:
    """Raise SignatureRefused unless one of the signatures in a header is the HMAC of a text with its nonce behind."""
    message = (signed + headers.get(nonce, "")).encode("utf-8", "replace")
    expected = [hmac_base64(one, message) for one in tokens]
    given = headers.get(name, "").split(",")  # two while Plivo replaces a token
    if not any(is_one_of(one.strip(), expected) for one in given):
        raise SignatureRefused(f"{name} is missing, or does not match.")


def _bare(url: str) -> str:
    """Return the address without its query. Raises ValueError for none."""
    parts = urlsplit(url)
    if not parts.netloc:
        raise ValueError("There is no address.")
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _signed_by_v3(request: WebhookRequest) -> str:
    """Return the address, the query and the fields of a form, each sorted, in the way of version 3."""
    query = "&".join(f"{name}={value}" for name, value in sorted(_pairs(urlsplit(request.url).query)))
    form = [] if request.method == "GET" else payloads.form(request)
    fields = "".join(name + value for name, value in sorted(form))
    between = "." if query and fields else ""
    return f"{_bare(request.url)}{'?' if query or fields else ''}{query}{between}{fields}."


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True, max_num_fields=payloads.MOST_FIELDS)
