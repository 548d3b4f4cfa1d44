"""An answer of this edge, in JSON."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response


def json(
    document: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a document, with its times in UTC."""
    return Response(orjson.dumps(document, option=orjson.OPT_UTC_Z), status, headers, "application/json")
