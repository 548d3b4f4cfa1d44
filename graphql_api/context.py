"""Who is asking, and how to answer: what every resolver is given."""

from collections.abc import Mapping
from typing import Any

import strawberry
from starlette.responses import Response
from starlette.types import Scope

from edge.callers import caller_at
from sms.services.authenticate import Caller


class Context:
    """What the operations of one websocket share: the key it was opened with."""

    def __init__(self, authorization: str | None, scope: Scope) -> None:
        self.authorization = authorization
        self._scope = scope
        self.connection_params: dict[str, Any] | None = None  # filled by Strawberry with the payload of connection_init
        self.idempotency_key: str | None = None  # the header's; a socket has none
        self.response: Response | None = None

    async def caller(self) -> Caller:
        """Return who is asking, as of now: a key may be revoked while its socket is open. Raises Unauthenticated."""
        return await caller_at(self.authorization, self._scope)

    def tell(self, headers: Mapping[str, str]) -> None:
        """Add headers to the answer; a socket's answers have none."""
        if headers and self.response is not None:
            self.response.headers.update(headers)


class RequestContext(Context):
    """What one HTTP request brings."""

    def __init__(self, caller: Caller, response: Response, *, idempotency_key: str | None) -> None:
        super().__init__(None, {})
        self._caller = caller
        self.response = response
        self.idempotency_key = idempotency_key

    async def caller(self) -> Caller:
        """Return who is asking."""
        return self._caller


Info = strawberry.Info[Context, None]
