"""Entity tags (RFC 9110, section 8.8.3): a client that asks again is not sent what it has."""

import hashlib
import re
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

# Kept by the caller's own cache, and never shown again without asking us (RFC 9111, section 5.2.2).
CACHING: Final = "private, no-cache"
_opaque_tags = re.compile(r'(?:W/)?("[^"]*")').findall


def tagged(response: Response, if_none_match: str | None) -> Response:
    """Return a response with its entity tag, or 304 where `If-None-Match` names that tag.

    The tag is strong: a digest of the very bytes. Whatever is shown, now or some day, two that differ have two tags.
    """
    tag = f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": CACHING}
    if if_none_match is not None and _names(if_none_match, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    response.headers.update(headers)
    return response


def _names(if_none_match: str, tag: str) -> bool:
    """Whether the header names the tag: `*` is any, and weak tags count (RFC 9110, section 13.1.2)."""
    return if_none_match.strip() == "*" or tag in _opaque_tags(if_none_match)
