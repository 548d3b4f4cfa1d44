"""How many sockets a process may have open."""

import resource
from contextlib import suppress


def allow_many() -> None:
    """Take as many open files as we may have: often 1,024 are allowed at first.

    Each subscriber needs one, and each request that waits for a provider.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # a system that does not mean what it says; then the first limit stays
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
