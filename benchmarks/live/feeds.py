"""`python -m benchmarks.live.feeds PLAN`: receipts at a rate, and feeds of the account that tell of them."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.live.socket import Socket, connect
from benchmarks.load.run import Load
from benchmarks.load.sources import Listed
from benchmarks.percentiles import spread

FEED = "subscription { statusFeed { cursor event { messageId sequence status final errorCode occurredAt } } }"
CONNECTIONS = 16
TOLD_WITHIN = 20.0


class Feeds:
    """Receipt n is line n of the file, and about message n. Each is used once, over all runs."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._host, self._port = plan["host"], plan["port"]
        self._messages: list[str] = json.loads(Path(plan["messages"]).read_text())
        self._receipts = Listed(Path(plan["receipts"]))
        self._sockets: list[Socket] = []
        self._begun = 0
        self._sent: list[float] = []
        self._told_at: list[tuple[str, float]] = []

    async def run(self, *, feeds: int, rate: float, count: int) -> dict[str, Any]:
        """Send receipts at a rate, and return how long each feed waited for what they say."""
        await self._open(feeds)
        first, self._told_at = len(self._sent), []
        load = Load(self._host, self._port, connections=CONNECTIONS, source=self._next_receipt, status=202, expect=b"")
        posted = await load.run(seconds=None, count=count, rate=rate)
        wanted, end = feeds * posted["answered"], time.perf_counter() + TOLD_WITHIN
        while len(self._told_at) < wanted and time.perf_counter() < end:
            await asyncio.sleep(0.01)
        load.close()
        for socket in self._sockets:
            socket.close()
        sent = dict(zip(self._messages[first:], self._sent[first:], strict=False))
        return {
            "answered": posted["answered"],
            "lost": wanted - len(self._told_at),
            "seconds": posted["seconds"],
            "latency": spread(at - sent[message_id] for message_id, at in self._told_at),
            "unexpected": posted["unexpected"],
        }

    async def _open(self, feeds: int) -> None:
        self._begun = 0
        self._sockets = [await connect(self._host, self._port, self._told) for _ in range(feeds)]
        for socket in self._sockets:
            socket.subscribe("feed", FEED, {})
        while self._begun < feeds:
            await asyncio.sleep(0.01)

    def _next_receipt(self) -> bytes | None:
        self._sent.append(time.perf_counter())
        return self._receipts()

    def _told(self, _: str, item: dict[str, Any]) -> None:
        if item["event"] is None:
            self._begun += 1
        else:
            self._told_at.append((item["event"]["messageId"], time.perf_counter()))


async def main() -> None:
    """Do what stdin says, until it ends."""
    feeds = Feeds(json.loads(sys.argv[1]))
    print(json.dumps({"ready": True}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await feeds.run(**json.loads(line))), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
