"""Receipts that the harness sends itself, for messages about which the simulator is silent: it counts the answers.

A good provider: the same receipt again until somebody says 2xx; now and then one too many, and one out of order.
"""

import asyncio
import hashlib
import hmac
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp

from tests.faults.plan import OURS, Plan
from tests.stack import SECRET

T = TypeVar("T")

LOOKS_EVERY = 0.3  # seconds
TIMEOUT = 5.0
WAIT = 0.3


@dataclass(frozen=True, slots=True)
class Habits:
    """How a provider reports. A script is the words for one message: one after the other, those with a + at once."""

    scripts: tuple[str, ...]
    looks_every: float = LOOKS_EVERY
    names_attempt: float = 1.0  # the share of messages for which it tells our own reference as well as its own


USUAL = Habits(("DELIVERED", "DELIVERED", "DELIVERED DELIVERED", "ENROUTE DELIVERED", "DELIVERED ENROUTE"))
# Every script may come to nothing but DELIVERED, in whatever order its words are applied.
DISORDERLY = Habits(
    (
        "DELIVERED+DELIVERED+DELIVERED",
        "ENROUTE+DELIVERED DELIVERED",
        "DELIVERED ENROUTE+ENROUTE",
        "DELIVERED UNDELIVERED EXPIRED",
        "DELIVERED+UNDELIVERED+FAILED",
        "UNDELIVERED DELIVERED",
        "ENROUTE EXPIRED+DELIVERED DELIVERED",
    ),
    looks_every=0.05,
    names_attempt=0.7,
)


@dataclass(slots=True)
class Provider:
    """Looks at the simulator for what was taken, and reports on it to the webhook."""

    simulator_url: str
    url: str
    plan: Plan
    rng: random.Random
    habits: Habits = USUAL
    answered: dict[str, int] = field(default_factory=dict)  # provider reference → receipts answered 2xx
    refused: list[int] = field(default_factory=list)
    tries: int = 0
    under_way: int = 0  # messages about which it has not said everything

    async def run(self) -> None:
        """Report until cancelled."""
        seen: set[str] = set()
        limits = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=limits) as session, asyncio.TaskGroup() as reports:
            while True:
                for client_reference in await self._patiently(self._taken, session):
                    if client_reference not in seen:
                        seen.add(client_reference)
                        self.under_way += 1
                        reports.create_task(self._report(session, client_reference))
                await asyncio.sleep(self.habits.looks_every)

    async def _taken(self, session: aiohttp.ClientSession) -> list[str]:
        async with session.get(f"{self.simulator_url}/v1/submits?to=2332000009{OURS}") as response:
            found = (await response.json())["messages"]
        ours = [one for one in found if one["text"].startswith(f"{self.plan.name} ")]
        return [reference for one in ours for reference in one["client_references"]]

    async def _reference(self, session: aiohttp.ClientSession, client_reference: str) -> str:
        async with session.get(f"{self.simulator_url}/v1/messages?client_reference={client_reference}") as response:
            return (await response.json())["reference"]

    async def _patiently(self, ask: Callable[..., Awaitable[T]], *args: object) -> T:
        """Ask the simulator, and again while it stands still."""
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                return await ask(*args)
            await asyncio.sleep(WAIT)

    async def _report(self, session: aiohttp.ClientSession, client_reference: str) -> None:
        reference = await self._patiently(self._reference, session, client_reference)
        document = {"provider_reference": reference}
        script = self.rng.choice(self.habits.scripts)
        if self.rng.random() < self.habits.names_attempt:
            document["client_reference"] = client_reference
        for step in script.split():
            bodies = [json.dumps(document | {"status": word}).encode() for word in step.split("+")]
            await asyncio.gather(*(self._post(session, reference, body) for body in bodies))
        self.under_way -= 1

    async def _post(self, session: aiohttp.ClientSession, reference: str, body: bytes) -> None:
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Provider-Signature": signature, "Content-Type": "application/json"}
        while True:
            self.tries += 1
            try:
                async with session.post(f"{self.url}/api/webhooks/dlr/", data=body, headers=headers) as response:
                    await response.read()
            except (aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(WAIT)
                continue
            if response.status < 300:
                self.answered[reference] = self.answered.get(reference, 0) + 1
                return
            if response.status < 500:
                self.refused.append(response.status)
                return
            await asyncio.sleep(WAIT)
