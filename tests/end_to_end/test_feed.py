"""A thousand messages from accept to DELIVERED, for feeds that are cut off and come back, and for one who asks."""

import asyncio
import json
import random
import uuid

import pytest
from websockets.asyncio.client import connect

from sms.feed_cursors import Cursor
from tests.http import call

MESSAGES = 1_000
CUTS = 12  # of each feed
SETTLED_WITHIN = 60
FEED = """
subscription ($after: String, $coalesce: Boolean) {
  statusFeed(after: $after, coalesce: $coalesce) { cursor event { messageId sequence status } }
}
"""
IN_THE_DATABASE = """
SELECT message_id::text, sequence FROM sms_messageevent JOIN sms_account a ON a.id = account_id
WHERE a.name = 'demo' AND sequence IS NOT NULL AND (position, sms_messageevent.id) > (%s, %s)
ORDER BY position, sms_messageevent.id
"""
OPEN = "SELECT count(*) FROM sms_message WHERE client_reference = %s AND status <> 'DELIVERED'"


class Follower:
    """Follows the feed from a cursor on, and comes back with the last one it has whenever it is cut off."""

    def __init__(self, url, cursor, rng, *, coalesce=False):
        self.seen, self.cuts = [], 0
        self._url, self._cursor, self._rng, self._coalesce = url, cursor, rng, coalesce

    async def run(self):
        """Follow until cancelled."""
        while True:
            async with connect(self._url, subprotocols=["graphql-transport-ws"]) as socket:
                await socket.send(json.dumps({"type": "connection_init"}))
                await socket.recv()
                variables = {"after": self._cursor, "coalesce": self._coalesce}
                payload = {"query": FEED, "variables": variables}
                await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
                # Somewhere in the first of them, so that all cuts come while there is something to miss.
                await self._take(socket, self._rng.randint(1, MESSAGES // CUTS) if self.cuts < CUTS else None)
                socket.transport.abort()
            self.cuts += 1

    async def _take(self, socket, count):
        while count is None or count > 0:
            item = json.loads(await socket.recv())["payload"]["data"]["statusFeed"]
            self._cursor = item["cursor"]
            if item["event"] is not None:
                self.seen.append((item["event"]["messageId"], item["event"]["sequence"]))
                count = count and count - 1


class Asker:
    """Asks for events again and again, a few at a time."""

    def __init__(self, url, cursor, rng):
        self.seen = []
        self._url, self._cursor, self._rng = f"{url}/api/events/", cursor, rng

    async def run(self):
        """Ask until cancelled."""
        while True:
            parameters = f"?after={self._cursor}&limit={self._rng.randint(1, 300)}&wait=1"
            page = (await asyncio.to_thread(call, "GET", self._url + parameters)).json()
            self.seen += [(one["message_id"], one["sequence"]) for one in page["events"]]
            self._cursor = page["cursor"]


def send(stack, label):
    """Send all messages, in batches."""
    for start in range(0, MESSAGES, 250):
        numbers = range(start, start + 250)
        messages = [
            {"sender_id": "MyCorp", "recipient": "233200000901", "text": f"No. {n}", "client_reference": label}
            for n in numbers
        ]
        key = {"Idempotency-Key": f"{label} {start}".replace(" ", "-")}
        answer = call("POST", f"{stack.url}/api/messages/batch/", {"messages": messages}, key)
        assert answer.status == 202, answer


async def until(condition):
    """Wait for something that the database tells."""
    async with asyncio.timeout(SETTLED_WITHIN):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.2)


@pytest.mark.timeout(180)
async def test_feeds_that_are_cut_off_miss_nothing(stack):
    """All of them saw what the database has, each change once and in its order."""
    rng, label = random.Random(7), f"feed {uuid.uuid4()}"
    start = (await asyncio.to_thread(call, "GET", f"{stack.url}/api/events/")).json()["cursor"]
    followers = [Follower(stack.websocket_url, start, rng) for _ in range(3)]
    asker = Asker(stack.url, start, rng)
    newest = Follower(stack.websocket_url, start, rng, coalesce=True)
    everyone = [*followers, asker, newest]
    following = [asyncio.create_task(one.run()) for one in everyone]
    await asyncio.to_thread(send, stack, label)
    await until(lambda: stack.query(OPEN, label) == [(0,)])
    expected = await asyncio.to_thread(stack.query, IN_THE_DATABASE, *Cursor.parse(start))
    assert len(expected) >= 4 * MESSAGES
    await until(lambda: all(len(one.seen) >= len(expected) for one in (*followers, asker)))
    await until(lambda: dict(newest.seen) == dict(expected))
    for task in following:
        assert not task.done(), task.exception()
        task.cancel()
    await asyncio.wait(following)
    assert [one.cuts for one in followers] == [CUTS] * 3
    for one in (*followers, asker):
        assert one.seen == expected
    places = {event: number for number, event in enumerate(expected)}
    assert [places[event] for event in newest.seen] == sorted({places[event] for event in newest.seen})
