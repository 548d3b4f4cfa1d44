"""Certificates that have to be fetched before something can be verified with them, once each.

Nobody waits for one: whoever asks first is told to come again, and the provider does.
"""

import time
from typing import Final

from cryptography import x509

from sms.errors import SignatureRefused, Unavailable
from sms.providers.http import Request, client

MOST: Final = 16  # kept, and fetched in a minute; SNS has one or two a region
PATIENCE: Final = 10.0  # seconds for a fetch
FAILED_FOR: Final = 60.0  # seconds until one that could not be fetched is tried again


class Certificates:
    """A small cache by address. Only addresses that were checked may be asked for."""

    def __init__(self) -> None:
        self._kept: dict[str, x509.Certificate] = {}
        self._tried_at: dict[str, float] = {}

    def get(self, url: str) -> x509.Certificate:
        """Return the certificate. Raises Unavailable while it is fetched, SignatureRefused where that failed."""
        if (found := self._kept.get(url)) is not None:
            return found
        now = time.monotonic()
        self._tried_at = {one: at for one, at in self._tried_at.items() if now - at < FAILED_FOR}
        if now - self._tried_at.get(url, now) > PATIENCE:
            raise SignatureRefused("The certificate could not be fetched.")
        if url not in self._tried_at and len(self._tried_at) < MOST:  # whoever makes up addresses keeps us busy no more
            self._tried_at[url] = now
            client.start(self._fetch(url))
        raise Unavailable("The certificate of this signature is being fetched; try again shortly.")

    async def _fetch(self, url: str) -> None:
        answer = await client.ask(Request.get(url), within=PATIENCE)
        if answer is None or answer.status != 200:
            return
        try:
            certificate = x509.load_pem_x509_certificate(answer.text().encode())
        except ValueError:
            return
        while len(self._kept) >= MOST:
            del self._kept[next(iter(self._kept))]
        self._kept[url] = certificate
