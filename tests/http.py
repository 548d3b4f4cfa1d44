"""A plain HTTP client for tests: it sends exactly what it is told, and never repeats a request."""

import http.client
import json
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What a server answered; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self):
        """Return the parsed body."""
        return json.loads(self.body)


Observer = Callable[[str, str, Answer], None]
observers: dict[str, Observer] = {}  # by host and port: are shown each request's method and address, with its answer


def call(method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Make one request; a body that is not bytes is sent as JSON."""
    parts = urllib.parse.urlsplit(url)
    given = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        given.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), body, given)
        response = connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()
    if parts.netloc in observers:
        observers[parts.netloc](method, url, answer)
    return answer
