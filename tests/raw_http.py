"""An HTTP client that sends bytes as they are, and says what came back."""

import re
import socket


def exchange(port, *parts, every=0.01, within=10.0):
    """Send parts, some seconds apart, and return the statuses of all answers, and all bytes, once the server closes.

    Raises TimeoutError if it does not.
    """
    got = b""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        try:
            for part in parts:
                connection.settimeout(within)
                connection.sendall(part)
                got += _read(connection, every)
            connection.settimeout(within)
            while piece := connection.recv(65_536):
                got += piece
        except ConnectionError:  # it was closed while we were still sending
            pass
    return statuses(got), got


def _read(connection, within):
    """Read what comes meanwhile: an answer that lies unread is lost when the connection is reset."""
    connection.settimeout(within)
    try:
        return connection.recv(65_536)
    except TimeoutError:
        return b""


def statuses(got):
    """Return the status of every answer."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", got)]
