"""A plain ASGI endpoint whose refusals are problem documents, whatever goes wrong."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import cast
from uuid import uuid4

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edge import bodies, problems
from sms.errors import ErrorCode, SmsError

log = structlog.get_logger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


class Endpoint:
    """One path, one handler for each method.

    Served without Starlette's own request wrapper, which costs more than the handler's work.
    """

    def __init__(self, **handlers: Handler) -> None:
        """Take the handlers by their methods' names: `Endpoint(GET=show)`."""
        self._handlers = handlers

    @property
    def methods(self) -> frozenset[str]:
        """The methods that there is a handler for."""
        return frozenset(self._handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return  # nobody is left to answer
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        method = cast("str", request.scope["method"])
        handler = self._handlers.get("GET" if method == "HEAD" else method)
        if handler is None:
            also = ("HEAD",) if "GET" in self._handlers else ()
            allowed = {"Allow": ", ".join((*self._handlers, *also))}
            return problems.bad_method(method, allowed)
        try:
            return await handler(request)
        except SmsError as error:
            return problems.from_error(error)
        except bodies.BodyTooLarge as error:
            return problems.too_large(str(error))
        except ClientDisconnect:
            raise
        except Exception:
            incident = uuid4().hex
            log.exception("request_failed", incident=incident, path=request.scope["path"])
            return problems.problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                ErrorCode.INTERNAL_ERROR,
                f"Something went wrong on our side ({incident}).",
            )
