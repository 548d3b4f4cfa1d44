"""SMS Gateway for Android: https://docs.sms-gate.app/features/webhooks/, and the app's source.

The time is that of each try, so a phone that comes back after days is believed, and what it sent then is not.
"""

from collections.abc import Sequence
from typing import Final

from sms.providers.base import WebhookRequest
from sms.providers.verifiers.hmac_header import HmacHeader

SCHEME: Final = HmacHeader(header="X-Signature", signed="{body}{timestamp}", timestamp_header="X-Timestamp")


def verify(request: WebhookRequest, *, secrets: Sequence[str]) -> None:
    """Raise SignatureRefused unless the phone's signing key made X-Signature just now, over the body and the time."""
    SCHEME.verify(request, secrets=secrets)
