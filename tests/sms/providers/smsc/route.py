"""A route to the SMSC: the provider, kept bound, and what was stored of what came."""

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

from sms.errors import Unavailable
from sms.providers.base import Setup, Submission
from sms.providers.smpp import Smpp

FOREVER = float("inf")
SAID = {"host": "127.0.0.1", "system_id": "esme", "password": "secret"}


class Stored:
    """What is stored: receipts as they come, texts once by their reference, as the database does."""

    def __init__(self):
        self.reports = []
        self.texts = {}
        self.is_away = False  # nothing can be stored
        self.is_told_late = 0.0  # seconds from storing to saying so
        self.came = asyncio.Condition()

    async def __call__(self, reports, texts):
        if self.is_away:
            raise Unavailable
        self.reports += reports
        for one in texts:
            self.texts.setdefault(one.provider_reference, one)
        async with self.came:
            self.came.notify_all()
        await asyncio.sleep(self.is_told_late)

    async def wait(self, *, reports=0, texts=0):
        """Wait until so much is stored."""
        async with asyncio.timeout(10), self.came:
            await self.came.wait_for(lambda: len(self.reports) >= reports and len(self.texts) >= texts)


def provider(to, *, timeout=5.0, **said):
    """Make the provider of a route `to` a port here."""
    options = {one.name: one.default or "" for one in Smpp.OPTIONS} | SAID | {"port": str(to)} | said
    return Smpp.from_setup(Setup(route="primary", options=options, timeout=timeout))


@asynccontextmanager
async def bound(smsc, *, wait=True, **said):
    """Keep a provider bound to the SMSC; its `stored` is what came."""
    made = provider(smsc.port, **said)
    made.stored, made.stop = Stored(), asyncio.Event()
    keeping = made.keeping = asyncio.create_task(made.keep_bound(made.stored, stop=made.stop))
    try:
        if wait:
            await until_bound(made)
        yield made
    finally:
        made.stop.set()
        await asyncio.wait_for(keeping, 15)


async def until_bound(made, *, within=10.0):
    """Wait until there is a connection."""
    async with asyncio.timeout(within):
        while not made.is_bound:
            await asyncio.sleep(0.01)


def submission(text="Your code is 123456", *, sender_id="MyCorp", recipient="+233200000901", valid_for=None):
    """Return one message."""
    return Submission(uuid4(), sender_id, recipient, text, valid_for)


async def submit(made, *submissions, deadline=FOREVER):
    """Hand over messages, and return the outcomes by the ids of the attempts."""
    found = {}
    async for outcomes in made.submit(submissions, deadline=deadline):
        found |= outcomes
    return found


async def submit_one(made, text="Your code is 123456", *, deadline=FOREVER, **fields):
    """Hand over one message, and return its outcome."""
    one = submission(text, **fields)
    return (await submit(made, one, deadline=deadline))[one.attempt_id]
