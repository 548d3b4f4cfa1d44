"""`/api/openapi.json`, and `/api/docs/` to read it: nothing is asked of another host, and no script is run."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from edge import problems
from edge.endpoint import Endpoint
from edge.openapi.document import Group, document
from edge.openapi.operations import Operation
from edge.reference import render

DOCUMENT: Final = "/api/openapi.json"
PAGE: Final = "/api/docs/"
HERE: Final = Path(__file__).parent
MEDIA_TYPES: Final = {".css": "text/css", ".svg": "image/svg+xml"}
ASSETS: Final = {f"{PAGE}assets/{path.name}": path for path in (HERE / "assets").iterdir()}

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Reference:
    """Serves the description of some operations, which is made when somebody first asks for it."""

    def __init__(
        self, operations: Sequence[Operation], *, title: str, description: str, groups: Sequence[Group]
    ) -> None:
        self._operations = operations
        self._about: Mapping[str, Any] = {"title": title, "description": description, "groups": groups}
        self._endpoints = {
            DOCUMENT: Endpoint(GET=self._show_document),
            PAGE: Endpoint(GET=self._show_page),
            PAGE.rstrip("/"): Endpoint(GET=_show_the_way),
        }

    @cached_property
    def document(self) -> dict[str, Any]:
        """The description."""
        return document(self._operations, **self._about)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the description, the page and its files."""
        path = scope["path"]
        if path in ASSETS:
            await Endpoint(GET=_show_asset)(scope, receive, send)
        else:
            await self._endpoints.get(path, problems.not_found())(scope, receive, send)

    async def _show_document(self, _: Request) -> Response:
        return Response(orjson.dumps(self.document), HTTPStatus.OK, HEADERS, "application/json")

    async def _show_page(self, _: Request) -> Response:
        return Response(render.page(self.document), HTTPStatus.OK, HEADERS, "text/html")


async def _show_the_way(_: Request) -> Response:
    return RedirectResponse(PAGE, HTTPStatus.TEMPORARY_REDIRECT)


async def _show_asset(request: Request) -> Response:
    path = ASSETS[request.scope["path"]]
    return Response(path.read_bytes(), HTTPStatus.OK, HEADERS, MEDIA_TYPES[path.suffix])
