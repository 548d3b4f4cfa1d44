"""MessageBird's older signature, for those who still have it: over a time, the sorted query and the body."""

import hashlib
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from sms.errors import InvalidReceipt, SignatureRefused
from sms.providers import payloads
from sms.providers.base import WebhookRequest
from sms.providers.signatures import hmac_base64, is_one_of
from sms.providers.verifiers.headers import header, signed_time

SIGNATURE: Final = "MessageBird-Signature"
TIME: Final = "MessageBird-Request-Timestamp"


def verify(request: WebhookRequest, *, secrets: Sequence[str]) -> None:
    """Raise SignatureRefused unless one of the keys signed this query and body, just now. The path is not covered."""
    time = signed_time(request, TIME)
    given = header(request, SIGNATURE)
    try:
        query = urlencode(sorted(payloads.query(request)))
    except (InvalidReceipt, UnicodeEncodeError):
        raise SignatureRefused("Nobody signs such a query.") from None
    content = b"\n".join((time.encode(), query.encode(), hashlib.sha256(request.body).digest()))
    expected = [hmac_base64(key, content) for key in secrets]
    if not is_one_of(given, expected):
        raise SignatureRefused(f"{SIGNATURE} does not match the query and the body.")
