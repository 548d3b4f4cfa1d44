"""Who is asking, and how to answer: what every resolver is given."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import strawberry
from starlette.responses import Response
from starlette.types import Scope

from edge.callers import caller_at
from graphql_api.loaders import Loaders
from sms.services.authenticate import Caller


class Context:
    """What the operations of one websocket share, or what one stream has: the key it was opened with."""

    def __init__(self, authorization: str | None, scope: Scope, *, idempotency_key: str | None = None) -> None:
        self.authorization = authorization
        self._scope = scope
        self.connection_params: dict[str, Any] | None = None  # filled by Strawberry with the payload of connection_init
        self.idempotency_key = idempotency_key  # the header's; a socket has none
        self.response: Response | None = None

    @cached_property
    def loaders(self) -> Loaders:
        """Read what belongs to many messages at once; made when first used, as most operations need none."""
        return Loaders()

    async def caller(self) -> Caller:
        """Return who is asking, as of now: a key may be revoked while its socket is open.

        Raises Unauthenticated, or Unavailable.
        """
        return await caller_at(self.authorization, self._scope)

    def tell(self, headers: Mapping[str, str]) -> None:
        """Add headers to the answer; a socket's answers have none."""
        if headers and self.response is not None:
            self.response.headers.update(headers)


class RequestContext(Context):
    """What one HTTP request brings."""

    def __init__(self, caller: Caller, response: Response, *, idempotency_key: str | None) -> None:
        super().__init__(None, {}, idempotency_key=idempotency_key)
        self._caller = caller
        self.response = response

    async def caller(self) -> Caller:
        """Return who is asking."""
        return self._caller


Info = strawberry.Info[Context, None]
