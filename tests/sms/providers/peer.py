"""The other side of the wire: a server on a real socket, in a thread of its own, that does what a test tells it."""

import http.client
import json
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Received:
    """One request, as it came."""

    method: str
    target: str
    headers: dict  # names in lower case
    body: bytes

    @property
    def path(self):
        """The path, without the query."""
        return urlsplit(self.target).path

    @property
    def query(self):
        """The fields of the query."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def form(self):
        """The fields of a form in the body."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self):
        """The document in the body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Says:
    """An answer."""

    status: int
    body: bytes = b""
    headers: dict = field(default_factory=dict)

    @classmethod
    def json(cls, status, document, headers=None):
        """Answer with a document."""
        return cls(status, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})})

    def to_bytes(self, *, keep_alive=False):
        """Return it as it goes over the wire."""
        headers = {"Content-Length": len(self.body), "Connection": "keep-alive" if keep_alive else "close"}
        lines = [f"HTTP/1.1 {self.status} Words", *(f"{k}: {v}" for k, v in (headers | self.headers).items()), "", ""]
        return "\r\n".join(lines).encode() + self.body


class Peer:
    """Serves until the `with` ends, and keeps what it was asked.

    `behave(connection, request)` is called for each request; where it returns something true, the connection is kept.
    Without `reads`, it is called for each connection, with None.
    """

    def __init__(self, behave: Callable, *, reads=True, tls: ssl.SSLContext | None = None):
        self.requests: list[Received] = []
        self._behave, self._reads, self._tls = behave, reads, tls
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()

    @property
    def url(self):
        """Its address."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._start(self._accept)
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, work, *arguments):
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def _accept(self):
        with suppress(OSError):  # the end: it was shut down
            while True:
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, connection):
        with ExitStack() as held, suppress(OSError, ValueError):
            held.enter_context(connection)
            connection.settimeout(10)
            if self._tls is not None:
                connection = held.enter_context(self._tls.wrap_socket(connection, server_side=True))
            if not self._reads:
                self._behave(connection, None)
                return
            stream = held.enter_context(connection.makefile("rb"))
            while (request := self._read(connection, stream)) is not None:
                self.requests.append(request)
                if not self._behave(connection, request):
                    return

    def _read(self, connection, stream):
        while not select.select([connection], [], [], 0.05)[0]:
            if self._stopped.is_set():  # a client may keep its connection for longer than the test
                return None
        line = stream.readline().decode()
        if not line:
            return None
        method, target, _ = line.split(" ", 2)
        headers = {name.lower(): value for name, value in http.client.parse_headers(stream).items()}
        return Received(method, target, headers, stream.read(int(headers.get("content-length", 0))))


def answering(says):
    """Answer each request: with a `Says`, or with what a function makes of the request."""

    def behave(connection, request):
        connection.sendall((says(request) if callable(says) else says).to_bytes())

    return behave


def hanging(seconds):
    """Take the request and say nothing, for longer than the client waits."""
    silence = threading.Event()

    def behave(_connection, _request):
        silence.wait(seconds)

    return behave


def resetting(connection, _request):
    """Die, a moment after the request could have come: the client gets a reset, not an end."""
    time.sleep(0.05)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def torn(says):
    """Die in the middle of the answer."""

    def behave(connection, request):
        connection.sendall((says(request) if callable(says) else says).to_bytes()[:-1])

    return behave


def once_and_then_gone(says):
    """Answer the first request and keep the connection; end it without a word when the second has come."""

    def behave(connection, request):
        if behave.is_gone:
            return False
        behave.is_gone = True
        connection.sendall(says(request).to_bytes(keep_alive=True))
        return True

    behave.is_gone = False
    return behave


def nobody_listens():
    """Return an address where connections are refused."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
