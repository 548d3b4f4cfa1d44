"""HTTP to providers: many requests at once, and an honest word on every failure."""

import asyncio
import atexit
import threading
import time
from base64 import b64encode
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp
import orjson
import uvloop
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from sms import faults
from sms.providers.base import WITHHELD, Handover, Outcome
from sms.providers.errors import ProviderError

T = TypeVar("T")
Fields: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

MOST_CONNECTIONS = 256  # to one host: one that hangs takes none from the others
CONNECT_TIMEOUT = 3.0
LARGEST_ANSWER = 1024 * 1024  # bytes
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

    async def send(self, request: "Request", *, within: float, deadline: float) -> "Answer | Outcome":
        """Send a request that hands something over.

        Return the answer, or the outcome for everything in the request when there is no good one. The request does not
        leave after `deadline` of the monotonic clock: that is asked in the very moment of writing.
        """
        body = _Body(request.body, request.content_type, deadline)
        try:
            return await self._exchange(request, body, within)
        except aiohttp.ConnectionTimeoutError:
            return Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, "no connection in time")
        except aiohttp.ClientConnectorError as error:  # a certificate that is not good is one of these
            return Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, f"no connection: {type(error).__name__}")
        except ValueError as error:  # an address that is none; credentials with a line's end, which no header can have
            if body.is_begun:
                raise
            return Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, f"cannot be sent: {type(error).__name__}")
        except (aiohttp.ClientError, TimeoutError) as error:
            if body.is_withheld:
                return Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, WITHHELD)
            return Outcome.maybe_sent(f"no answer: {type(error).__name__}")

    async def ask(self, request: "Request", *, within: float) -> "Answer | None":
        """Send a request that changes nothing, and so may fail in any way: then there is no answer."""
        body = _Body(request.body, request.content_type, float("inf"))
        try:
            return await self._exchange(request, body, within)
        except (aiohttp.ClientError, TimeoutError, ValueError):  # the last for what cannot be sent, as above
            return None

    async def _exchange(self, request: "Request", body: "_Body", within: float) -> "Answer":
        limits = aiohttp.ClientTimeout(total=within, connect=CONNECT_TIMEOUT)
        async with self._open_session().request(
            request.method,
            URL(request.url, encoded=True),
            data=body,
            headers=request.headers,
            timeout=limits,
            allow_redirects=False,
        ) as response:
            content = await _read(response)
            return Answer(response.status, response.headers.get("Retry-After"), content)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, limit_per_host=MOST_CONNECTIONS, keepalive_timeout=KEEP_ALIVE)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
            # A GET that was lost with a kept connection would be sent again, and some providers take texts by GET.
            self._session._retry_connection = False  # noqa: SLF001  there is no other way to say it
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """Return the body, or None for one that is far longer than any answer of a provider."""
    content = b""
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > LARGEST_ANSWER:
            response.close()
            return None
    return content


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to a provider. Shows neither address nor headers nor body: any may hold a secret."""

    method: str
    url: str = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    content_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def json(cls, url: str, document: object, headers: Mapping[str, str] | None = None) -> "Request":
        """POST a document."""
        return cls("POST", url, orjson.dumps(document), "application/json", headers or {})

    @classmethod
    def form(cls, url: str, fields: Fields, headers: Mapping[str, str] | None = None) -> "Request":
        """POST a form, in UTF-8."""
        body = urlencode(list(_pairs(fields))).encode()
        return cls("POST", url, body, "application/x-www-form-urlencoded", headers or {})

    @classmethod
    def get(cls, url: str, fields: Fields = (), headers: Mapping[str, str] | None = None) -> "Request":
        """GET, with the fields in the query."""
        query = urlencode(list(_pairs(fields)))
        return cls("GET", f"{url}?{query}" if query else url, headers=headers or {})


def _pairs(fields: Fields) -> Iterable[tuple[str, str]]:
    return fields.items() if isinstance(fields, Mapping) else fields


def address(option: str) -> str:
    """Return the address of an API without a slash at its end. Raises ValueError unless it is one of HTTP."""
    try:
        parts = urlsplit(option)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or not option.isascii() or not option.isprintable() or set(option) & set(" ?#"):
        raise ValueError("An address begins with https:// or http:// and a host, and has no query.")
    return option.rstrip("/")


def basic(user: str, password: str) -> Mapping[str, str]:
    """Return the header of HTTP Basic authentication (RFC 7617), in UTF-8."""
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def basic_secret(headers: Mapping[str, str]) -> str:
    """Return what such a header has in it: the password in another writing; empty where there is no header."""
    return headers.get("Authorization", "").removeprefix("Basic ")


class _Body(aiohttp.BytesPayload):
    """A body that is written before its deadline or not at all: the process may have been frozen at any point."""

    def __init__(self, content: bytes, content_type: str, deadline: float) -> None:
        super().__init__(content, content_type=content_type)
        self.is_begun = self.is_withheld = False
        self._deadline = deadline

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write it, together with the headers that wait for it."""
        self.is_begun = True
        if time.monotonic() >= self._deadline:
            self.is_withheld = True
            raise ConnectionAbortedError
        await super().write_with_length(writer, content_length)
        faults.reach("request_sent")


ERROR_BY_STATUS: Final[Mapping[int, ProviderError]] = {
    401: ProviderError.PROVIDER_AUTH,
    402: ProviderError.PROVIDER_FUNDS,
    403: ProviderError.PROVIDER_AUTH,
    408: ProviderError.PROVIDER_UNAVAILABLE,  # it had waited for the rest of the request
    429: ProviderError.PROVIDER_THROTTLED,
    503: ProviderError.PROVIDER_UNAVAILABLE,
}


class Answer:
    """A provider's HTTP answer."""

    def __init__(self, status: int, retry_after: str | None, body: bytes | None) -> None:
        self.status = status
        self.retry_after = seconds(retry_after)
        self._body = body  # None: it was too long

    def json(self) -> Any:
        """Return the parsed body, or None when it is not JSON."""
        try:
            return None if self._body is None else orjson.loads(self._body)
        except orjson.JSONDecodeError:
            return None

    def document(self) -> Mapping[str, Any]:
        """Return the JSON object in the body, empty when there is none."""
        content = self.json()
        return content if isinstance(content, dict) else {}

    def text(self) -> str:
        """Return the body as text, whatever it is; empty when it was too long."""
        return "" if self._body is None else self._body.decode("utf-8", "replace")

    def failure(self, code: str | None = None, errors: Mapping[str, ProviderError] | None = None) -> Outcome:
        """Say what an answer other than the documented ones means for the messages in the request.

        `code` is the provider's own, where it gave one, and `errors` its table: they tell why, the status tells whether
        the provider has the messages. What the provider says in words is not kept: it may quote a number or a text.
        """
        outcome = self._failure()
        if code is None or outcome.handover is not Handover.NOT_SENT:
            return outcome
        error = (errors or {}).get(code, outcome.error or ProviderError.UNCLASSIFIED)
        detail = f"{outcome.detail}, code {code}"
        return Outcome.not_sent(error, detail, retry_after=self.retry_after, provider_error=code)

    def _failure(self) -> Outcome:
        detail = f"HTTP {self.status}"
        if (error := ERROR_BY_STATUS.get(self.status)) is not None:
            return Outcome.not_sent(error, detail, retry_after=self.retry_after)
        if 300 <= self.status < 500 and self.status != 303:  # which says: done, look there
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
