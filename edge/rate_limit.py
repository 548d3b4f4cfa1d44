"""What is left of an account's limits, as the headers that draft-ietf-httpapi-ratelimit-headers (10 and 11) describes.

`RateLimit-Policy: "rate";q=20;w=2` is the limit, `RateLimit: "rate";r=19;t=1` what is left of it. The unit is a
message, so a request with many takes many. They come with the answers to sends, for accounts that have limits.
"""

from collections.abc import Sequence
from typing import Final

from sms.windows import Window

POLICY: Final = "RateLimit-Policy"
LEFT: Final = "RateLimit"


def headers_of(windows: Sequence[Window]) -> dict[str, str]:
    """Return the headers; none where there are no limits."""
    if not windows:
        return {}
    return {
        POLICY: ", ".join(f'"{one.name}";q={one.quota};w={one.seconds}' for one in windows),
        LEFT: ", ".join(f'"{one.name}";r={one.remaining};t={one.resets_in}' for one in windows),
    }
