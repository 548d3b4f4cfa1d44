"""Bird: https://docs.bird.com/api/notifications-api/api-reference/webhook-subscriptions/verifying-a-webhook-subscription."""

import hashlib
from collections.abc import Sequence
from typing import Final

from sms.errors import SignatureRefused
from sms.providers.base import WebhookRequest
from sms.providers.signatures import hmac_base64, is_one_of
from sms.providers.verifiers.headers import header, signed_time

SIGNATURE: Final = "messagebird-signature"
TIME: Final = "messagebird-request-timestamp"


def verify(request: WebhookRequest, *, secrets: Sequence[str]) -> None:
    """Raise SignatureRefused unless one of the keys signed this address and body, just now."""
    time = signed_time(request, TIME)
    given = header(request, SIGNATURE)
    url = request.url.encode("utf-8", "replace")
    content = b"\n".join((time.encode(), url, hashlib.sha256(request.body).digest()))
    expected = [hmac_base64(key, content) for key in secrets]
    if not is_one_of(given, expected):
        raise SignatureRefused(f"{SIGNATURE} does not match the address and the body.")
