"""A small graphql-transport-ws client for tests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.sync.client import connect

WATCH = """
subscription Watch($id: ID!, $after: Int, $late: Boolean = false) {
  messageStatus(id: $id, afterSequence: $after, includeLate: $late) {
    sequence status final late providerStatus errorCode
  }
}
"""


@contextmanager
def watching(stack, message_id, *, after=None, late=False) -> Iterator[Iterator[dict]]:
    """Subscribe to a message; yields its events as they come, until the server completes the subscription."""
    with connect(stack.websocket_url, subprotocols=["graphql-transport-ws"], close_timeout=2) as socket:
        socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {stack.api_key}"}}))
        assert json.loads(socket.recv(timeout=10))["type"] == "connection_ack"
        variables = {"id": message_id, "after": after, "late": late}
        payload = {"query": WATCH, "variables": variables}
        socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        yield _events(socket)


def _events(socket):
    while True:
        frame = json.loads(socket.recv(timeout=20))
        if frame["type"] == "complete":
            return
        assert frame["type"] == "next", frame
        assert "errors" not in frame["payload"], frame
        yield frame["payload"]["data"]["messageStatus"]


def watch(stack, message_id, **options) -> list[dict]:
    """Return every event of a message until its end."""
    with watching(stack, message_id, **options) as events:
        return list(events)
