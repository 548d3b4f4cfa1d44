"""A webhook for tests: it takes receipts over real HTTP, checks their signatures, and answers as it is told."""

import hashlib
import hmac
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "first-secret-of-the-tests"
UNNAMED_ANSWER = 0.2  # seconds that the answer to a receipt without a client reference takes


@dataclass(frozen=True)
class Call:
    """One receipt as it came, and what was answered; times are of `time.monotonic()`."""

    body: bytes
    headers: dict[str, str]
    status: int
    came_at: float
    answered_at: float
    document: dict = field(default_factory=dict)


class Server(ThreadingHTTPServer):
    """Takes many connections at once, and is closed when all of them are."""

    request_queue_size = 128
    daemon_threads = False


class Sink:
    """Listens on a free port while it is entered."""

    def __init__(self, port: int = 0) -> None:
        self.calls: list[Call] = []
        self.unnamed_answer = UNNAMED_ANSWER
        self._answers: dict[str, list[int | None]] = {}
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._server = Server(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_port}/dlr/"

    def __enter__(self):
        """Start to listen."""
        self._thread.start()
        return self

    def __exit__(self, *_error):
        """Stop; whoever still sends here must have been stopped before."""
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, client_reference: str, *answers: int | None) -> None:
        """Answer the next receipts of a message like this (None: not at all), and 202 after that."""
        self._answers[client_reference] = list(answers)

    def of(self, reference: str) -> list[Call]:
        """Return the calls so far about a message, by either of its references."""
        with self._changed:
            return [one for one in self.calls if reference in _references(one.document)]

    def wait_for(self, reference: str, count: int, *, within: float = 5) -> list[Call]:
        """Wait until there were `count` calls about a message."""
        end = time.monotonic() + within
        with self._changed:
            while len(found := [one for one in self.calls if reference in _references(one.document)]) < count:
                left = end - time.monotonic()
                assert left > 0, f"{len(found)} of {count} receipts for {reference}"
                self._changed.wait(left)
        return found

    def _take(self, body: bytes, headers: dict[str, str], came_at: float) -> int | None:
        document = json.loads(body)
        status = self._status(body, headers, document)
        if "client_reference" not in document:
            self._stopping.wait(self.unnamed_answer)
        call = Call(body, headers, status or 0, came_at, time.monotonic(), document)
        with self._changed:
            self.calls.append(call)
            self._changed.notify_all()
        if status is None:
            self._stopping.wait(20)
        return status

    def _status(self, body: bytes, headers: dict[str, str], document: dict) -> int | None:
        if headers.get("x-provider-signature") != signature(body):
            return 401
        answers = self._answers.get(document.get("client_reference", ""))
        return answers.pop(0) if answers else 202

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                came_at = time.monotonic()
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = sink._take(body, {name.lower(): value for name, value in self.headers.items()}, came_at)
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "2")
                if 300 <= status < 400:
                    self.send_header("Location", self.path)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_words):
                pass

        return Handler


def signature(body: bytes) -> str:
    """Return what the header X-Provider-Signature must say."""
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def _references(document: dict) -> tuple[str | None, str | None]:
    return document.get("client_reference"), document.get("provider_reference")
