"""Who is calling: the one way in that every door has."""

from starlette.requests import Request
from starlette.types import Scope

from edge.client_address import client_address
from sms.services.authenticate import Caller, authenticate


async def caller_of(request: Request) -> Caller:
    """Return who sent a request. Raises Unauthenticated or Unavailable."""
    return await caller_at(request.headers.get("authorization"), request.scope)


async def caller_at(authorization: str | None, scope: Scope) -> Caller:
    """Return who comes with that key over that connection. Raises Unauthenticated or Unavailable."""
    caller = await authenticate(authorization)
    if caller.networks:  # few keys have them, so only these cost the look
        caller.require_address(client_address(scope))
    return caller
