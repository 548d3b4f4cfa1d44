"""A client of GraphQL over server-sent events that does exactly what it is told."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp

FOLLOW = """
subscription Follow($id: ID!, $after: Int, $late: Boolean) {
  messageStatus(id: $id, afterSequence: $after, includeLate: $late) { sequence status final }
}
"""
PATIENCE = 20  # seconds


class EventStream:
    """One open response."""

    def __init__(self, response):
        self.response = response

    async def block(self):
        """Return the next lines up to an empty one, without their ends; raises EOFError when the response is over."""
        lines = []
        async with asyncio.timeout(PATIENCE):
            while line := await self.response.content.readline():
                if line == b"\n":
                    return lines
                lines.append(line.decode().removesuffix("\n"))
        assert lines == []
        raise EOFError

    async def event(self):
        """Return the name and the data of the next event; comments are passed over."""
        while (lines := await self.block())[0].startswith(":"):
            pass
        (_, name), (_, data) = (line.split(": ", 1) for line in lines)
        return name, json.loads(data) if data else None

    async def change(self):
        """Return the (sequence, status) of the next event, which must be a change."""
        name, document = await self.event()
        assert name == "next", name
        assert "errors" not in document, document
        event = document["data"]["messageStatus"]
        return event["sequence"], event["status"]

    async def changes(self):
        """Return every change until the stream is complete, and make sure that nothing follows."""
        found = []
        while True:
            name, document = await self.event()
            if name == "complete":
                break
            event = document["data"]["messageStatus"]
            found.append((event["sequence"], event["status"]))
        assert await self.is_over()
        return found

    async def is_over(self):
        """Whether the response ends here, whole."""
        return await self.response.content.read() == b""

    async def is_cut(self):
        """Wait until the response ends in the middle, whatever comes before that."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.response.content.read()
        except (aiohttp.ClientPayloadError, ConnectionResetError):
            return True
        return False


@asynccontextmanager
async def streamed(url, document, variables=None, *, key, method="POST"):
    """Run an operation on `/graphql/` of a server, and give the stream of its results."""
    request = {"query": document, "variables": variables or {}}
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {key}"}
    if method == "GET":
        parts = {"params": {"query": document, "variables": json.dumps(variables or {})}}
    else:
        parts = {"json": request}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, f"{url}/graphql/", **parts) as response,
    ):
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        yield EventStream(response)


def following(url, message_id, *, key, after=None, late=False, method="POST"):
    """Follow a message."""
    return streamed(url, FOLLOW, {"id": str(message_id), "after": after, "late": late}, key=key, method=method)
