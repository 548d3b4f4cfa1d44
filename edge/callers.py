"""Who is calling, over HTTP."""

from starlette.requests import Request

from sms.services.authenticate import Caller, authenticate


async def caller_of(request: Request) -> Caller:
    """Return who sent a request. Raises Unauthenticated or Unavailable."""
    return await authenticate(request.headers.get("authorization"))
