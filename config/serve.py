"""The web process: `python -m config.serve`."""

import resource
from contextlib import suppress

import uvicorn

from config import env

LARGEST_FRAME = 64 * 1024  # bytes
DRAIN = 5  # seconds that open requests and sockets get when the server is told to stop


def main() -> None:
    """Serve on HOST and PORT until told to stop."""
    _allow_many_sockets()
    uvicorn.run(
        "config.asgi:application",
        host=env.HOST,
        port=env.PORT,
        http="httptools",
        loop="uvloop",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        ws="graphql_api.connection:Connection",
        ws_max_size=LARGEST_FRAME,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=DRAIN,
    )


def _allow_many_sockets() -> None:
    """Take as many open files as we may have: often 1,024 are allowed at first, and each subscriber needs one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # a system that does not mean what it says; then the first limit stays
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
