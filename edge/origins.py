"""Whether a browser sends a request for a page of another site (CSRF)."""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

SAFE: Final = {"GET", "HEAD", "OPTIONS"}  # they change nothing, and a browser keeps the answer from the other page
OURS: Final = {"same-origin", "none"}  # "none": a person typed the address


def is_from_another_site(scope: Scope) -> bool:
    """Whether a request that may change something comes from a page that is not ours; what is no browser says nothing.

    Browsers tell it in `Sec-Fetch-Site` (W3C Fetch Metadata), which no page can set. Older ones name the page in
    `Origin`, which then has to be the very host and port that was asked (RFC 6454, section 7).
    """
    if scope["method"] in SAFE:
        return False
    headers = Headers(scope=scope)
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in OURS
    origin = headers.get("origin")
    return origin is not None and _host_of(origin) != headers.get("host", "").lower()


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
