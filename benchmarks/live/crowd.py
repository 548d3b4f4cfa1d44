"""`python -m benchmarks.live.crowd PLAN`: many subscribers, a message each, and its receipt."""

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

AT_ONCE = 50  # handshakes
TOLD_WITHIN = 20.0


class Crowd:
    """Subscriber n watches message n, whose receipt is line n of the file."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._host, self._port = plan["host"], plan["port"]
        self._messages: list[str] = json.loads(Path(plan["messages"]).read_text())
        self._receipts = Listed(Path(plan["receipts"]))
        self._sockets: list[Socket] = []
        self._sent: list[float] = []
        self._delivered: dict[str, float] = {}
        self._snapshots: set[str] = set()

    async def gather(self) -> float:
        """Let all subscribe, and return how many seconds it took until each had its snapshot."""
        begun = time.perf_counter()
        doors = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._join(doors, one) for one in self._messages))
        while len(self._snapshots) < len(self._messages):
            await asyncio.sleep(0.01)
        return time.perf_counter() - begun

    async def _join(self, doors: asyncio.Semaphore, message_id: str) -> None:
        async with doors:
            socket = await connect(self._host, self._port, self._told)
            self._sockets.append(socket)
            socket.watch(message_id, message_id)

    async def run(self, *, rate: float) -> dict[str, Any]:
        """Send the receipts at a rate, and return how long the subscribers waited for what they say."""
        load = Load(self._host, self._port, connections=16, source=self._next_receipt, status=202, expect=b"")
        posted = await load.run(seconds=None, count=len(self._messages), rate=rate)
        end = time.perf_counter() + TOLD_WITHIN
        while len(self._delivered) < len(self._messages) and time.perf_counter() < end:
            await asyncio.sleep(0.01)
        waits = [
            self._delivered[one] - sent
            for one, sent in zip(self._messages, self._sent, strict=True)
            if one in self._delivered
        ]
        return {
            "answered": len(waits),
            "lost": len(self._messages) - len(waits),
            "seconds": posted["seconds"],
            "latency": spread(waits),
            "unexpected": posted["unexpected"],
        }

    def _next_receipt(self) -> bytes | None:
        self._sent.append(time.perf_counter())
        return self._receipts()

    def _told(self, message_id: str, event: dict[str, Any]) -> None:
        self._snapshots.add(message_id)
        if event["status"] == "DELIVERED":
            self._delivered.setdefault(message_id, time.perf_counter())


async def main() -> None:
    """Subscribe, then do what stdin says, until it ends."""
    crowd = Crowd(json.loads(sys.argv[1]))
    print(json.dumps({"gathered": await crowd.gather()}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await crowd.run(**json.loads(line))), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
