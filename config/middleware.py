"""What every page of the admin is sent with."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

# Everything comes from us; nobody may show the pages inside of theirs.
POLICY: Final = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


class SafePages:
    """Tells browsers to trust nothing but ourselves, and to keep the cookies of an encrypted page to such pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        response = self._get_response(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers.setdefault("Cache-Control", "no-store")
        for cookie in response.cookies.values():
            cookie["secure"] = request.is_secure()
        return response
