"""The simulator's process: `python -m simulator`."""

import contextlib
import gc
import logging
import socket
from urllib.parse import urlsplit

import uvicorn

from simulator import logs, settings
from simulator.app import Api, make_app
from simulator.settings import Settings

log = logging.getLogger("simulator")

KEEP_ALIVE = 75  # seconds
DRAIN = 1  # seconds that open requests get when the server is told to stop


class Server(uvicorn.Server):
    """A uvicorn server that is not held up by requests which wait on purpose."""

    def __init__(self, api: Api) -> None:
        super().__init__(
            uvicorn.Config(
                make_app(api),
                http="httptools",
                loop="uvloop",
                ws="none",
                lifespan="on",
                access_log=False,
                proxy_headers=False,
                log_config=None,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=DRAIN,
            )
        )
        self._api = api

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let waiting requests go, then stop."""
        self._api.stop_waiting()
        await super().shutdown(sockets)


def main() -> None:
    """Serve until told to stop. Raises SystemExit with one sentence when it cannot start."""
    options = settings.read()
    # Messages and receipts live long and by the hundred thousand; the usual thresholds walk through all of them again
    # and again, which costs a third of the speed.
    gc.set_threshold(50_000, 50, 100)
    logs.configure(options.log_level)
    with _listen(options) as listener:
        host, port = listener.getsockname()[:2]
        webhook = urlsplit(options.webhook_url)
        log.info("simulator_listens host=%s port=%d webhook=%s%s", host, port, webhook.hostname, webhook.path)
        with contextlib.suppress(KeyboardInterrupt):
            Server(Api(options)).run([listener])


def _listen(options: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        return socket.create_server((options.host, options.port), family=family)
    except (OSError, UnicodeError) as error:  # a UnicodeError for what cannot be a host name
        where = f"SIMULATOR_HOST={options.host}, SIMULATOR_PORT={options.port}"
        raise SystemExit(f"The simulator cannot listen ({where}): {error}") from None


if __name__ == "__main__":
    import gc

    gc.set_threshold(100_000, 50, 100)
    main()
