"""HTTP to providers: many requests at once, and an honest word on every failure."""

import asyncio
import atexit
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import aiohttp
import orjson
import uvloop
from aiohttp.abc import AbstractStreamWriter

from sms import faults
from sms.providers.base import Outcome
from sms.providers.errors import ProviderError

T = TypeVar("T")

MOST_CONNECTIONS = 256
CONNECT_TIMEOUT = 3.0
# Shorter than any provider's own patience with an idle connection: a request sent into one that the provider is just
# closing would leave us not knowing whether it was read.
KEEP_ALIVE = 4.0


class HttpClient:
    """One connection pool on one event loop in a thread of its own, shared by all threads of a worker."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None
        self._starting = threading.Lock()
        self._under_way: set[object] = set()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the client's loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._running_loop()).result()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let `work` run on the client's loop."""
        future = asyncio.run_coroutine_threadsafe(work, self._running_loop())
        self._under_way.add(future)  # or nobody but the loop would hold it, and loops hold tasks weakly
        future.add_done_callback(self._under_way.discard)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = uvloop.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="providers", daemon=True).start()
                atexit.register(self._close)
            return self._loop

    def _close(self) -> None:
        if self._loop is not None and self._session is not None:
            asyncio.run_coroutine_threadsafe(self._session.close(), self._loop).result(CONNECT_TIMEOUT)

    async def post(self, url: str, document: object, *, within: float, deadline: float) -> "Answer | Outcome":
        """POST JSON; return the answer, or the outcome for all of the request when there is no good one.

        The request does not leave after `deadline` of the monotonic clock: that is asked in the very moment of writing.
        """
        limits = aiohttp.ClientTimeout(total=within, connect=CONNECT_TIMEOUT)
        body = _Body(orjson.dumps(document), deadline)
        try:
            async with self._open_session().post(url, data=body, timeout=limits, allow_redirects=False) as response:
                return Answer(response.status, response.headers.get("Retry-After"), await response.read())
        except aiohttp.ConnectionTimeoutError:
            return Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, "no connection in time")
        except aiohttp.ClientConnectorError as error:
            return Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, f"no connection: {type(error).__name__}")
        except (aiohttp.ClientError, TimeoutError) as error:
            if body.is_withheld:
                return Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, "the lease was about to pass")
            return Outcome.maybe_sent(f"no answer: {type(error).__name__}")

    async def get(self, url: str, *, within: float) -> "Answer | None":
        """GET, which changes nothing and so may fail in any way: then there is no answer."""
        limits = aiohttp.ClientTimeout(total=within, connect=CONNECT_TIMEOUT)
        try:
            async with self._open_session().get(url, timeout=limits, allow_redirects=False) as response:
                return Answer(response.status, None, await response.read())
        except (aiohttp.ClientError, TimeoutError):
            return None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=MOST_CONNECTIONS, keepalive_timeout=KEEP_ALIVE)
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session


class _Body(aiohttp.BytesPayload):
    """A body that is written before its deadline or not at all: the process may have been frozen at any point."""

    def __init__(self, content: bytes, deadline: float) -> None:
        super().__init__(content, content_type="application/json")
        self.is_withheld = False
        self._deadline = deadline

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write it, together with the headers that wait for it."""
        if time.monotonic() >= self._deadline:
            self.is_withheld = True
            raise ConnectionAbortedError
        await super().write_with_length(writer, content_length)
        faults.reach("request_sent")


class Answer:
    """A provider's HTTP answer."""

    def __init__(self, status: int, retry_after: str | None, body: bytes) -> None:
        self.status = status
        self.retry_after = seconds(retry_after)
        self._body = body

    def json(self) -> Any:
        """Return the parsed body, or None when it is not JSON."""
        try:
            return orjson.loads(self._body)
        except orjson.JSONDecodeError:
            return None

    def failure(self) -> Outcome:
        """Say what an answer other than the documented ones means for the messages in the request."""
        detail = f"HTTP {self.status}"
        if self.status == 429:
            return Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, detail, retry_after=self.retry_after)
        if self.status == 503:
            return Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, detail, retry_after=self.retry_after)
        if self.status in (401, 403):
            return Outcome.not_sent(ProviderError.PROVIDER_AUTH, detail)
        if 300 <= self.status < 500:
            return Outcome.not_sent(ProviderError.UNCLASSIFIED, detail)
        # Any other 5xx may come from a proxy after the provider took the request; a 2xx that nobody understands, too.
        return Outcome.maybe_sent(detail)


def seconds(retry_after: object) -> float | None:
    """Return a Retry-After in seconds, or None for a date or nonsense: then our own backoff decides."""
    try:
        return max(0.0, float(retry_after))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


client = HttpClient()
