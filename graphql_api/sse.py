"""GraphQL over server-sent events, for clients behind proxies that let no websocket through.

It is the "distinct connections mode" of the protocol that the library `graphql-sse` describes in its PROTOCOL.md: a
request has one operation, each result is an event `next`, and after the last one comes `complete`. What is wrong with
the operation is told in a `next`, too; a request that is none, or has no good key, is refused as any other is.

A stream that does not come to its end is cut: the HTTP response is not whole, so that no client takes it for complete.
urql would, if it ended in good order without a `complete`; and after "Connection: close", node's `fetch` takes any end
for a good one.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Final

import orjson
from graphql import GraphQLError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from edge.callers import authorization_of
from edge.http_connection import Line, line_of
from graphql_api import metrics
from graphql_api.connection import TAKES_WITHIN
from graphql_api.context import Context
from graphql_api.guard import guard
from graphql_api.http import GraphQLView, read, to_document
from graphql_api.websocket import LIFETIME

EVENT_STREAM: Final = "text/event-stream"
HEADERS: Final = [
    (b"content-type", EVENT_STREAM.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would gather events until they fill a page
    (b"vary", b"Accept"),
]
PING_EVERY: Final = 12.0  # seconds; "every 15 seconds or so" for the sake of old proxies, says the HTML standard
PING: Final = b":\n\n"
COMPLETE: Final = b"event: complete\ndata: \n\n"  # browsers throw an event without data away
ALLOWED: Final = {"GET": {OperationType.QUERY, OperationType.SUBSCRIPTION}, "POST": set(OperationType)}


def is_wanted(scope: Scope) -> bool:
    """Whether the client takes an event stream, and no JSON: urql says that it takes either, and means JSON."""
    for name, value in scope["headers"]:  # a loop, because every request comes by here
        if name == b"accept" and b"event-stream" in value.lower():
            return _takes_only_streams(Headers(scope=scope).getlist("accept"))
    return False


def _takes_only_streams(accept: list[str]) -> bool:
    types = {one.partition(";")[0].strip().lower() for one in ",".join(accept).split(",")}
    return EVENT_STREAM in types and not any(one.endswith("json") or one in {"application/*", "*/*"} for one in types)


class StreamView(GraphQLView):
    """Answers queries, mutations and subscriptions with a stream of their results."""

    async def run(self, request: Request, reply: Response) -> ASGIApp:  # type: ignore[override]
        """Return the stream; nothing of the operation has run yet. Raises what `GraphQLView.run` raises."""
        context = Context(
            authorization_of(request), request.scope, idempotency_key=request.headers.get("idempotency-key")
        )
        await context.caller()
        try:
            asked = await read(request)
        except GraphQLError as error:  # about the document that it names
            return EventStream(_one(ExecutionResult(None, [error])), context)
        results = await self.schema.stream(
            asked.query,
            variable_values=asked.variables,
            context_value=context,
            operation_name=asked.operation_name,
            allowed_operation_types=ALLOWED[request.method],
        )
        return EventStream(results, context)


async def _one(result: ExecutionResult) -> AsyncGenerator[ExecutionResult, None]:
    yield result


class EventStream:
    """Answers one request with events."""

    def __init__(self, results: AsyncGenerator[Any, None], context: Context) -> None:
        self._results = results
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell the results as they come, until one side has enough. Whatever ends it, nothing is left behind."""
        line = line_of(scope)
        try:
            with metrics.STREAMS.track_inprogress():
                async with asyncio.timeout(LIFETIME) as life, aclosing(self._results):
                    with line.held(life), guard().watching(self._context, line.end):
                        async with _attended(line, receive, send):
                            await self._tell(send)
                await _hand(send, _body(COMPLETE, more=False))
        except TimeoutError:
            line.cut()
            with suppress(OSError, RuntimeError):  # how servers say that the client has gone
                await send(_body(b"", more=False))

    async def _tell(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await _hand(send, _body(PING))  # the client learns that it has been let in
        async for result in self._results:
            await _hand(send, _body(b"event: next\ndata: %b\n\n" % orjson.dumps(to_document(result))))


@asynccontextmanager
async def _attended(line: Line, receive: Receive, send: Send) -> AsyncIterator[None]:
    """Look after the client meanwhile."""
    attending = asyncio.create_task(_attend(line, receive, send))
    try:
        yield
    finally:
        attending.cancel()
        await asyncio.wait({attending})


async def _attend(line: Line, receive: Receive, send: Send) -> None:
    """Ping the client until it has gone or takes nothing any more; then end what is told to it."""
    with suppress(OSError, RuntimeError):
        while not await _has_gone(receive, within=PING_EVERY):
            await _hand(send, _body(PING))
    line.end()


async def _has_gone(receive: Receive, *, within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


async def _hand(send: Send, message: Message) -> None:
    """Send something, once the client has taken what was sent before. Raises TimeoutError if it does not."""
    async with asyncio.timeout(TAKES_WITHIN):
        await send(message)


def _body(part: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": part, "more_body": more}
