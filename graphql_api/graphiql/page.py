"""GraphiQL, served from our own files: the page makes no request to another host."""

from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from django.conf import settings
from starlette.datastructures import Headers
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from edge import problems

HERE: Final = Path(__file__).parent
ASSETS: Final = {path.name: path for path in (HERE / "assets").iterdir() if path.suffix in {".js", ".css", ".svg"}}

# React, CodeMirror and GraphiQL set styles from scripts; nothing else needs more than our own files.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SAFE: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
FOR_EVER: Final = "public, max-age=31536000, immutable"


def is_wanted(scope: Scope) -> bool:
    """Whether a browser asks for a page, and there is to be one."""
    asked = scope["method"] in {"GET", "HEAD"} and "text/html" in Headers(scope=scope).get("accept", "")
    return asked and settings.SMS_GRAPHQL_IDE


async def show(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the page."""
    if scope["path"].endswith("/"):
        headers = {**SAFE, "Content-Security-Policy": POLICY, "Vary": "Accept", "Cache-Control": "no-cache"}
        response: Response = Response(_html(), HTTPStatus.OK, headers, "text/html")
    else:  # the page's own links are relative
        response = RedirectResponse("graphql/", HTTPStatus.TEMPORARY_REDIRECT)
    await response(scope, receive, send)


async def serve_asset(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with one of the page's files."""
    path = ASSETS.get(scope["path"].rpartition("/")[2])
    if path is None or scope["method"] not in {"GET", "HEAD"} or not settings.SMS_GRAPHQL_IDE:
        response: Response = problems.not_found()
    else:
        vendored = any(letter.isdigit() for letter in path.name)  # its name has its version
        response = FileResponse(path, headers={**SAFE, "Cache-Control": FOR_EVER if vendored else "no-cache"})
    await response(scope, receive, send)


@cache
def _html() -> bytes:
    return (HERE / "page.html").read_bytes()
