"""The protocol `graphql-transport-ws`, as its specification has it where Strawberry's handler falls short.

A frame that is no message closes the socket with 4400, a document that cannot be run fails its own operation only.
"""

from collections.abc import AsyncIterable
from typing import Any, Final

import structlog
from graphql import GraphQLError
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    PingMessage,
    SubscribeMessage,
)

from graphql_api import metrics, trusted
from graphql_api.close_codes import CloseCode
from graphql_api.context import Context
from graphql_api.errors import was_executed
from sms.errors import ErrorCode, Unavailable

log = structlog.get_logger(__name__)

WITH_ID: Final = {"subscribe", "complete"}
TYPES: Final = {"connection_init", "ping", "pong", *WITH_ID}
PARTS: Final = {"query": str, "documentId": str, "variables": dict, "operationName": str, "extensions": dict}


def fault_of(message: object) -> str | None:
    """Return what is wrong with the shape of a message, or None."""
    if not isinstance(message, dict):
        return "A message must be a JSON object"
    if not isinstance(kind := message.get("type"), str) or kind not in TYPES:
        return "A message must have one of the types of graphql-transport-ws"
    if kind in WITH_ID and not (isinstance(message.get("id"), str) and message["id"]):
        return "The message must have an id"
    if kind == "subscribe":
        return _fault_of_request(message.get("payload"))
    if not isinstance(message.get("payload"), dict | None):
        return "The payload must be an object"
    return None


def _fault_of_request(payload: object) -> str | None:
    if not isinstance(payload, dict):
        return "The payload must be an object"
    for name, kind in PARTS.items():
        if not isinstance(payload.get(name), kind | None):
            return f"The payload's {name} is malformed"
    if payload.get("query") is None and not trusted.names_one(payload):
        return "The payload must have a query, or name a document"
    return None


class Handler(BaseGraphQLTransportWSHandler[Context, None]):
    """Talks to one client."""

    async def handle_message(self, message: Message) -> None:
        """Act on one message, or close the socket if it is none."""
        fault = fault_of(message)
        if fault is None:
            await super().handle_message(message)
        else:
            await self.handle_invalid_message(fault)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Let the client in, or not."""
        try:
            await super().handle_connection_init({"type": "connection_init", "payload": message.get("payload") or {}})
        except Unavailable:
            await self.websocket.close(CloseCode.UNAVAILABLE, "Try again shortly")

    async def handle_ping(self, message: PingMessage) -> None:
        """Answer with what was sent."""
        pong: dict[str, Any] = {"type": "pong"}
        if "payload" in message:
            pong["payload"] = message["payload"]
        await self.websocket.send_json(pong)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Start an operation."""
        if self.connection_acknowledged and message["id"] not in self.operations:  # else the socket is closed
            try:
                self._require_room()
                message["payload"]["query"] = trusted.text_of(message["payload"]) or ""
            except GraphQLError as error:
                await self.websocket.send_json({"id": message["id"], "type": "error", "payload": [error.formatted]})
                return
        await super().handle_subscribe(message)

    def _require_room(self) -> None:
        if len(self.operations) >= (self.max_subscriptions_per_connection or 0):
            detail = f"A socket takes {self.max_subscriptions_per_connection} operations at once."
            raise GraphQLError(detail, extensions={"code": ErrorCode.OVERLOADED})

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """Run an operation to its end."""
        with metrics.OPERATIONS.track_inprogress():
            await super().run_operation(operation)

    async def _send_result_stream(self, operation: Operation[Context, None], result_source: AsyncIterable[Any]) -> None:
        async for result in result_source:
            if not was_executed(result):
                await operation.send_initial_errors(result.errors or [])
                return
            await operation.send_next(result)

    async def handle_task_exception(self, error: Exception) -> None:
        """Log what went wrong in an operation; that the client went away is none of it."""
        if not isinstance(error, WebSocketDisconnected):
            log.error("operation_failed", exc_info=error)
