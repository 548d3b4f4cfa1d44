"""The service's webhook, as the provider sees it: one pool of connections, and one log line for many failures."""

import asyncio
import logging
from http import HTTPStatus

import aiohttp
from yarl import URL

from simulator.receipts import Letter

log = logging.getLogger("simulator")

TIMEOUT = 5.0  # seconds for an answer
# Where nothing listens, a try fails at once: without a pause the senders would do nothing else.
PAUSE = 0.05
COMPLAINT_EVERY = 5.0  # seconds


class Webhook:
    """Posts letters over at most `connections` connections. Belongs to the running loop."""

    def __init__(self, url: str, *, connections: int) -> None:
        self._url = URL(url)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._failures = 0
        self._next_complaint = 0.0

    async def post(self, letter: Letter) -> int | None:
        """Return the status of the answer, or None when there was no answer, or a failure that time may mend (5xx)."""
        try:
            async with self._session.post(
                self._url, data=letter.body, headers=letter.headers, allow_redirects=False
            ) as response:
                await response.read()
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            self._complain(type(error).__name__)
            if isinstance(error, aiohttp.ClientConnectorError):
                await asyncio.sleep(PAUSE)
            return None
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._complain(f"HTTP {response.status}")
            return None
        return response.status

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    def _complain(self, reason: str) -> None:
        self._failures += 1
        now = asyncio.get_running_loop().time()
        if now >= self._next_complaint:
            log.warning("webhook_failed reason=%r tries=%d", reason, self._failures)
            self._failures = 0
            self._next_complaint = now + COMPLAINT_EVERY
