"""Every door by which a caller comes in, on a real server in this very event loop."""

import asyncio
import json
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

import pytest
import uvicorn
import websockets
from websockets.asyncio.client import connect

from config.asgi import application
from graphql_api.connection import Connection
from tests.http import call

HELLO = "connection_init"
SEND = """mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  ... on SendMessageSuccess { message { id test } } ... on Refusal { code } } }"""
SEE = "query ($id: ID!) { message(id: $id) { id } }"


@dataclass(frozen=True)
class Said:
    """What a door said: the refusal's code, with its sentence and status where it has them, or what was asked for."""

    code: str | None
    detail: str | None = None
    status: int | None = None
    data: dict | None = None


class Rest:
    """REST."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/api/messages/"

    async def _call(self, method, path, body, key, headers):
        given = headers if key is None else {"Authorization": f"Bearer {key}", **headers}
        answer = await asyncio.to_thread(call, method, self.url + path, body, given)
        said = answer.json()
        if answer.status < 300:
            return Said(None, data=said)
        return Said(said["code"], said["detail"], answer.status)

    async def send(self, key, message, **headers):
        """Send a message."""
        return await self._call("POST", "", message, key, headers)

    async def see(self, key, message_id, **headers):
        """Look at a message."""
        return await self._call("GET", f"{message_id}/", None, key, headers)


def camel(message):
    """A message as GraphQL spells it."""
    return {"senderId": message["sender_id"], "recipient": message["recipient"], "text": message["text"]}


def said_by(result, status=None):
    """What a GraphQL response says."""
    if "errors" in result:
        (error,) = result["errors"]
        return Said(error["extensions"]["code"], error["message"], status)
    (found,) = result["data"].values()
    return Said(None, data=found.get("message", found)) if "code" not in found else Said(found["code"])


class GraphQL:
    """GraphQL over HTTP."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/graphql/"

    async def _run(self, query, variables, key, headers):
        given = headers if key is None else {"Authorization": f"Bearer {key}", **headers}
        body = {"query": query, "variables": variables}
        answer = await asyncio.to_thread(call, "POST", self.url, body, given)
        return said_by(answer.json(), answer.status)

    async def send(self, key, message, **headers):
        """Send a message."""
        return await self._run(SEND, {"input": camel(message)}, key, headers)

    async def see(self, key, message_id, **headers):
        """Look at a message."""
        return await self._run(SEE, {"id": message_id}, key, headers)


class Websocket:
    """GraphQL over a websocket."""

    def __init__(self, port):
        self.url = f"ws://127.0.0.1:{port}/graphql/"

    @asynccontextmanager
    async def open(self, key, **headers):
        """Open a socket and say hello; the answer is for the caller to read."""
        async with connect(
            self.url, subprotocols=["graphql-transport-ws"], additional_headers=headers, close_timeout=1
        ) as socket:
            payload = {} if key is None else {"authorization": f"Bearer {key}"}
            await socket.send(json.dumps({"type": HELLO, "payload": payload}))
            yield socket

    async def _run(self, query, variables, key, headers):
        async with asyncio.timeout(10), self.open(key, **headers) as socket:
            try:
                assert json.loads(await socket.recv())["type"] == "connection_ack"
            except websockets.ConnectionClosed:
                return Said({(4403, "Forbidden"): "UNAUTHENTICATED"}[socket.close_code, socket.close_reason])
            payload = {"query": query, "variables": variables}
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
            frame = json.loads(await socket.recv())
            return said_by(frame["payload"] if frame["type"] == "next" else {"errors": frame["payload"]})

    async def send(self, key, message, **headers):
        """Send a message."""
        return await self._run(SEND, {"input": camel(message)}, key, headers)

    async def see(self, key, message_id, **headers):
        """Look at a message."""
        return await self._run(SEE, {"id": message_id}, key, headers)


DOORS = (Rest, GraphQL, Websocket)


@asynccontextmanager
async def serving():
    """Serve everything, with the options of `config.serve` that matter here."""
    config = uvicorn.Config(
        application, port=0, lifespan="off", log_config=None, log_level="warning", ws=Connection, proxy_headers=False
    )
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # they are pytest's
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


@pytest.fixture(scope="session")
async def port():
    """Where the server listens."""
    async with serving() as port:
        yield port


@pytest.fixture(params=DOORS, ids=lambda door: door.__name__)
def door(request, port):
    """Each door in turn."""
    return request.param(port)
