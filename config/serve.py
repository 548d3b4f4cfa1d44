"""The web process: `python -m config.serve`."""

import asyncio
import gc
import socket
import sys
from contextlib import suppress
from types import FrameType

import uvicorn

from config import env, logs, sockets

LARGEST_FRAME = 64 * 1024  # bytes
SWITCH = 0.0005  # seconds that the loop may keep a thread waiting that has news from the database
TICK = 1.0  # seconds: for so long an answer's date may be the last second's
LEAVE = 1.0  # seconds in which clients are told to let go of their connections when the server is told to stop
DRAIN = 8  # seconds that open requests and sockets get then: more than any request may take (`sms.threads`)


class Server(uvicorn.Server):
    """Sleeps while nothing happens, and takes leave before it stops.

    Uvicorn wakes ten times a second to see whether it is to stop; here the signal wakes it. And it closes idle
    connections at once, so a client that has just sent a request into one of them never gets an answer. So first nobody
    new is let in, and for a moment each answer says "Connection: close", and is the last on its connection.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Return when told to stop."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):  # with any other number it would leave the date as it is
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), TICK)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Be told, by a signal, to stop."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let clients go, then stop."""
        if self.server_state.connections:
            for server in self.servers:
                server.close()
            self.server_state.default_headers.append((b"connection", b"close"))
            await asyncio.sleep(LEAVE)
        await super().shutdown(sockets)


def main() -> None:
    """Serve on HOST and PORT until told to stop."""
    logs.set_up()
    logs.catch_what_escapes()
    sockets.allow_many()
    config = uvicorn.Config(
        "config.asgi:application",
        host=env.HOST,
        port=env.PORT,
        http="edge.http_connection:HttpConnection",
        loop="config.loop:Loop",
        lifespan="on",
        proxy_headers=False,  # by itself uvicorn believes every process of this machine; see `edge.client_address`
        access_log=False,
        log_config=None,
        server_header=False,
        ws="graphql_api.connection:Connection",
        ws_max_size=LARGEST_FRAME,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=DRAIN,
    )
    config.load_app()  # before the loop runs
    _settle_down()
    server = Server(config)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(1)


def _settle_down() -> None:
    """Tell Python's runtime what kind of process this is, once everything is loaded."""
    gc.collect()
    gc.freeze()  # modules, models and the schema stay: to look at them again and again only costs time
    sys.setswitchinterval(SWITCH)


if __name__ == "__main__":
    main()
