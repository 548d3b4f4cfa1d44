"""What goes wrong in words for the person at the terminal."""


class DevstackError(Exception):
    """A sentence that says what is wrong and what to do; printed as it is, without a traceback."""


class StopRequested(Exception):
    """Somebody pressed Ctrl-C, or sent SIGTERM or SIGHUP."""
