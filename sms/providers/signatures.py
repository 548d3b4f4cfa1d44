"""Signatures over raw bodies, and what stands in for one."""

import hashlib
import hmac
import time
from base64 import b64encode
from collections.abc import Iterable, Sequence

from sms.errors import SignatureRefused
from sms.providers.base import WebhookRequest

TOLERANCE = 300.0  # seconds: how old, or how far ahead, a signed request may be


def verify_hmac_sha256(body: bytes, signature: str | None, *, secrets: Sequence[str]) -> None:
    """Raise SignatureRefused unless `signature` is the hex HMAC-SHA256 of the body under one of the secrets.

    A `sha256=` prefix and either case are accepted. Every secret is tried, in constant time, so that two are valid
    while one replaces the other.
    """
    if signature is None:
        raise SignatureRefused("The header X-Provider-Signature is missing.")
    given = signature.strip().removeprefix("sha256=").lower().encode("utf-8", "replace")
    expected = [hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode() for secret in secrets]
    if sum(hmac.compare_digest(given, one) for one in expected) == 0:
        raise SignatureRefused("The signature does not match the body.")


def hmac_base64(secret: str | bytes, content: bytes, *, algorithm: str = "sha256") -> str:
    """Return the HMAC of some content in base64."""
    key = secret.encode() if isinstance(secret, str) else secret
    return b64encode(hmac.digest(key, content, algorithm)).decode()


def is_one_of(given: str, expected: Iterable[str]) -> bool:
    """Whether a signature is one of several, in constant time: all are compared."""
    as_bytes = given.encode("utf-8", "replace")
    return sum(hmac.compare_digest(as_bytes, one.encode()) for one in expected) > 0


def check_age(timestamp: float, *, tolerance: float = TOLERANCE) -> None:
    """Raise SignatureRefused for a signed time, in Unix seconds, that is too old or too far ahead."""
    if not abs(time.time() - timestamp) <= tolerance:  # nor is NaN
        raise SignatureRefused(f"The request was signed more than {tolerance:.0f} s ago, or ahead of our clock.")


def verify_token(request: WebhookRequest, *, tokens: Sequence[str]) -> None:
    """Raise SignatureRefused unless the address has one of the tokens as its last part: for who does not sign."""
    if request.token is None or not is_one_of(request.token, tokens):
        raise SignatureRefused("The address must end with the route's webhook token.")


def secrets_of(option: str) -> Sequence[str]:
    """Return the secrets in an option: one, or two with a comma between them while one replaces the other."""
    return [one for one in (part.strip() for part in option.split(",")) if one]
