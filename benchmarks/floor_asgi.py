"""The floors under every HTTP figure: raw ASGI applications, served exactly as `config/serve.py` serves the service.

`python -m benchmarks.floor_asgi PORT` reads a request and answers ready-made bytes, as many as that of an accepted
message has. With `--store` it also parses the request and stores one row for it, durably, as the service does it: those
who wait share a commit. It checks nothing, and there is no key, no history and no queue: the least that can be done.
"""

import argparse
import asyncio
import gc
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import psycopg2
import uvicorn
from uuid_utils.compat import uuid7
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

BODY = b"{" + b'"id": "01a20a71-b958-72b2-8f48-3aa7db2cdc78", '.ljust(700, b" ") + b"}"
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(BODY)).encode()),
    (b"location", b"/api/messages/01a20a71-b958-72b2-8f48-3aa7db2cdc78/"),
]
STORE = """
INSERT INTO floor_message (id, account_id, sender_id, recipient, text, encoding, segment_count, delivery_policy, status,
                           sequence)
SELECT id, id, sender_id, recipient, text, 'GSM7', 1, 'AT_MOST_ONCE', 'QUEUED', 1
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[]) AS t (id, sender_id, recipient, text)
"""


async def echo(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answer 202."""
    assert scope["type"] == "http"
    while (message := await receive())["type"] == "http.request" and message["more_body"]:
        pass
    await _answer(send)


async def _answer(send: ASGISendCallable) -> None:
    await send({"type": "http.response.start", "status": 202, "headers": HEADERS, "trailers": False})
    await send({"type": "http.response.body", "body": BODY, "more_body": False})


class Storing:
    """Answers 202 once a row is stored, and stores together what has come while it stored."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url)
        self._connection.autocommit = True
        self._waiting: list[tuple[dict[str, str], asyncio.Future[None]]] = []
        self._thread = ThreadPoolExecutor(1)
        self._flusher: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Store one request."""
        assert scope["type"] == "http"
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((orjson.loads(body), stored))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        await stored
        await _answer(send)

    async def _flush(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            messages = [message for message, _ in taken]
            await asyncio.get_running_loop().run_in_executor(self._thread, self._store, messages)
            for _, stored in taken:
                stored.set_result(None)
        self._flusher = None

    def _store(self, messages: list[dict[str, str]]) -> None:
        columns: list[list[Any]] = [[str(uuid7()) for _ in messages]]
        columns += [[one[name] for one in messages] for name in ("sender_id", "recipient", "text")]
        with self._connection.cursor() as cursor:
            cursor.execute(STORE, columns)


def main() -> None:
    """Serve until told to stop."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("port", type=int)
    options.add_argument("--store", action="store_true")
    given = options.parse_args()
    application = Storing(os.environ["DATABASE_URL"]) if given.store else echo
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(0.0005)  # these three are what `config.serve` does, which cannot be imported here
    uvicorn.run(
        application,
        port=given.port,
        http="edge.http_connection:HttpConnection",
        loop="config.loop:Loop",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
