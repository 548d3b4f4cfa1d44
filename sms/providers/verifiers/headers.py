"""What all verifiers read from a request's headers, and refuse when it is not there."""

from sms.errors import SignatureRefused
from sms.providers.base import WebhookRequest
from sms.providers.signatures import TOLERANCE, check_age

LONGEST_TIME = 12  # digits of Unix seconds


def header(request: WebhookRequest, name: str) -> str:
    """Return a header. Raises SignatureRefused."""
    found = request.headers.get(name.lower(), "").strip()
    if not found:
        raise SignatureRefused(f"The header {name} is missing.")
    return found


def signed_time(request: WebhookRequest, name: str, *, tolerance: float = TOLERANCE) -> str:
    """Return a header with Unix seconds, as it came, once they are near our own clock's. Raises SignatureRefused."""
    found = header(request, name)
    if not (found.isascii() and found.isdigit() and len(found) <= LONGEST_TIME):
        raise SignatureRefused(f"The header {name} must be a time in Unix seconds.")
    check_age(float(found), tolerance=tolerance)
    return found
