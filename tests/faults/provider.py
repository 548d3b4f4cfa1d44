"""Receipts that the harness sends itself, for messages about which the simulator is silent: it counts the answers.

A good provider: the same receipt again until somebody says 2xx; now and then one too many, and one out of order.
"""

import asyncio
import hashlib
import hmac
import json
import random
from dataclasses import dataclass, field

import aiohttp

from tests.faults.plan import OURS, Plan
from tests.stack import SECRET

LOOKS_EVERY = 0.3  # seconds
TIMEOUT = 5.0
WAIT = 0.3
WORDS = (("DELIVERED",), ("DELIVERED",), ("DELIVERED", "DELIVERED"), ("ENROUTE", "DELIVERED"), ("DELIVERED", "ENROUTE"))


@dataclass(slots=True)
class Provider:
    """Looks at the simulator for what was taken, and reports on it to the webhook."""

    simulator_url: str
    url: str
    plan: Plan
    rng: random.Random
    answered: dict[str, int] = field(default_factory=dict)  # provider reference → receipts answered 2xx
    refused: list[int] = field(default_factory=list)
    tries: int = 0

    async def run(self) -> None:
        """Report until cancelled."""
        seen: set[str] = set()
        limits = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=limits) as session, asyncio.TaskGroup() as reports:
            while True:
                for client_reference in await self._taken(session):
                    if client_reference not in seen:
                        seen.add(client_reference)
                        reports.create_task(self._report(session, client_reference))
                await asyncio.sleep(LOOKS_EVERY)

    async def _taken(self, session: aiohttp.ClientSession) -> list[str]:
        async with session.get(f"{self.simulator_url}/v1/submits?to=2332000009{OURS}") as response:
            found = (await response.json())["messages"]
        ours = [one for one in found if one["text"].startswith(f"{self.plan.name} ")]
        return [reference for one in ours for reference in one["client_references"]]

    async def _report(self, session: aiohttp.ClientSession, client_reference: str) -> None:
        async with session.get(f"{self.simulator_url}/v1/messages?client_reference={client_reference}") as response:
            reference = (await response.json())["reference"]
        for word in self.rng.choice(WORDS):
            document = {"provider_reference": reference, "client_reference": client_reference, "status": word}
            await self._post(session, reference, json.dumps(document).encode())

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
