"""Where a request comes from: the address at the other end of the connection, or behind the proxies that we trust.

Anyone may send `X-Forwarded-For` (as proxies agree on it) or `Forwarded` (RFC 7239). Each proxy adds at the right end
whom it speaks to. So they are read from there, as far as they were written by proxies of ours: the first address that
is none of these is the client's, and what stands before it is only the client's word.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from django.conf import settings
from starlette.datastructures import Headers
from starlette.types import Scope

from sms.networks import Address, is_within, parse_address

# A node as both headers write it: an address, perhaps with a port, and an IPv6 address with a port in brackets.
_node: Final = re.compile(r"\[(?P<bracketed>[^\]]*)\](?::\d+)?|(?P<ipv4>[0-9.]+)(?::\d+)?|(?P<bare>[^\[\]]*)").fullmatch
_TELLING: Final = {b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via"}
_FOR: Final = re.compile(r'(?:^|;)\s*for\s*=\s*(?:"([^"\\]*)"|([^\s;"]*))\s*(?=;|$)', re.IGNORECASE)


def client_address(scope: Scope) -> Address | None:
    """Return the client's address, or None if nobody can tell: not over a UNIX socket, nor when two headers differ."""
    peer = _peer(scope)
    if peer is None or not is_within(peer, settings.SMS_TRUSTED_PROXIES):
        return peer
    headers = Headers(scope=scope)
    told = [
        _first_stranger(elements)
        for elements in (
            [one.strip() for one in _elements(headers.getlist("x-forwarded-for"))],
            [_for_of(one) for one in _elements(headers.getlist("forwarded"))],
        )
        if elements
    ]
    if not told:
        return peer
    # A proxy that writes the one header passes on what a client has written into the other.
    return told[0] if len(set(told)) == 1 else None


def is_told_by_stranger(scope: Scope) -> bool:
    """Whether a request says where it comes from, and its peer is no proxy of ours: it may come from anywhere."""
    return not _is_from_proxy(scope) and any(name in _TELLING for name, _ in scope["headers"])


def is_https(scope: Scope) -> bool:
    """Whether the client's own connection is encrypted, as far as we, or a proxy that we trust, can tell."""
    if _is_from_proxy(scope) and (told := Headers(scope=scope).get("x-forwarded-proto")) is not None:
        return told.rpartition(",")[2].strip().lower() == "https"
    return bool(scope["scheme"] == "https")


def _is_from_proxy(scope: Scope) -> bool:
    peer = _peer(scope)
    return peer is not None and is_within(peer, settings.SMS_TRUSTED_PROXIES)


def _peer(scope: Scope) -> Address | None:
    try:
        return parse_address(scope["client"][0])
    except (KeyError, TypeError, ValueError):
        return None


def _elements(lines: Iterable[str]) -> list[str]:
    """Return the elements of a list that may stand in several lines of a header (RFC 9110, section 5.3)."""
    return ",".join(lines).split(",") if lines else []


def _for_of(element: str) -> str:
    found = _FOR.search(element)
    return "" if found is None else (found[1] if found[1] is not None else found[2])


def _first_stranger(nodes: list[str]) -> Address | None:
    """Return the first address from the right that is no proxy of ours, or the leftmost; None where that is unclear."""
    address = None
    for address in _addresses(reversed(nodes)):
        if address is None or not is_within(address, settings.SMS_TRUSTED_PROXIES):
            return address
    return address


def _addresses(nodes: Iterable[str]) -> Iterator[Address | None]:
    """Yield what each node stands for: None for what hides or is no address."""
    for node in nodes:
        found = _node(node)
        try:
            yield parse_address(found["bracketed"] or found["ipv4"] or found["bare"] or "") if found else None
        except ValueError:
            yield None
