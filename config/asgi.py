"""The plug board of the web process: which path goes to which edge."""

import asyncio
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.asgi import get_asgi_application

django = get_asgi_application()  # sets Django up; the imports below need that

from typing import Any

from starlette.types import Receive, Scope, Send

from config.celery import app as celery_app
from config.hosts import is_allowed
from config.pages import Pages
from edge import problems
from edge.openapi.document import Group
from edge.reference.app import DOCUMENT, PAGE, Reference
from graphql_api import app as graphql_api
from graphql_api import metrics as live_metrics
from health import app as health
from health import metrics
from rest_api import app as rest_api
from rest_api import operations as rest_operations
from webhooks import app as webhooks
from webhooks import operations as webhook_operations

UNKNOWN_HOST = problems.from_error(
    problems.BadRequest("This service does not answer to that host name; ALLOWED_HOSTS says to which it does.")
)

REFERENCE = Reference(
    [*rest_operations.OPERATIONS, *webhook_operations.OPERATIONS],
    title="SMS messaging service: REST",
    description="Send texts, and see what became of each. The slash at the end of a path may be left out.\n\nWhat "
    "cannot be done is answered with a problem document (RFC 9457), `application/problem+json`: go by its `code`, "
    "which is stable. Times are RFC 3339 by UTC. Fields are added without notice, and never renamed.",
    groups=[
        Group(name=rest_operations.MESSAGES, description="For applications, with an API key."),
        Group(name=rest_operations.EVENTS, description="What becomes of all messages."),
        Group(name=rest_operations.ACCOUNT, description="What the service knows of who asks."),
        Group(name=webhook_operations.PROVIDERS, description="For providers, who sign what they send."),
    ],
)

HEALTH = {"/healthz": health.healthz, "/readyz": health.readyz, "/metrics": metrics.metrics}

pages = Pages(django)

# Without this, a nudge would quietly look for a broker on Celery's default address.
celery_app.set_default()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Send each connection to its edge; what is no edge's is Django's."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "http":
        edge = _edge_of(scope["path"]) if is_allowed(scope) else UNKNOWN_HOST
        await edge(scope, receive, send)
    elif is_allowed(scope):
        await graphql_api.websocket(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 4403})


def _edge_of(path: str) -> Any:  # Starlette's, Channels' and Django's words for one thing
    if path.startswith(("/api/messages", "/api/me", "/api/events", "/api/spending")):
        return rest_api.application
    if path.startswith("/graphql"):
        return graphql_api.http
    if path.startswith("/api/webhooks"):
        return webhooks.application
    if path == DOCUMENT or path.startswith(PAGE.rstrip("/")):
        return REFERENCE
    return HEALTH.get(path, pages)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            live_metrics.count_tasks_of(asyncio.get_running_loop())
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
