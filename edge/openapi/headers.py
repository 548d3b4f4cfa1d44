"""The headers of answers, as OpenAPI describes them."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

LOCATION: Final = "Location"
REPLAYED: Final = "Idempotency-Replayed"
RETRY_AFTER: Final = "Retry-After"
CHALLENGE: Final = "WWW-Authenticate"
ALLOW: Final = "Allow"
LINK: Final = "Link"
ETAG: Final = "ETag"
CACHING: Final = "Cache-Control"

HEADERS: Final[Mapping[str, dict[str, Any]]] = {
    LOCATION: {
        "description": "Where the message is shown.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    REPLAYED: {
        "description": "There, and `true`, where an earlier request with the same idempotency key was the one that "
        "stored what is shown. It is not there otherwise.",
        "schema": {"const": "true"},
    },
    RETRY_AFTER: {
        "description": "Seconds after which the same request may succeed.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    CHALLENGE: {
        "description": "How to say who is calling.",
        "required": True,
        "schema": {"const": "Bearer"},
    },
    LINK: {
        "description": 'Where the next page is, with `rel="next"` (RFC 8288). It is not there on the last one.',
        "schema": {"type": "string"},
    },
    ETAG: {
        "description": "Stands for the very bytes of this answer; for `If-None-Match`.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[0-9a-f]{32}"$'},
    },
    CACHING: {
        "description": "That only you may keep it, and have to ask whether it is still true.",
        "required": True,
        "schema": {"type": "string"},
    },
    ALLOW: {
        "description": "The methods that are possible here.",
        "required": True,
        "schema": {"type": "string"},
    },
}

# That a refusal has, wherever it comes from.
OF_STATUS: Final[Mapping[HTTPStatus, Sequence[str]]] = {
    HTTPStatus.UNAUTHORIZED: (CHALLENGE,),
    HTTPStatus.METHOD_NOT_ALLOWED: (ALLOW,),
    HTTPStatus.SERVICE_UNAVAILABLE: (RETRY_AFTER,),
}
