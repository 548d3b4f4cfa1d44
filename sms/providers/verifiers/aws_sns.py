"""Amazon SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html.

The certificate is fetched from an address that stands in the message, so that address is half of the check. No time is
checked: SNS tries again for an hour with the time of the first try, and a receipt that is played back says the same.
"""

import binascii
import re
import time
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import Certificate

from sms.errors import InvalidReceipt, SignatureRefused
from sms.providers import payloads
from sms.providers.base import WebhookRequest

NOTIFICATION, SUBSCRIPTION = "Notification", "SubscriptionConfirmation"
_CONFIRMED: Final = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED: Final[Mapping[str, Sequence[str]]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION: _CONFIRMED,
    "UnsubscribeConfirmation": _CONFIRMED,
}
HASHES: Final[Mapping[str, type[hashes.HashAlgorithm]]] = {"1": hashes.SHA1, "2": hashes.SHA256}
_is_host = re.compile(r"sns\.[a-z0-9-]{3,40}\.amazonaws\.com(\.cn)?").fullmatch


def verify(
    request: WebhookRequest, *, topics: Sequence[str], certificate_of: Callable[[str], Certificate]
) -> Mapping[str, Any]:
    """Return the message, once it is known to come from SNS and of one of our topics.

    `certificate_of` is asked with an address of SNS only, and may raise Unavailable. Raises SignatureRefused.
    """
    message = _message(request)
    kind, topic = message.get("Type"), message.get("TopicArn")
    if not isinstance(kind, str) or kind not in SIGNED or topic not in topics:
        raise SignatureRefused("The message is of no topic of this route.")
    hash_ = HASHES.get(str(message.get("SignatureVersion")))
    url = message.get("SigningCertURL")
    if hash_ is None or not isinstance(url, str) or not is_of_sns(url) or not urlsplit(url).path.endswith(".pem"):
        raise SignatureRefused("SigningCertURL must be a certificate at an https address of SNS.")
    _check(message, kind, certificate_of(url), hash_())
    return message


def is_of_sns(url: str) -> bool:
    """Whether an address is one of SNS itself, over TLS: no other is ever called for a message."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme == "https"
            and parts.netloc in {parts.hostname, f"{parts.hostname}:443"}
            and _is_host(parts.hostname or "") is not None
            and url.isascii()
            and url.isprintable()
            and " " not in url
        )
    except ValueError:
        return False


def _message(request: WebhookRequest) -> Mapping[str, Any]:
    try:
        return payloads.document(request)
    except InvalidReceipt:
        raise SignatureRefused("The body is no message of SNS.") from None


def _check(message: Mapping[str, Any], kind: str, certificate: Certificate, hash_: hashes.HashAlgorithm) -> None:
    key = certificate.public_key()
    is_valid = (
        certificate.not_valid_before_utc.timestamp() <= time.time() <= certificate.not_valid_after_utc.timestamp()
    )
    if not isinstance(key, RSAPublicKey) or not is_valid:
        raise SignatureRefused("The certificate is not valid today.")
    try:
        signature = b64decode(str(message.get("Signature")), validate=True)
        key.verify(signature, _canonical(message, kind), PKCS1v15(), hash_)
    except (InvalidSignature, binascii.Error, ValueError):
        raise SignatureRefused("The signature does not match the message.") from None


def _canonical(message: Mapping[str, Any], kind: str) -> bytes:
    """Return what is signed: names and values, a line each. Raises ValueError where one is missing."""
    lines = []
    for name in SIGNED[kind]:
        value = message.get(name)
        if value is None and name == "Subject":
            continue
        if not isinstance(value, str):
            raise ValueError(name)  # noqa: TRY004  one kind of refusal for all that is wrong
        lines.append(f"{name}\n{value}\n")
    return "".join(lines).encode("utf-8", "surrogatepass")
