"""HMAC signatures over raw bodies."""

import hashlib
import hmac
from collections.abc import Sequence

from sms.errors import SignatureRefused


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
