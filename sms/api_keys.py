"""API keys as text: how they are made, what people see of them, and what is kept. Pure: no Django here."""

import hashlib
import secrets
from string import ascii_letters, digits
from typing import Final

LIVE: Final = "sms_live_"
TEST: Final = "sms_test_"
RANDOM: Final = 36  # characters of 62, so 214 bits: nobody guesses one, and a plain digest is safe at rest
SHOWN: Final = 16  # characters that people may see, in lists and logs

_ALPHABET: Final = ascii_letters + digits


def new_secret(*, is_test: bool) -> str:
    """Return a new key. What it begins with tells people, and those who look for leaked ones, what it is."""
    return (TEST if is_test else LIVE) + "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM))


def prefix_of(secret: str) -> str:
    """Return what may be shown of a key: of a short one, which is not of our making, no more than half."""
    return secret[: min(SHOWN, len(secret) // 2)]


def digest(secret: str) -> bytes:
    """Return the SHA-256 of a key, which is all that is stored of it."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
