"""A provider that a settings file describes: its requests, its answers, what it tells us and how it signs that.

docs/providers/generic_http.md says what may stand in the file.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from sms.errors import InvalidInbound, InvalidReceipt
from sms.providers import payloads
from sms.providers.base import (
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
from sms.providers.generic import schemes
from sms.providers.generic.incoming import OUR_WORDS, Inbound, Receipts
from sms.providers.generic.outgoing import Answers, Requests
from sms.providers.generic.table import Table
from sms.providers.generic.templates import values_of
from sms.providers.http import MOST_CONNECTIONS, Request, address, client
from sms.providers.signatures import secrets_of
from sms.providers.tokens import PERHAPS_WEBHOOK_TOKEN, tokens_of
from sms.providers.verifiers import aws_sns
from sms.statuses import Status


class GenericHttp(Provider):
    """Whatever speaks HTTP, one message a request."""

    FACTS = Facts(
        title="Any HTTP API, by a settings file",
        signature="As the file says: a token, an HMAC, Standard Webhooks, or the scheme of MessageBird, Bird, Amazon "
        "SNS or SMS Gateway for Android",
        receipts=PUSHED,
        inbound=True,
        look_up=False,
        batch=1,
        window=MOST_CONNECTIONS,
        idempotent=False,
        validity=True,
        source="The settings file",
    )
    OPTIONS: ClassVar[Sequence[Option]] = (
        Option("file", "The path of the settings file: TOML, or JSON where it ends with .json."),
        Option("base_url", "The address of the API, in place of the one in the file.", is_required=False),
        Option(
            "secrets",
            "The secrets that the file names, as name=value, each on a line of its own.",
            is_secret=True,
            is_required=False,
        ),
        Option(
            "signing_secrets",
            "What the provider signs with; two with a comma between them while one replaces the other.",
            is_secret=True,
            is_required=False,
        ),
        PERHAPS_WEBHOOK_TOKEN,
    )
    STATUS_BY_WORD: ClassVar[Mapping[str, Status]] = OUR_WORDS  # unless the file has its own

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup.route, patience=setup.timeout, window=self.FACTS.window)
        secrets = named_secrets(setup.option("secrets"))
        self._tokens = tokens_of(setup)
        try:
            self._read(Table.from_file(setup.option("file")), setup, secrets)
        except ValueError as error:
            raise ValueError(f"{Path(setup.option('file')).name}: {error}") from None
        signing = secrets_of(setup.option("signing_secrets"))
        self._signing_secrets = self._tokens if self._scheme == schemes.TOKEN else signing
        self._status_url = setup.status_url
        # Headers that a secret was filled into: the others are nobody's secret, and not to be hidden in every log line.
        headers = self._requests.headers.values()
        made_of_them = [one for one in headers if any(secret and secret in one for secret in secrets.values())]
        self._secrets = [*secrets.values(), *made_of_them, self._requests.headers.get("Authorization", "")]

    def _read(self, file: Table, setup: Setup, secrets: Mapping[str, str]) -> None:
        own_address = file.perhaps("base_url")
        self._base_url = address(setup.option("base_url") or own_address or "")
        self._requests = Requests.read(file.table("request"), secrets)
        self._answers = Answers.read(file.table("response"))
        self._receipts = Receipts.read(file.table("receipts")) if file.has("receipts") else None
        self._inbound = Inbound.read(file.table("inbound")) if file.has("inbound") else None
        self._scheme, self._verify = schemes.read(file.table("signature"))
        reply = file.table("reply")
        status = int(reply.number("status", 200, lowest=200, highest=299))
        self._reply = Reply(status, reply.text("body", "").encode(), reply.text("media_type", "text/plain"))
        reply.finish()
        file.raw("receipts"), file.raw("inbound")
        file.finish()

    @classmethod
    def from_setup(cls, setup: Setup) -> "GenericHttp":
        """Make it. Raises ValueError with a sentence that names the place in the file."""
        return cls(setup)

    @property
    def secrets(self) -> Sequence[str]:
        """The secrets by themselves, and the headers that have them inside."""
        return self._secrets

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message."""
        request = self._requests.make(self._base_url, values_of(submission, status_url=self._status_url))
        answer = await client.send(request, within=self.patience, deadline=deadline)
        return answer if isinstance(answer, Outcome) else self._answers.outcome(answer, submission.attempt_id)

    def verify(self, request: WebhookRequest) -> None:
        """Raise SignatureRefused unless the file's scheme says that the provider made the request."""
        self._verify(request, self._signing_secrets)

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate. SNS asks first whether we want its notifications, and we do. Raises InvalidReceipt."""
        if self._receipts is None:
            raise InvalidReceipt("The settings of this route have no [receipts].")
        return [] if self._is_about_subscription(request) else self._receipts.reports(request)

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate. Raises InvalidInbound, or InvalidReceipt."""
        if self._inbound is None:
            raise InvalidInbound("The settings of this route have no [inbound].")
        return [] if self._is_about_subscription(request) else self._inbound.texts(request)

    def _is_about_subscription(self, request: WebhookRequest) -> bool:
        if self._scheme != schemes.SNS:
            return False
        message = payloads.document(request)
        url = message.get("SubscribeURL")
        if message.get("Type") == aws_sns.SUBSCRIPTION and isinstance(url, str) and aws_sns.is_of_sns(url):
            client.start(_confirm(url))
        return message.get("Type") != aws_sns.NOTIFICATION

    def reply(self, request: WebhookRequest) -> Reply:  # noqa: ARG002
        """Say what the file says."""
        return self._reply


async def _confirm(url: str) -> None:
    await client.ask(Request.get(url), within=10.0)  # SNS asks again where it did not hear us


def named_secrets(option: str) -> Mapping[str, str]:
    """Return secrets by their names. Raises ValueError with a sentence that has none in it."""
    lines = [line.strip() for line in option.splitlines() if line.strip()]
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    if len(found) != len(lines) or not all(name.isidentifier() and value for name, value in found.items()):
        raise ValueError("'secrets' must be lines like api_key=…, each name once.")
    return found
