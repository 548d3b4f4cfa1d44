"""The clock of the sweeps: `python -m config.beat`. One is enough; two do no harm."""

from config import logs
from config.celery import app


def main() -> None:
    """Tick until told to stop."""
    logs.set_up()
    logs.catch_what_escapes()
    app.start(["beat"])


if __name__ == "__main__":
    main()
