"""Who is calling: the one way in that every door has."""

from starlette.requests import Request
from starlette.types import Scope

from edge.client_address import client_address
from edge.origins import is_from_another_site
from sms.errors import Unauthenticated
from sms.services.authenticate import Caller, authenticate


async def caller_of(request: Request) -> Caller:
    """Return who sent a request. Raises Unauthenticated or Unavailable."""
    return await caller_at(authorization_of(request), request.scope)


async def caller_at(authorization: str | None, scope: Scope) -> Caller:
    """Return who comes with that key over that connection. Raises Unauthenticated or Unavailable."""
    caller = await authenticate(authorization)
    if caller.networks:  # few keys have them, so only these cost the look
        caller.require_address(client_address(scope))
    return caller


def authorization_of(request: Request) -> str | None:
    """Return the Authorization header; where it is missing, the anonymous account may be meant.

    Raises Unauthenticated for a change that a page of another site asks for without a key: a browser sends simple
    requests without asking us, also to services on its own machine. A key it never adds by itself.
    """
    authorization = request.headers.get("authorization")
    if authorization is None and is_from_another_site(request.scope):
        raise Unauthenticated("A page of another site needs an API key.")
    return authorization
