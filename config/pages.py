"""Django's own pages, behind ASGI: the admin, for operators, and its static files."""

import sys
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, Final

from asgiref.sync import ThreadSensitiveContext
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from edge import bodies, problems
from edge.client_address import client_address, is_https, is_told_by_stranger
from sms.networks import is_within

ADMIN: Final = "/admin"

# One thread, which keeps its database connection: by itself Django makes a thread and a connection for each request.
_thread = ThreadPoolExecutor(1, thread_name_prefix="pages")


class Pages:
    """Lets operators in, from where they may come."""

    def __init__(self, django: Any) -> None:
        self._django = django
        self._static = StaticFiles(packages=[("django.contrib.admin", "static")])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._page_for(scope)(scope, receive, send)

    def _page_for(self, scope: Scope) -> ASGIApp:
        path = scope["path"]
        if not (path == ADMIN or path.startswith(f"{ADMIN}/")) or not _may_see_admin(scope):
            return problems.not_found()
        if path.startswith(settings.STATIC_URL):
            return self._serve_file
        return self._show if _has_small_body(scope) else problems.too_large("A form is not so large.")

    async def _show(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_https(scope):
            scope = {**scope, "scheme": "https"}
        async with ThreadSensitiveContext(executor=_thread):
            await self._django(scope, receive, send)

    async def _serve_file(self, scope: Scope, receive: Receive, send: Send) -> None:
        within = {**scope, "root_path": settings.STATIC_URL.rstrip("/")}
        try:
            await self._static(within, receive, send)
        except HTTPException:
            await problems.not_found()(scope, receive, send)


def _may_see_admin(scope: Scope) -> bool:
    """Whether somebody comes from where operators are.

    Not if a proxy that nobody told us of passes the request on: then it only seems to come from there.
    """
    address = client_address(scope)
    return address is not None and not is_told_by_stranger(scope) and is_within(address, settings.SMS_ADMIN_NETWORKS)


def _has_small_body(scope: Scope) -> bool:
    """Whether a request says that its body is no larger than a form: Django would keep what comes, and then look."""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "0")
    return "transfer-encoding" not in headers and length.isdecimal() and int(length) <= bodies.LARGEST


def show_failure(_: HttpRequest) -> HttpResponse:
    """Say that a page could not be made: without a database it is not the page's fault."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        text, status = "The database does not answer; try again shortly.", HTTPStatus.SERVICE_UNAVAILABLE
    else:
        text, status = "Something went wrong on our side, and was logged.", HTTPStatus.INTERNAL_SERVER_ERROR
    headers = {"Retry-After": "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8", headers=headers)
