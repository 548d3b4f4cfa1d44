"""Many subscribers in one process, to be killed or cut off: `python -m tests.faults.crowd URL KEY SOCKETS ID…`.

Each socket follows one of the messages for as long as the process lives.
"""

import asyncio
import json
import resource
import sys
from contextlib import AsyncExitStack

from websockets.asyncio.client import ClientConnection, connect

from tests.sockets import WATCH

AT_ONCE = 20
HERE = "all are here"


async def follow(socket: ClientConnection, api_key: str, message_id: str) -> None:
    """Say hello, follow one message, and wait for its first event."""
    hello = {"type": "connection_init", "payload": {"authorization": f"Bearer {api_key}"}}
    await socket.send(json.dumps(hello))
    payload = {"query": WATCH, "variables": {"id": message_id, "after": 0}}
    await socket.recv()
    while True:
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        answer = json.loads(await socket.recv())
        if answer["type"] == "next":
            return
        assert answer["payload"][0]["extensions"]["code"] == "OVERLOADED", answer
        await asyncio.sleep(1)  # as every client is told to


async def main(url: str, api_key: str, sockets: int, message_ids: list[str]) -> None:
    """Open all sockets, say so, and stay."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as at_the_end:

        async def come(number: int) -> None:
            async with gate:
                opening = connect(url, subprotocols=["graphql-transport-ws"], compression=None, open_timeout=30)
                socket = await at_the_end.enter_async_context(opening)
                await follow(socket, api_key, message_ids[number % len(message_ids)])

        await asyncio.gather(*map(come, range(sockets)))
        print(HERE, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]))
