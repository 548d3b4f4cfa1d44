"""Errors as RFC 9457 `application/problem+json`, each with a stable `code`."""

from http import HTTPStatus

import orjson
from starlette.responses import Response

from edge import rate_limit
from sms import errors
from sms.errors import ErrorCode, SmsError

MEDIA_TYPE = "application/problem+json"


class BadRequest(SmsError):
    """The request is not even of the right shape."""

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(ErrorCode.INVALID_REQUEST, detail, field=field)


STATUS: dict[type[SmsError], HTTPStatus] = {
    BadRequest: HTTPStatus.BAD_REQUEST,
    errors.InvalidMessage: HTTPStatus.BAD_REQUEST,
    errors.IdempotencyConflict: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidBatch: HTTPStatus.BAD_REQUEST,
    errors.InvalidList: HTTPStatus.BAD_REQUEST,
    errors.BatchRefused: HTTPStatus.BAD_REQUEST,
    errors.DuplicateInBatch: HTTPStatus.BAD_REQUEST,
    errors.InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.MessageNotFound: HTTPStatus.NOT_FOUND,
    errors.InvalidCursor: HTTPStatus.BAD_REQUEST,
    errors.NotCancelable: HTTPStatus.CONFLICT,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.PermissionDenied: HTTPStatus.FORBIDDEN,
    errors.NotForTestKeys: HTTPStatus.FORBIDDEN,
    errors.LimitExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    errors.QuotaExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    # A matter of money, not of pace: clients that wait by themselves after a 429 would wait for weeks.
    errors.BudgetSpent: HTTPStatus.PAYMENT_REQUIRED,
    errors.InvalidReceipt: HTTPStatus.BAD_REQUEST,
    errors.InvalidInbound: HTTPStatus.BAD_REQUEST,
    errors.RouteNotFound: HTTPStatus.NOT_FOUND,
    errors.SignatureRefused: HTTPStatus.UNAUTHORIZED,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Unanswered: HTTPStatus.SERVICE_UNAVAILABLE,
}


def problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    field: str | None = None,
    headers: dict[str, str] | None = None,
    **more: object,
) -> Response:
    """Return a problem document: `type`, `title`, `status`, `code`, `detail`, the `field` to mend, and more."""
    document: dict[str, object] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "code": code,
        "detail": detail,
        **more,
    }
    if field is not None:
        document["field"] = field
    return Response(orjson.dumps(document, option=orjson.OPT_UTC_Z), status, headers, MEDIA_TYPE)


def from_error(error: SmsError, **more: object) -> Response:
    """Return what a refusal looks like over HTTP."""
    headers: dict[str, str] = {}
    if isinstance(error, errors.Unavailable | errors.LimitExceeded):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.LimitExceeded):
        headers |= rate_limit.headers_of(error.windows)
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(_status_of(error), error.code, error.detail, field=error.field, headers=headers, **more)


def _status_of(error: SmsError) -> HTTPStatus:
    # A kind of its own below one of these is answered as that one.
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def bad_method(method: str, headers: dict[str, str]) -> Response:
    """Return a 405."""
    detail = f"{method} is not possible here."
    return problem(HTTPStatus.METHOD_NOT_ALLOWED, ErrorCode.INVALID_REQUEST, detail, headers=headers)


def not_found() -> Response:
    """Return a 404 for a path that does not exist."""
    return problem(HTTPStatus.NOT_FOUND, ErrorCode.INVALID_REQUEST, "There is nothing at this path.")


def too_large(detail: str) -> Response:
    """Return a 413; the connection is closed, as the rest of the body was not read."""
    return problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.BODY_TOO_LARGE, detail, headers={"Connection": "close"}
    )
