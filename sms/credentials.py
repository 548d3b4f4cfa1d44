"""The secrets of routes, encrypted at rest with keys that can be changed while the service runs.

Fernet (AES-128 in CBC mode and HMAC-SHA256, github.com/fernet/spec), of the library `cryptography`. The first key
encrypts; all of them decrypt, so a new key is put in front, everything is encrypted anew, and the old one goes.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class CannotDecrypt(ValueError):
    """None of the keys fits: one is missing, or the stored bytes were changed."""


class Safe:
    """Encrypts and decrypts with a list of keys."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys`: texts of any form, best long and random."""
        self._fernet = MultiFernet([Fernet(_key_of(one)) for one in keys])

    def encrypt(self, secrets: Mapping[str, str]) -> bytes:
        """Return secrets as what may be stored; nothing for none."""
        return self._fernet.encrypt(orjson.dumps(secrets)) if secrets else b""

    def decrypt(self, stored: bytes) -> dict[str, str]:
        """Return the secrets. Raises CannotDecrypt."""
        if not stored:
            return {}
        try:
            found: dict[str, str] = orjson.loads(self._fernet.decrypt(bytes(stored)))
        except InvalidToken:
            raise CannotDecrypt(
                "The credentials were encrypted with another key: put that one back into CREDENTIALS_KEYS."
            ) from None
        return found

    def rotate(self, stored: bytes) -> bytes:
        """Encrypt anew with the first key. Raises CannotDecrypt."""
        return self.encrypt(self.decrypt(stored))


def _key_of(text: str) -> bytes:
    """Return a Fernet key: 32 bytes, whatever the operator's text looks like."""
    return base64.urlsafe_b64encode(hashlib.sha256(f"sms credentials {text}".encode()).digest())
