"""What an API key may be allowed to do."""

from collections.abc import Iterable
from typing import Final

SEND: Final = "messages:send"
READ: Final = "messages:read"
ADMIN: Final = "admin"  # the account's own keys and settings, and everything else
USUAL: Final = (SEND, READ)  # what a key has where nothing else is said
ALL: Final = (SEND, READ, ADMIN)


def granted(given: Iterable[str]) -> frozenset[str]:
    """Return everything that a key with these scopes may do: none implies another, but `admin` implies all."""
    scopes = frozenset(given)
    return frozenset(ALL) if ADMIN in scopes else scopes
