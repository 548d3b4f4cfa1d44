"""What a contract has to be told of a provider."""

from dataclasses import replace
from typing import ClassVar
from uuid import UUID

from sms.providers.base import Outcome, Provider, Setup, Submission, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.http import client
from tests.privacy import NUMBER, TEXT
from tests.sms.providers.peer import Received, Says

ATTEMPT_ID = UUID("0197c0de-0000-7000-8000-00000000a77e")
SUBMISSION = Submission(ATTEMPT_ID, "MyCorp", NUMBER, TEXT, 3600)
STATUS_URL = "https://sms.example.org/api/webhooks/primary/status/"
INBOUND_URL = "https://sms.example.org/api/webhooks/primary/inbound/"
FOREVER = float("inf")


class Subject:
    """A provider under test: what is without a value here, a class that inherits a contract has to say."""

    PROVIDER: ClassVar[type[Provider]]
    SETUP: ClassVar[dict[str, str]]  # what the operator said, beside the address: with a secret of its own everywhere
    URL_OPTION: ClassVar[str] = "base_url"

    # What `accept` comes to, as a whole.
    YES: ClassVar[Outcome]
    # Answers that refuse a message, each with its outcome.
    REFUSALS: ClassVar[tuple[tuple[Says, Outcome], ...]] = ()
    # HTTP statuses with another meaning than these: `BY_STATUS = Subject.BY_STATUS | {404: …}`.
    BY_STATUS: ClassVar[dict[int, ProviderError]] = {
        401: ProviderError.PROVIDER_AUTH,
        403: ProviderError.PROVIDER_AUTH,
        404: ProviderError.UNCLASSIFIED,
        429: ProviderError.PROVIDER_THROTTLED,
        500: ProviderError.PROVIDER_TIMEOUT,  # the only one of these that means: nobody knows
        502: ProviderError.PROVIDER_TIMEOUT,
        503: ProviderError.PROVIDER_UNAVAILABLE,
    }
    # Successes that are no yes: nobody knows.
    NO_YES: ClassVar[tuple[Says, ...]] = (
        Says(200), Says(201), Says(202), Says(204), Says(200, b"{"), Says(201, b"{"), Says(202, b"{"), Says(200, b"{}"),
        Says(200, b"null"), Says(202, b"null"), Says(200, b"[]"), Says(201, b"[[[]]]"), Says(200, b'"x"'),
        Says(200, b"\xff\xfe\0"), Says(200, b"[" * 50_000), Says(200, b"<html>Please log in</html>"),
        Says(200, b"x" * 10_000_000),
    )  # fmt: skip

    # The option that requests are verified with, a secret that signs, and another one.
    SIGNING_OPTION: ClassVar[str]
    SIGNING_SECRET: ClassVar[str]
    OTHER_SECRET: ClassVar[str]
    TAKES_TWO_SECRETS: ClassVar[bool] = True  # with a comma between them, while one replaces the other
    # What the signature covers: of "body", "query", "path", "host". Empty for a token.
    COVERS: ClassVar[tuple[str, ...]] = ("body",)
    IS_TIMED: ClassVar[bool] = False  # an old signature is refused
    FREE_HEADERS: ClassVar[tuple[str, ...]] = ()  # headers beside the signature that may say anything
    ECHOES: ClassVar[bool] = True  # a receipt brings our attempt's id back
    UNKNOWN_WORD: ClassVar[str] = "neverheardof"
    ACKNOWLEDGEMENT: ClassVar[bytes] = b""  # the body of our reply
    VECTORS: ClassVar[str] = ""  # the provider's name in `vectors/signatures.json`

    def accept(self, received: Received) -> Says:
        """Return a good answer to a request: for a batch, to all that is in it."""
        raise NotImplementedError

    def refuse(self, words: str) -> Says:
        """Return a refusal that quotes something."""
        return Says.json(400, {"message": words, "error": words, "detail": words})

    def status(self, word: str) -> WebhookRequest:
        """Return a status request, not signed, with a word and, where the provider gives it back, ATTEMPT_ID."""
        raise NotImplementedError

    def sign(self, request: WebhookRequest, *, secret: str, at: float) -> WebhookRequest:
        """Return the request with a signature that was made at a moment, in Unix seconds; or with the token."""
        raise NotImplementedError

    def verifier_of(self, secret: str) -> str:
        """Return what SIGNING_OPTION has to be for a secret: the public key, for one."""
        return secret

    def options_of(self, vector: dict) -> dict[str, str]:
        """Return the options that the request of a vector is verified with."""
        return {self.SIGNING_OPTION: vector["secret"]}

    def provider(self, url: str = "http://127.0.0.1:9", *, timeout: float = 5.0, **said: str) -> Provider:
        """Make the provider, with the address of a server here."""
        return self.PROVIDER.from_setup(self.setup({self.URL_OPTION: url, **said}, timeout=timeout))

    def setup(self, said: dict[str, str], *, timeout: float = 5.0) -> Setup:
        """Return what the provider is made of."""
        defaults = {one.name: one.default or "" for one in self.PROVIDER.OPTIONS}
        options = defaults | self.SETUP | said
        return Setup(route="primary", options=options, status_url=STATUS_URL, inbound_url=INBOUND_URL, timeout=timeout)

    def secrets(self, provider: Provider) -> list[str]:
        """Return everything that may be told to nobody else."""
        secret = [self.SETUP.get(one.name, "") for one in self.PROVIDER.OPTIONS if one.is_secret]
        parts = [part.strip() for one in secret for part in one.split(",")]
        return [one for one in (*secret, *parts, *provider.secrets) if one]

    def submit(self, provider: Provider, *submissions: Submission, deadline: float = FOREVER) -> dict[UUID, Outcome]:
        """Hand over messages, or the one, on the client's own loop, as a worker does."""

        async def collect():
            found = {}
            async for outcomes in provider.submit(submissions or (SUBMISSION,), deadline=deadline):
                assert not found.keys() & outcomes.keys()
                found.update(outcomes)
            return found

        return client.run(collect())

    def submit_one(self, provider: Provider, **options: float) -> Outcome:
        """Hand over the one message."""
        return self.submit(provider, **options)[ATTEMPT_ID]

    def number_of(self, number: int) -> Submission:
        """Return one of several messages."""
        return replace(SUBMISSION, attempt_id=UUID(int=ATTEMPT_ID.int + number), recipient=f"+23320000{number:04}")
