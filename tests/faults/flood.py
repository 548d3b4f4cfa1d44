"""More requests than the service can take: at a rate that waits for nobody, each try timed and its answer noted."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.faults.clients import SEND

TIMEOUT = 30.0  # seconds; nobody may need as long as that
PROBES_EVERY = 0.25
READS_EVERY = 5  # so many sends for one read
GIVES_UP = 60.0
FIRST_WAIT, LONGEST_WAIT = 1.0, 8.0  # seconds; 503 says Retry-After: 1


@dataclass(frozen=True, slots=True)
class Try:
    """One request and its answer; status 0 is none at all."""

    what: str  # rest, graphql, read, healthz, readyz
    begun: float
    seconds: float
    status: int
    retry_after: bool
    detail: str = ""


@dataclass(slots=True)
class Flood:
    """Sends `number` messages, each with a key of its own, through both doors, and repeats what was not accepted."""

    url: str
    api_key: str
    name: str
    recipient: str
    number: int
    rate: float  # new messages a second
    rng: random.Random
    tries: list[Try] = field(default_factory=list)
    accepted: dict[int, set[str]] = field(default_factory=dict)  # number → every id it was answered with
    offered: bool = False  # everything was sent once
    done: bool = False

    async def run(self) -> None:
        """Send everything, and come back with what was refused until it is accepted."""
        connector = aiohttp.TCPConnector(limit=0)  # nothing may wait on our side
        limits = aiohttp.ClientTimeout(total=TIMEOUT)
        headers = {"Authorization": f"Bearer {self.api_key}"}
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=limits, headers=headers) as session,
                asyncio.TaskGroup() as requests,
            ):
                probing = requests.create_task(self._probe(session))
                await self._offer(session, requests)
                self.offered = True
                requests.create_task(self._end(probing))
        finally:
            self.done = True

    async def _offer(self, session: aiohttp.ClientSession, requests: asyncio.TaskGroup) -> None:
        begun = time.monotonic()
        for number in range(self.number):
            requests.create_task(self._send(session, number))
            if number % READS_EVERY == 0:
                requests.create_task(self._read(session))
            await asyncio.sleep(begun + (number + 1) / self.rate - time.monotonic())

    async def _end(self, probing: asyncio.Task[None]) -> None:
        end = time.monotonic() + GIVES_UP
        while len(self.accepted) < self.number and time.monotonic() < end:
            await asyncio.sleep(0.1)
        probing.cancel()

    async def _send(self, session: aiohttp.ClientSession, number: int) -> None:
        wait, end = FIRST_WAIT, time.monotonic() + GIVES_UP
        while time.monotonic() < end:
            through = self._through_graphql if number % 3 == 0 else self._through_rest
            if (message_id := await through(session, number)) is not None:
                self.accepted.setdefault(number, set()).add(message_id)
                return
            await asyncio.sleep(wait * self.rng.uniform(0.5, 1.5))
            wait = min(2 * wait, LONGEST_WAIT)

    async def _through_rest(self, session: aiohttp.ClientSession, number: int) -> str | None:
        fields = {"sender_id": "MyCorp", "recipient": self.recipient, "text": f"{self.name} {number}"}
        headers = {"Idempotency-Key": self._key(number)}
        status, content = await self._ask(
            "rest", session.post(f"{self.url}/api/messages/", json=fields, headers=headers)
        )
        return content["id"] if status == 202 else None

    async def _through_graphql(self, session: aiohttp.ClientSession, number: int) -> str | None:
        given = {"senderId": "MyCorp", "recipient": self.recipient, "text": f"{self.name} {number}"}
        body = {"query": SEND, "variables": {"input": given | {"idempotencyKey": self._key(number)}}}
        _, content = await self._ask("graphql", session.post(f"{self.url}/graphql/", json=body))
        result = (content.get("data") or {}).get("sendMessage") or {}
        return result["message"]["id"] if "message" in result else None

    async def _read(self, session: aiohttp.ClientSession) -> None:
        await self._ask("read", session.get(f"{self.url}/api/messages/00000000-0000-0000-0000-000000000000/"))

    async def _probe(self, session: aiohttp.ClientSession) -> None:
        async with asyncio.TaskGroup() as probes:
            while True:
                for path in ("healthz", "readyz"):
                    probes.create_task(self._ask(path, session.get(f"{self.url}/{path}")))
                await asyncio.sleep(PROBES_EVERY)

    async def _ask(self, what: str, request: Any) -> tuple[int, dict[str, Any]]:
        begun, status, content, retry_after, detail = time.monotonic(), 0, {}, False, ""
        try:
            async with request as response:
                content = await response.json(content_type=None)
                status, retry_after = response.status, "Retry-After" in response.headers
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            detail = repr(error)
        self.tries.append(Try(what, begun, time.monotonic() - begun, status, retry_after, detail))
        return status, content or {}

    def _key(self, number: int) -> str:
        return f"{self.name}-{number}".replace(" ", "-")


def summary(tries: list[Try]) -> dict[str, str]:
    """Return how many got which answer, and the slowest, for each kind of request."""
    found = {}
    for what in sorted({one.what for one in tries}):
        mine = [one for one in tries if one.what == what]
        seconds = sorted(one.seconds for one in mine)
        half, most = seconds[len(seconds) // 2], seconds[-1]
        found[what] = f"{dict(Counter(one.status for one in mine))} p50 {half:.2f} s, longest {most:.2f} s"
    return found
