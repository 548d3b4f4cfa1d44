"""The link to the next page of a list (RFC 8288)."""

from urllib.parse import urlencode

from starlette.requests import Request


def link_to(request: Request, path: str, cursor: str | None) -> dict[str, str]:
    """Return the header that leads to the page behind a cursor, with the same filter; nothing behind the last page."""
    if cursor is None:
        return {}
    same = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    return {"Link": f'<{path}?{urlencode([*same, ("after", cursor)])}>; rel="next"'}
