"""`python -m benchmarks.live.follow PLAN`: sends messages at a rate and watches each from its answer to its end."""

import asyncio
import json
import sys
import time
from itertools import count
from secrets import randbelow, token_hex
from typing import Any

import orjson
import uvloop

from benchmarks import requests
from benchmarks.live.socket import Socket
from benchmarks.live.socket import connect as connect_socket
from benchmarks.load.answers import Answer
from benchmarks.load.connection import Connection, connect

SOCKETS = 25  # a socket takes 20 subscriptions at once
CONNECTIONS = 16
TICK = 0.001
END_WITHIN = 30.0


class Follower:
    """Notes, for each message, when it was asked for, answered, and told to be in each status."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._numbers = count(randbelow(9_000_000))
        self._prefix = token_hex(6)
        self._sockets: list[Socket] = []
        self._idle: list[Connection] = []
        self._asked: dict[Connection, dict[str, Any]] = {}
        self._followed: dict[str, dict[str, Any]] = {}

    async def open(self) -> None:
        """Open all connections."""
        self._sockets = [await connect_socket(self._host, self._port, self._told) for _ in range(SOCKETS)]
        self._idle = [await connect(self._host, self._port, self._answered) for _ in range(CONNECTIONS)]

    async def run(self, *, rate: float, seconds: float) -> dict[str, Any]:
        """Send for a time, and return what was noted when all messages have ended, or have had the time to."""
        self._followed = {}
        begun = time.monotonic()
        sent = 0
        while sent < rate * seconds:
            if self._idle and time.monotonic() >= begun + sent / rate:
                self._ask(self._idle.pop())
                sent += 1
            else:
                await asyncio.sleep(TICK)
        end = time.monotonic() + END_WITHIN
        while (open_ones := self._open_ones(sent)) and time.monotonic() < end:
            await asyncio.sleep(0.01)
        return {"messages": list(self._followed.values()), "unfinished": open_ones}

    def _open_ones(self, sent: int) -> int:
        return sent - sum("final" in one for one in self._followed.values())

    def _ask(self, connection: Connection) -> None:
        number = next(self._numbers)
        recipient = f"23320{number:07d}"
        self._asked[connection] = {"to": f"+{recipient}", "asked": time.monotonic()}
        connection.send(requests.rest_send(key=f"{self._prefix}{number:012d}", recipient=recipient).encode())

    def _answered(self, connection: Connection, answer: Answer | None) -> None:
        noted = self._asked.pop(connection)
        assert answer is not None, "the connection was lost"
        assert answer.status == 202, answer
        noted["answered"] = time.monotonic()
        message_id: str = orjson.loads(answer.body)["id"]
        self._followed[message_id] = noted
        self._sockets[len(self._followed) % SOCKETS].watch(message_id, message_id)
        self._idle.append(connection)

    def _told(self, message_id: str, event: dict[str, Any]) -> None:
        noted = self._followed[message_id]
        noted.setdefault(event["status"], time.monotonic())
        if event["final"]:
            noted["final"] = event["sequence"]


async def main() -> None:
    """Do what stdin says, until it ends."""
    plan = json.loads(sys.argv[1])
    follower = Follower(plan["host"], plan["port"])
    await follower.open()
    loop = asyncio.get_running_loop()
    print(json.dumps({"ready": True}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await follower.run(**json.loads(line))), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
