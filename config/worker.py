"""A worker process: `python -m config.worker`. As many as you like may run."""

from config import logs, sockets
from config.celery import app


def main() -> None:
    """Work until told to stop; what is under way is finished first."""
    logs.set_up()
    logs.catch_what_escapes()
    sockets.allow_many()
    # Workers need not know each other: what is whose is decided by leases in PostgreSQL.
    app.worker_main(["worker", "--without-mingle", "--without-gossip", "--without-heartbeat"])


if __name__ == "__main__":
    main()
