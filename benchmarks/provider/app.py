"""The provider's HTTP API, as a raw ASGI application."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

from benchmarks.provider.receipts import Outbox

JSON = (b"content-type", b"application/json")
PREFIX = "bench-"
Handler = Callable[[bytes, bytes], Awaitable[tuple[int, object]]]


class Api:
    """Takes every message; answers after `latency` seconds, and lets the outbox report each."""

    def __init__(self, *, latency: float, outbox: Outbox | None) -> None:
        self._latency = latency
        self._outbox = outbox
        self._taken: set[str] = set()
        self._submits = 0
        self._routes: dict[tuple[str, str], Handler] = {
            ("POST", "/v1/batches"): self._batch,
            ("POST", "/v1/messages"): self._one,
            ("GET", "/v1/messages"): self._look_up,
            ("GET", "/counts"): self._counts,
        }

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer one request."""
        assert scope["type"] == "http"
        handler = self._routes[scope["method"], scope["path"]]
        status, document = await handler(await _body_of(receive), scope["query_string"])
        body = orjson.dumps(document)
        headers = [JSON, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _batch(self, body: bytes, _query: bytes) -> tuple[int, object]:
        references = [self._take(message) for message in orjson.loads(body)["messages"]]
        await self._hold_back()
        return 200, {
            "results": [
                {"client_reference": one, "status": "accepted", "reference": PREFIX + one} for one in references
            ]
        }

    async def _one(self, body: bytes, _query: bytes) -> tuple[int, object]:
        reference = self._take(orjson.loads(body))
        await self._hold_back()
        return 202, {"reference": PREFIX + reference}

    async def _look_up(self, _body: bytes, query: bytes) -> tuple[int, object]:
        reference = query.decode().removeprefix("client_reference=")
        return (200, {"reference": PREFIX + reference}) if reference in self._taken else (404, {"code": "not_found"})

    async def _counts(self, _body: bytes, _query: bytes) -> tuple[int, object]:
        receipts = {} if self._outbox is None else {"open": self._outbox.open, "sent_at": self._outbox.sent_at}
        return 200, {"submits": self._submits, **receipts}

    def _take(self, message: dict[str, Any]) -> str:
        reference: str = message["client_reference"]
        self._submits += 1
        self._taken.add(reference)
        if self._outbox is not None:
            self._outbox.report(reference=PREFIX + reference, client_reference=reference, to=message["to"])
        return reference

    async def _hold_back(self) -> None:
        if self._latency:
            await asyncio.sleep(self._latency)


async def _body_of(receive: ASGIReceiveCallable) -> bytes:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    return body
