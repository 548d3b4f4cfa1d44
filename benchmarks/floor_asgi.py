"""The floor under every HTTP figure: a raw ASGI application that reads a request and answers ready-made bytes.

`python -m benchmarks.floor_asgi PORT` serves it exactly as `config/serve.py` serves the service. Its answer is as long
as that of an accepted message.
"""

import sys

import uvicorn
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

BODY = b"{" + b'"id": "01a20a71-b958-72b2-8f48-3aa7db2cdc78", '.ljust(700, b" ") + b"}"
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(BODY)).encode()),
    (b"location", b"/api/messages/01a20a71-b958-72b2-8f48-3aa7db2cdc78/"),
]


async def application(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answer 202."""
    assert scope["type"] == "http"
    while (message := await receive())["type"] == "http.request" and message["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 202, "headers": HEADERS, "trailers": False})
    await send({"type": "http.response.body", "body": BODY, "more_body": False})


if __name__ == "__main__":
    uvicorn.run(
        application,
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=75,
    )
