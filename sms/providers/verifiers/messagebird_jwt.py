"""MessageBird's JWT: https://developers.messagebird.com/api/#verifying-http-requests, and its SDK.

It covers the address with its query and the body, so that a GET cannot be changed either; good for a minute.
"""

import hashlib
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Any, Final

import jwt

from sms.errors import SignatureRefused
from sms.providers.base import WebhookRequest
from sms.providers.verifiers.headers import header

HEADER: Final = "MessageBird-Signature-JWT"
ALGORITHMS: Final = ("HS256", "HS384", "HS512")
CLAIMS: Final = ("iss", "nbf", "exp", "url_hash")
LEEWAY: Final = 1.0  # seconds, as in the SDK


def verify(request: WebhookRequest, *, secrets: Sequence[str]) -> None:
    """Raise SignatureRefused unless the token is signed with one of the keys, fresh, and of this very request."""
    token = header(request, HEADER)
    claims = next((found for secret in secrets if (found := _claims(token, secret)) is not None), None)
    if claims is None:
        raise SignatureRefused(f"{HEADER} is not signed with the key, or not of this minute.")
    if not _is_hash_of(claims["url_hash"], request.url.encode("utf-8", "replace")):
        raise SignatureRefused(f"{HEADER} was made for another address.")
    # Where nothing was sent there is no hash, and where there is one something was sent.
    payload = claims.get("payload_hash")
    if (payload is None) != (not request.body) or (payload is not None and not _is_hash_of(payload, request.body)):
        raise SignatureRefused(f"{HEADER} was made for another body.")


def _claims(token: str, secret: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=ALGORITHMS,
            issuer="MessageBird",
            leeway=LEEWAY,
            options={"require": list(CLAIMS), "verify_aud": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
        return None
    return found


def _is_hash_of(claim: object, content: bytes) -> bool:
    given = str(claim).encode("utf-8", "replace")
    return compare_digest(given, hashlib.sha256(content).hexdigest().encode())
