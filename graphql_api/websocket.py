"""GraphQL over websockets: Strawberry's Channels consumer, made to survive any client."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, aclosing, suppress
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import structlog
from channels.consumer import get_handler_name
from django.conf import settings
from django.http.request import validate_host
from strawberry.channels import GraphQLWSConsumer
from strawberry.channels.handlers.ws_handler import ChannelsWebSocketAdapter, MessageQueueData
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.unset import UNSET

from graphql_api.close_codes import CloseCode
from graphql_api.context import Context
from graphql_api.guard import guard
from graphql_api.protocol import Handler
from graphql_api.schema import schema
from sms.errors import Unauthenticated

log = structlog.get_logger(__name__)

LARGEST_FRAME: Final = 64 * 1024  # bytes
MOST_OPERATIONS: Final = 20  # at once on one socket
MOST_WAITING: Final = 10  # frames; then the server stops reading from the client
INIT_WITHIN: Final = timedelta(seconds=10)
LIFETIME: Final = 23 * 3600.0  # seconds; some servers and proxies cut a socket after a day, without a word
LONGEST_REASON: Final = 123  # bytes, says RFC 6455


class Socket(ChannelsWebSocketAdapter):
    """Reads and writes one client's frames. After a close in either direction nothing more is read or written."""

    closed = False

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        """Yield the frames, parsed, until the socket is closed."""
        async with aclosing(super().iter_json(ignore_parsing_errors=ignore_parsing_errors)) as messages:
            async for message in messages:
                if self.closed:
                    return
                yield message

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send a frame. Raises WebSocketDisconnected."""
        if self.closed:
            raise WebSocketDisconnected
        try:
            await super().send_json(message)
        except (OSError, RuntimeError) as error:  # how servers say that the client has gone
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        """Close the socket, once."""
        if not self.closed:
            self.closed = True
            with suppress(OSError, RuntimeError):
                await super().close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))


class Consumer(GraphQLWSConsumer[Context, None]):
    """Serves one websocket.

    It has no channel of its own: the hub in `live` listens for all sockets of the process, and with no Redis at all the
    sockets still work.
    """

    _life: asyncio.Timeout
    _watched: ExitStack  # by the guard of the key, once the client is in
    _farewell = (CloseCode.RECONNECT, "This socket has been open long enough; connect again")

    channel_layer_alias = "none"
    websocket_adapter_class = Socket
    graphql_transport_ws_handler_class = Handler

    async def connect(self) -> None:
        """Start talking."""
        self.message_queue = asyncio.Queue(MOST_WAITING)
        await super().connect()

    async def dispatch(self, message: Any) -> None:
        """Act on an event of the server.

        Channels first closes old database connections, on the one thread that all sockets share; ours are not there.
        """
        await getattr(self, get_handler_name(message))(message)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Hand a frame to the handler; wait while that is behind, so that the server stops reading."""
        assert self.run_task is not None
        if self.run_task.done():
            return
        if text_data is not None and len(text_data) > LARGEST_FRAME:  # uvicorn refuses it by itself, daphne does not
            await self.close(CloseCode.BAD_REQUEST, f"A frame has at most {LARGEST_FRAME} bytes")
            self.run_task.cancel()
        elif self.message_queue.full():
            putting = asyncio.ensure_future(self.message_queue.put(_frame(text_data)))
            await asyncio.wait({putting, self.run_task}, return_when=asyncio.FIRST_COMPLETED)
            putting.cancel()
        else:
            self.message_queue.put_nowait(_frame(text_data))

    async def disconnect(self, code: int) -> None:
        """Stop talking, and leave nothing behind."""
        assert self.run_task is not None
        self.run_task.cancel()
        await asyncio.wait({self.run_task})

    async def run(self, *args: Any, **kwargs: Any) -> Any:
        """Talk until one side has enough."""
        try:
            async with asyncio.timeout(LIFETIME) as self._life:
                with ExitStack() as self._watched:
                    return await super().run(*args, **kwargs)
        except TimeoutError:
            with suppress(OSError, RuntimeError):
                await self.close(*self._farewell)
        except Exception:
            log.exception("socket_failed")
            with suppress(OSError, RuntimeError):
                await self.close(CloseCode.INTERNAL_ERROR, "Internal error")

    async def get_context(self, request: Any, response: Any) -> Context:
        """Return what the socket's operations share."""
        return Context(self.get_websocket_headers(self).get("authorization"), self.scope)

    async def on_ws_connect(self, context: Context) -> Any:
        """Let the client in if its key is good. Raises ConnectionRejectionError, or Unavailable."""
        given = context.connection_params or {}
        for name in ("authorization", "Authorization"):
            if name in given:
                context.authorization = str(given[name])
        try:
            await context.caller()
        except Unauthenticated:
            raise ConnectionRejectionError from None
        self._watched.enter_context(guard().watching(context, self._turn_out))
        return UNSET

    def _turn_out(self) -> None:
        """End, as the key that the client came with is no longer good."""
        if not self._life.expired():
            self._farewell = (CloseCode.FORBIDDEN, "This API key is no longer valid")
            self._life.reschedule(asyncio.get_running_loop().time())

    def is_websocket_origin_allowed(self, request: Any, origin: str) -> bool:
        """Whether a page from elsewhere may connect: from one of our own hosts, on whatever port."""
        try:
            host = urlsplit(origin).hostname or ""
        except ValueError:
            return False
        return validate_host(f"[{host}]" if ":" in host else host, settings.ALLOWED_HOSTS)

    def decode_json(self, data: str | bytes) -> object:
        """Parse JSON, strictly."""
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        """Write JSON, as text frames need it."""
        return orjson.dumps(data).decode()


def _frame(text: str | None) -> MessageQueueData:
    return {"message": text or None, "disconnected": False}


websocket = Consumer.as_asgi(
    schema=schema,
    subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
    connection_init_wait_timeout=INIT_WITHIN,
    max_subscriptions_per_connection=MOST_OPERATIONS,
)
