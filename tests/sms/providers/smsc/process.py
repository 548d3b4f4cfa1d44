"""The SMSC as a process: told what to do, asked what it saw."""

import asyncio
import json
from pathlib import Path

from tests.node import find

HERE = Path(__file__).parent
WITHIN = 10.0  # seconds for what has to come


class Smsc:
    """One process of node. It may be killed and started again on the same port; `seen` is kept."""

    def __init__(self, **settings):
        self.settings = settings
        self.port = 0
        self.seen = []
        self._came = asyncio.Condition()
        self._process = None

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *_):
        await self.kill()

    async def start(self, **settings):
        """Start it, and wait until it listens."""
        self.settings |= settings
        said = json.dumps(self.settings | {"port": self.port})
        program = await asyncio.to_thread(find, HERE)
        self._process = await asyncio.create_subprocess_exec(
            program, HERE / "smsc.js", said, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self._reading = asyncio.create_task(self._read())
        self.port = (await self.wait("listening", count=self.count("listening") + 1))[-1]["port"]

    async def kill(self):
        """End it at once, and read what it had told."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    def order(self, order, **given):
        """Tell it to do something."""
        self._process.stdin.write(json.dumps({"order": order, **given}).encode() + b"\n")

    def set(self, **settings):
        """Change how it behaves from now on."""
        self.order("set", **settings)

    def deliver(self, tag="it", **fields):
        """Bring something, again and again until it is taken; `tag` tells it from other things."""
        self.order("deliver", fields=fields, tag=tag)

    def all(self, what):
        """Return everything of a kind that it has told."""
        return [one for one in self.seen if one["what"] == what]

    def count(self, what):
        """Return how much of a kind it has told."""
        return len(self.all(what))

    @property
    def accepted(self):
        """The submits that it has taken."""
        return [one for one in self.all("submit") if one["status"] == 0]

    async def wait(self, what, *, count=1):
        """Wait until it has told so much of a kind, and return that."""
        async with asyncio.timeout(WITHIN), self._came:
            await self._came.wait_for(lambda: self.count(what) >= count)
        return self.all(what)

    async def _read(self):
        async for line in self._process.stdout:
            self.seen.append(json.loads(line))
            async with self._came:
                self._came.notify_all()
