"""Whether a port can be listened on, said before anything is started."""

import errno
import socket
from typing import Any

from devstack.errors import DevstackError

LAST = 65_535


def refuse_taken_port(host: str, port: int) -> None:
    """Raise DevstackError, with the way out, when `host`:`port` cannot be listened on."""
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise DevstackError(f"HOST={host} is not an address of this machine.") from None
    errors = [error for family, *_, address in places if (error := _try_to_bind(family, address))]
    taken = [error for error in errors if error.errno == errno.EADDRINUSE]
    # A name may stand for an address that this machine has switched off: `localhost` without IPv6.
    if taken or len(errors) == len(places):
        raise DevstackError(_sentence(host, port, (taken or errors)[0]))


def _try_to_bind(family: int, address: tuple[Any, ...]) -> OSError | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As servers do: a connection that was closed a moment ago does not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None


def _sentence(host: str, port: int, error: OSError) -> str:
    another = f"choose another one: PORT={port + 1 if port < LAST else 8081} make run"
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program; {another}"
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the administrator; choose one from 1024 up: PORT=8080 make run"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST={host} is not an address of this machine."
    return f"Port {port} on {host} cannot be used ({error.strerror}); {another}"
