"""The web process: `python -m config.serve`."""

import uvicorn

from config import env

LARGEST_FRAME = 64 * 1024  # bytes
DRAIN = 5  # seconds that open requests and sockets get when the server is told to stop


def main() -> None:
    """Serve on HOST and PORT until told to stop."""
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
        ws_max_size=LARGEST_FRAME,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=DRAIN,
    )


if __name__ == "__main__":
    main()
