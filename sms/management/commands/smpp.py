"""`manage.py smpp --route NAME`: serve a route over SMPP, for as long as the process lives."""

import signal
import threading
from typing import Any

from django.core.management.base import CommandError, CommandParser

from sms.errors import Unavailable
from sms.management.terminal import OperatorCommand
from sms.services.serve import NotServed, serve


class Command(OperatorCommand):
    """A process of its own: it stays bound, hands over what is due on the route, and stores what the SMSC brings."""

    help = (
        "Serves a route over SMPP until it is told to stop (SIGTERM, SIGINT). Several processes may serve a route, "
        "each with a bind of its own."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the route."""
        parser.add_argument("--route", required=True, metavar="NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until told to stop."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            serve(options["route"], stop=stop)
        except (NotServed, Unavailable) as error:
            raise CommandError(str(error), returncode=1) from None
