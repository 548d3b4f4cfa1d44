"""Refusals as clients see them: data where the request can be mended, the `errors` list for the rest."""

from typing import Final, Self
from uuid import uuid4

import strawberry
import structlog
from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from graphql_api.enums import RefusalCode
from sms import errors
from sms.errors import ErrorCode, SmsError

log = structlog.get_logger(__name__)

# How the libraries say that a document cannot be run.
BAD_REQUESTS: Final = (GraphQLError, MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError)


@strawberry.interface(description="Why a request was refused. Nothing was stored or changed.")
class Refusal:
    """Why a request was refused."""

    code: RefusalCode = strawberry.field(description="Stable; made for programs.")
    field: str | None = strawberry.field(description="The input field to mend, as it is spelled in the input.")
    detail: str = strawberry.field(description="A sentence that a person can act on.")


@strawberry.type(description="The message breaks a rule. The same idempotency key may be used for the mended one.")
class InvalidMessage(Refusal):
    """The message breaks a rule."""


@strawberry.type(description="The idempotency key was used for a different request.")
class IdempotencyConflict(Refusal):
    """The idempotency key was used for a different request."""


@strawberry.type(description="The request for many messages cannot be taken as a whole.")
class InvalidBatch(Refusal):
    """The request for many messages cannot be taken as a whole."""


@strawberry.type(description="Why this one of many messages was not stored.")
class MessageRefusal(Refusal):
    """Why this one of many messages was not stored."""

    @classmethod
    def of(cls, error: SmsError) -> Refusal:
        """Show a refusal."""
        if isinstance(error, errors.LimitExceeded):
            return LimitExceeded.of(error)
        return cls(code=error.code, field=_spelled(error), detail=error.detail)


@strawberry.type(description="The account has sent as much as it may. The same request may come again later.")
class LimitExceeded(Refusal):
    """The account has sent as much as it may."""

    retry_after: int = strawberry.field(description="Seconds to wait before the same request can be accepted.")

    @classmethod
    def of(cls, error: errors.LimitExceeded) -> Self:
        """Show a refusal."""
        return cls(code=error.code, field=_spelled(error), detail=error.detail, retry_after=error.retry_after)


@strawberry.type(description="The account has no message with this id.")
class MessageNotFound(Refusal):
    """The account has no message with this id."""


@strawberry.type(
    description="The message was sent, or may have been, or its fate is decided; `detail` tells its status."
)
class NotCancelable(Refusal):
    """The message can no longer be withdrawn."""


@strawberry.type(description="The account has no opt-out with this id.")
class OptOutNotFound(Refusal):
    """The account has no opt-out with this id."""


class InvalidMessages(strawberry.ExceptionHandler[errors.InvalidMessage, InvalidMessage]):
    """Makes a broken rule a member of the field's union."""

    def handle(
        self, exception: errors.InvalidMessage, *, field: StrawberryField, info: strawberry.Info
    ) -> InvalidMessage:
        """Translate."""
        return InvalidMessage(code=exception.code, field=_spelled(exception), detail=exception.detail)


class IdempotencyConflicts(strawberry.ExceptionHandler[errors.IdempotencyConflict, IdempotencyConflict]):
    """Makes a reused key a member of the field's union."""

    def handle(
        self, exception: errors.IdempotencyConflict, *, field: StrawberryField, info: strawberry.Info
    ) -> IdempotencyConflict:
        """Translate."""
        return IdempotencyConflict(code=exception.code, field=_spelled(exception), detail=exception.detail)


class LimitsExceeded(strawberry.ExceptionHandler[errors.LimitExceeded, LimitExceeded]):
    """Makes a limit that is reached a member of the field's union."""

    def handle(
        self, exception: errors.LimitExceeded, *, field: StrawberryField, info: strawberry.Info
    ) -> LimitExceeded:
        """Translate."""
        return LimitExceeded.of(exception)


class InvalidBatches(strawberry.ExceptionHandler[errors.InvalidBatch, InvalidBatch]):
    """Makes a batch that cannot be taken a member of the field's union."""

    def handle(self, exception: errors.InvalidBatch, *, field: StrawberryField, info: strawberry.Info) -> InvalidBatch:
        """Translate."""
        return InvalidBatch(code=exception.code, field=_spelled(exception), detail=exception.detail)


class MessagesNotFound(strawberry.ExceptionHandler[errors.MessageNotFound, MessageNotFound]):
    """Makes an unknown id a member of the field's union."""

    def handle(
        self, exception: errors.MessageNotFound, *, field: StrawberryField, info: strawberry.Info
    ) -> MessageNotFound:
        """Translate."""
        return MessageNotFound(code=exception.code, field=_spelled(exception), detail=exception.detail)


class NotCancelables(strawberry.ExceptionHandler[errors.NotCancelable, NotCancelable]):
    """Makes a cancellation that came too late a member of the field's union."""

    def handle(
        self, exception: errors.NotCancelable, *, field: StrawberryField, info: strawberry.Info
    ) -> NotCancelable:
        """Translate."""
        return NotCancelable(code=exception.code, field=_spelled(exception), detail=exception.detail)


class OptOutsNotFound(strawberry.ExceptionHandler[errors.OptOutNotFound, OptOutNotFound]):
    """Makes an unknown id a member of the field's union."""

    def handle(
        self, exception: errors.OptOutNotFound, *, field: StrawberryField, info: strawberry.Info
    ) -> OptOutNotFound:
        """Translate."""
        return OptOutNotFound(code=exception.code, field=_spelled(exception), detail=exception.detail)


def _spelled(exception: SmsError) -> str | None:
    return exception.field and to_camel_case(exception.field)


def finish(error: GraphQLError) -> None:
    """Give an error its `extensions.code`, and hide what clients must not see. Does nothing the second time."""
    if error.extensions and "code" in error.extensions:
        return
    cause = error.original_error
    if isinstance(cause, SmsError):
        error.message = cause.detail
        error.extensions = {"code": cause.code}
    elif cause is None or isinstance(cause, BAD_REQUESTS):
        error.extensions = {"code": ErrorCode.INVALID_REQUEST}
    else:
        incident = log_incident(cause, path=error.path)
        error.message = f"Internal error ({incident})."
        error.extensions = {"code": ErrorCode.INTERNAL_ERROR}


def hide_suggestion(error: GraphQLError) -> None:
    """Take away what would tell the right name to who guesses."""
    error.message = error.message.partition(" Did you mean ")[0]


def log_incident(cause: BaseException, **facts: object) -> str:
    """Log what went wrong on our side, and return the id under which it can be found."""
    incident = uuid4().hex
    log.error("request_failed", incident=incident, exc_info=cause, **facts)
    return incident


def refusal_behind(found: list[GraphQLError] | None) -> SmsError | None:
    """Return the refusal of the domain that caused one of the errors, if any."""
    causes = (error.original_error for error in found or ())
    return next((cause for cause in causes if isinstance(cause, SmsError)), None)


def was_executed(result: ExecutionResult) -> bool:
    """Whether a result has `data` to show: not if the request failed before it, nor if the domain refused it."""
    found = result.errors
    return not found or (any(error.path for error in found) and refusal_behind(found) is None)
