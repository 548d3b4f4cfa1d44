"""How a provider's requests are verified, as a settings file says."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from sms.providers.base import WebhookRequest
from sms.providers.generic.table import Table
from sms.providers.signatures import TOLERANCE, verify_token
from sms.providers.verifiers import (
    android_sms_gateway,
    aws_sns,
    bird,
    messagebird_jwt,
    messagebird_legacy,
    standard_webhooks,
)
from sms.providers.verifiers.certificates import Certificates
from sms.providers.verifiers.hmac_header import BODY, ENCODINGS, HASHES, TIME, HmacHeader

Verify: TypeAlias = Callable[[WebhookRequest, Sequence[str]], None]

TOKEN, HMAC, SNS = "token", "hmac", "aws_sns"
certificates: Final = Certificates()

# Schemes that have nothing to choose.
_FIXED: Final[Mapping[str, Verify]] = {
    TOKEN: lambda request, secrets: verify_token(request, tokens=secrets),
    "standard_webhooks": lambda request, secrets: standard_webhooks.verify(request, secrets=secrets),
    "messagebird_jwt": lambda request, secrets: messagebird_jwt.verify(request, secrets=secrets),
    "messagebird_legacy": lambda request, secrets: messagebird_legacy.verify(request, secrets=secrets),
    "bird": lambda request, secrets: bird.verify(request, secrets=secrets),
    "android_sms_gateway": lambda request, secrets: android_sms_gateway.verify(request, secrets=secrets),
}
SCHEMES: Final = (*_FIXED, HMAC, SNS)


def read(table: Table) -> tuple[str, Verify]:
    """Read the table [signature]: which scheme, and what verifies a request. Raises ValueError with a sentence."""
    scheme = table.choice("scheme", SCHEMES)
    if scheme == HMAC:
        verify = _hmac(table)
    elif scheme == SNS:
        verify = _sns(table)
    else:
        verify = _FIXED[scheme]
    table.finish()
    return scheme, verify


def _hmac(table: Table) -> Verify:
    found = HmacHeader(
        header=table.text("header"),
        hash=table.choice("hash", HASHES, "sha256"),
        encoding=table.choice("encoding", ENCODINGS, "hex"),
        prefix=table.text("prefix", ""),
        signed=table.text("signed", BODY),
        timestamp_header=table.perhaps("timestamp_header"),
        tolerance=table.number("tolerance", TOLERANCE, lowest=1, highest=86_400),
    )
    if found.signed.count(BODY) != 1:
        raise table.wrong("signed", f"must have {BODY} in it, once.")
    if (TIME in found.signed) != (found.timestamp_header is not None):
        raise table.wrong(
            "timestamp_header", f"and {TIME} in 'signed' go together: a time that is not signed is no time."
        )
    return lambda request, secrets: found.verify(request, secrets=secrets)


def _sns(table: Table) -> Verify:
    topics = table.texts("topics")
    if not topics:
        raise table.wrong("topics", "must list the ARNs of our topics: SNS signs for everybody's.")

    def verify(request: WebhookRequest, _secrets: Sequence[str]) -> None:
        aws_sns.verify(request, topics=topics, certificate_of=certificates.get)

    return verify
