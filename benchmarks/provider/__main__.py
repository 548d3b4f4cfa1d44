"""`python -m benchmarks.provider --port PORT`: serve it."""

import argparse

import uvicorn

from benchmarks.provider.app import Api
from benchmarks.provider.receipts import Outbox


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each submit is held back")
    parser.add_argument("--receipts-to", type=int, help="port of the service that gets receipts; without it, none")
    parser.add_argument("--receipt-delay", type=float, default=0.0, help="seconds from a submit to its receipt")
    parser.add_argument("--receipt-connections", type=int, default=16)
    parser.add_argument("--receipts-a-request", type=int, default=1)
    given = parser.parse_args()
    outbox = None
    if given.receipts_to is not None:
        outbox = Outbox(
            host="127.0.0.1",
            port=given.receipts_to,
            connections=given.receipt_connections,
            delay=given.receipt_delay,
            most=given.receipts_a_request,
        )
    uvicorn.run(
        Api(latency=given.latency, outbox=outbox),
        port=given.port,
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_config=None,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
