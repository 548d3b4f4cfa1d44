"""Which names the service answers to.

A page from elsewhere can let its own name point at this machine (DNS rebinding) and would then be "the same origin":
the Host header tells.
"""

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from config import env

ANY = {"0.0.0.0", "::", ""}  # noqa: S104  (addresses to listen on, no names)


@lru_cache(maxsize=1024)
def _is_allowed(host: str) -> bool:
    domain, _ = split_domain_port(host)
    allowed = [*settings.ALLOWED_HOSTS, *({env.HOST} - ANY)]
    return bool(domain) and validate_host(domain, allowed)


def is_allowed(scope: Any) -> bool:
    """Whether a request or a handshake names one host (RFC 9112, section 3.2), and one that we answer to."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    return len(hosts) == 1 and _is_allowed(hosts[0].decode("latin-1").lower())
