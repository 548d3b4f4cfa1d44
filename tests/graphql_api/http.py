"""GraphQL over HTTP for tests: the edge called as a server calls it, in this process."""

import asyncio
from dataclasses import dataclass

import orjson

from graphql_api import app
from tests.graphql_api.conftest import KEY

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"


@dataclass(frozen=True)
class Reply:
    """What was answered; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self):
        """Return the parsed body."""
        return orjson.loads(self.body)

    @property
    def data(self):
        """Return the data of a reply without errors."""
        document = self.json()
        assert "errors" not in document, document
        return document["data"]

    @property
    def codes(self):
        """Return the code of every error."""
        return [error["extensions"]["code"] for error in self.json()["errors"]]


async def request(method, path="/graphql/", *, query=b"", body=b"", headers=None, chunks=None) -> Reply:
    """Make one request; `chunks` are sent instead of a body whose length is known."""
    given = {"host": "localhost", "authorization": f"Bearer {KEY}", **(headers or {})}
    if chunks is None:
        given.setdefault("content-length", str(len(body)))
    parts = list(chunks or [body])
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in given.items() if v is not None],
        "extensions": {},
    }
    sent = []

    async def receive():
        if not parts:
            await asyncio.Event().wait()  # the client stays, and says nothing more
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    await app.http(scope, receive, send)
    start, *bodies = sent
    answered = {k.decode().lower(): v.decode("latin-1") for k, v in start["headers"]}
    return Reply(start["status"], answered, b"".join(part.get("body", b"") for part in bodies))


async def post(document, variables=None, *, headers=None, **parts) -> Reply:
    """POST one document."""
    body = orjson.dumps({"query": document, "variables": variables, **parts})
    return await request("POST", body=body, headers={"content-type": JSON, **(headers or {})})


SEND = """
mutation Send($input: SendMessageInput!) {
  sendMessage(input: $input) {
    __typename
    ... on SendMessageSuccess { replayed idempotencyKey message { ...Everything } }
    ... on Refusal { code field detail }
  }
}
"""
EVERYTHING = """
fragment Everything on Message {
  id senderId recipient text textDiscardedAt status final encoding segments
  price { amount currency isEstimate } clientReference metadata { name value }
  deliveryPolicy priority test sendAt
  provider providerReference errorCode sequence createdAt updatedAt
  events { sequence status late conflict providerStatus errorCode providerError detail occurredAt }
}
"""


def given(**fields):
    """Return a message that would be accepted, with some fields changed."""
    return {"senderId": "MyCorp", "recipient": "233200000901", "text": "Your code is 1234", **fields}


async def send(headers=None, **fields) -> dict:
    """Send one message and return what became of it."""
    return (await post(SEND + EVERYTHING, {"input": given(**fields)}, headers=headers)).data["sendMessage"]
