"""Standard Webhooks, symmetric (v1): https://github.com/standard-webhooks/standard-webhooks, and Svix, whose it was."""

import binascii
from base64 import b64decode
from collections.abc import Sequence
from typing import Final

from sms.errors import SignatureRefused
from sms.providers.base import WebhookRequest
from sms.providers.signatures import hmac_base64, is_one_of
from sms.providers.verifiers.headers import header, signed_time

PREFIX: Final = "whsec_"
VERSION: Final = "v1,"
MOST_SIGNATURES: Final = 16


def verify(request: WebhookRequest, *, secrets: Sequence[str]) -> None:
    """Raise SignatureRefused unless one of the signatures is right under one of the secrets, over id, time and body."""
    family = "svix" if "svix-signature" in request.headers else "webhook"
    time = signed_time(request, f"{family}-timestamp")
    content = f"{header(request, f'{family}-id')}.{time}.".encode("utf-8", "replace") + request.body
    expected = [hmac_base64(key, content) for key in map(key_of, secrets) if key is not None]
    given = header(request, f"{family}-signature").split(" ")[:MOST_SIGNATURES]
    if sum(is_one_of(one.removeprefix(VERSION), expected) for one in given if one.startswith(VERSION)) == 0:
        raise SignatureRefused(f"None of the signatures in {family}-signature matches.")


def key_of(secret: str) -> bytes | None:
    """Return the octets of a secret, which may have the prefix; None for one that is not base64 and makes no key."""
    try:
        return b64decode(secret.removeprefix(PREFIX), validate=True) or None
    except (binascii.Error, ValueError):
        return None
