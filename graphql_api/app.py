"""The GraphQL edge: HTTP, event streams and websockets on one path, GraphiQL for browsers."""

from typing import Final

from django.conf import settings
from starlette.types import ASGIApp, Receive, Scope, Send

from edge import problems
from graphql_api import sse, trusted
from graphql_api.graphiql import page
from graphql_api.http import GraphQLView
from graphql_api.schema import schema
from graphql_api.websocket import websocket as _serve_socket

PATHS: Final = ("/graphql/", "/graphql")
ASSETS: Final = "/graphql/assets/"

_view = GraphQLView(schema, graphql_ide=None)
_streams = sse.StreamView(schema, graphql_ide=None)
trusted.load(
    settings.SMS_GRAPHQL_TRUSTED_DOCUMENTS,
    schema._schema,  # noqa: SLF001  nothing public has it
    only=settings.SMS_GRAPHQL_TRUSTED_ONLY,
)


async def http(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve every path below `/graphql`."""
    path = scope["path"]
    if path in PATHS:
        await _wanted_by(scope)(scope, receive, send)
    elif path.startswith(ASSETS):
        await page.serve_asset(scope, receive, send)
    else:
        await problems.not_found()(scope, receive, send)


def _wanted_by(scope: Scope) -> ASGIApp:
    if page.is_wanted(scope):
        return page.show
    return _streams if sse.is_wanted(scope) else _view


async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a socket on `/graphql/`; refuse every other."""
    if scope["path"] in PATHS:
        await _serve_socket(scope, receive, send)
    elif "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close", "code": 4404})
