"""An HMAC in a header, over the body and perhaps a time: the scheme that most providers have a variant of."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sms.errors import SignatureRefused
from sms.providers.base import WebhookRequest
from sms.providers.signatures import TOLERANCE, is_one_of
from sms.providers.verifiers.headers import header, signed_time

HASHES: Final[Mapping[str, Callable[..., Any]]] = {
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
    "sha1": hashlib.sha1,  # still good in an HMAC, where somebody has nothing else
}
ENCODINGS: Final = ("hex", "base64")
BODY, TIME = "{body}", "{timestamp}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacHeader:
    """One variant. `signed` is what the HMAC is taken over, with {body} and, where a time is signed, {timestamp}."""

    header: str
    hash: str = "sha256"
    encoding: str = "hex"
    prefix: str = ""  # of the header's value, in front of the signature
    signed: str = BODY
    timestamp_header: str | None = None
    tolerance: float = TOLERANCE  # seconds

    def verify(self, request: WebhookRequest, *, secrets: Sequence[str]) -> None:
        """Raise SignatureRefused unless the header is right under one of the secrets, and fresh where it says when."""
        given = header(request, self.header)
        if not given.startswith(self.prefix):
            raise SignatureRefused(f"The header {self.header} must begin with {self.prefix}.")
        given = given.removeprefix(self.prefix)
        signed = self._signed(request)
        expected = [self._encoded(hmac.new(one.encode(), signed, HASHES[self.hash]).digest()) for one in secrets]
        if not is_one_of(given.lower() if self.encoding == "hex" else given, expected):
            raise SignatureRefused(f"The signature in {self.header} does not match.")

    def _signed(self, request: WebhookRequest) -> bytes:
        time = ""
        if self.timestamp_header is not None:
            time = signed_time(request, self.timestamp_header, tolerance=self.tolerance)
        before, after = self.signed.replace(TIME, time).encode().split(BODY.encode())
        return before + request.body + after

    def _encoded(self, digest: bytes) -> str:
        return digest.hex() if self.encoding == "hex" else b64encode(digest).decode()
