"""The headers of answers, as OpenAPI describes them."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from edge import rate_limit

LOCATION: Final = "Location"
KEY: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
RETRY_AFTER: Final = "Retry-After"
CHALLENGE: Final = "WWW-Authenticate"
ALLOW: Final = "Allow"
LINK: Final = "Link"
ETAG: Final = "ETag"
CACHING: Final = "Cache-Control"
OF_LIMITS: Final = (rate_limit.POLICY, rate_limit.LEFT)

HEADERS: Final[Mapping[str, dict[str, Any]]] = {
    LOCATION: {
        "description": "Where the message is shown.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    KEY: {
        "description": "The request's own, without the quotes of its quoted form; not there if it had none.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
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
        "description": "Whether you may keep it; what may be kept is asked for again before it is used.",
        "required": True,
        "schema": {"type": "string"},
    },
    rate_limit.POLICY: {
        "description": "The account's limits, where it has some, as draft-ietf-httpapi-ratelimit-headers writes them: "
        '`"rate";q=20;w=2` is 20 messages in 2 seconds.',
        "schema": {"type": "string"},
    },
    rate_limit.LEFT: {
        "description": 'What is left of them: `"rate";r=19;t=1` is 19 messages, and all of them again in 1 second.',
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
    HTTPStatus.PAYMENT_REQUIRED: (RETRY_AFTER, *OF_LIMITS),
    HTTPStatus.TOO_MANY_REQUESTS: (RETRY_AFTER, *OF_LIMITS),
    HTTPStatus.SERVICE_UNAVAILABLE: (RETRY_AFTER,),
}
