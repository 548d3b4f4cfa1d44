"""What the GraphQL tests share: an account with a key, and the edge on a real server in this very event loop."""

import asyncio
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

import pytest
import uvicorn

from edge.http_connection import HttpConnection
from graphql_api import app, live
from graphql_api import guard as guard_module
from graphql_api.connection import Connection
from graphql_api.guard import guard
from sms.database import in_thread
from sms.events import announce
from sms.services.authenticate import Caller
from tests.accounts import make_caller
from tests.messages import apply, move

KEY = "sms_test_key_of_the_graphql_tests"


@dataclass
class Served:
    """Where the edge listens."""

    port: int
    server: uvicorn.Server

    @property
    def url(self) -> str:
        """For HTTP clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        """For websocket clients."""
        return f"ws://127.0.0.1:{self.port}/graphql/"


async def edge(scope, receive, send):
    """Serve the edge alone, as `config.asgi` does among others."""
    serve = {"http": app.http, "websocket": app.websocket}[scope["type"]]
    await serve(scope, receive, send)


@asynccontextmanager
async def serving(**options):
    """Serve the edge on a real uvicorn with the connections and the frame limit of `config.serve`."""
    config = uvicorn.Config(
        edge,
        port=0,
        lifespan="off",
        log_config=None,
        log_level="warning",
        http=HttpConnection,
        ws=Connection,
        ws_max_size=64 * 1024,
        **options,
    )
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # they are pytest's
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield Served(server.servers[0].sockets[0].getsockname()[1], server)
    server.should_exit = True
    await task


@pytest.fixture(autouse=True)
def _keys_are_looked_at_seldom(monkeypatch):
    """So that a test of what a revoked key may do is not overtaken on a slow machine; `test_guard` looks often."""
    monkeypatch.setattr(guard_module, "LOOK_EVERY", 60.0)


@pytest.fixture(scope="session")
async def served():
    """The edge on a server that all tests share."""
    async with serving() as served:
        yield served


@pytest.fixture
def account(transactional_db) -> Caller:
    """An account that may do everything, with KEY."""
    return make_caller("graphql", key=KEY)


@pytest.fixture
async def nothing_is_left():
    """Let the test run, then wait until no watcher, task, group or guard of it is left."""
    yield
    async with asyncio.timeout(5):
        while not (live.hub().is_idle and guard().is_idle):
            await asyncio.sleep(0.01)


async def change(message, *statuses, told=True, **fields):
    """Change a message's status as a worker does, and tell the web processes, or lose the hint."""
    for status in statuses:
        changes = await in_thread(apply, move(message, status, **fields))
        if told:
            await in_thread(announce, changes)
