"""Everything the domain may refuse, as a small tree with stable codes. Each edge translates it once.

SmsError
├── InvalidMessage         the caller can mend the request
├── IdempotencyConflict    the key was used for another request
├── InvalidBatch           the caller can mend the request for many messages
├── InvalidList            the caller can mend the request for a list
├── BatchRefused           nothing is wrong with this message, but with another one of its batch
├── DuplicateInBatch       an earlier one of its batch asks for the same
├── InternalError          our own fault
├── MessageNotFound        no such message, or another account's
├── InvalidCursor          the feed cannot be continued from there
├── NotCancelable          the message was sent, or may have been, or its fate is decided
├── Unauthenticated        no key, or not a valid one
├── PermissionDenied       a valid key without the scope
│   └── NotForTestKeys     a test key, and a live message
├── LimitExceeded          the account sends too much; the same request may come later
│   ├── RateLimited        too many a second
│   ├── QuotaExceeded      too many on one day
│   └── BudgetSpent        it would cost more than is left of the month's budget
├── InvalidReceipt         the provider's request is not a receipt
├── InvalidInbound         the provider's request is not an inbound text
├── RouteNotFound          no such route
├── SignatureRefused       the provider's request is not signed as it must be
└── Unavailable            try again; nothing was stored
    ├── Overloaded         too many were waiting
    └── Unanswered         try again; perhaps it was stored
"""

from enum import StrEnum

from sms.money import Money, plain
from sms.windows import Window


class ErrorCode(StrEnum):
    """Stable, public words: they are never renamed, only added to."""

    INVALID_REQUEST = "INVALID_REQUEST"
    COST_EXCEEDED = "COST_EXCEEDED"
    INTROSPECTION_DISABLED = "INTROSPECTION_DISABLED"
    DOCUMENT_NOT_FOUND = "DOCUMENT_NOT_FOUND"
    DOCUMENT_NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    SENDER_ID_INVALID = "SENDER_ID_INVALID"
    SENDER_ID_NOT_ALLOWED = "SENDER_ID_NOT_ALLOWED"
    RECIPIENT_INVALID = "RECIPIENT_INVALID"
    RECIPIENT_NOT_MOBILE = "RECIPIENT_NOT_MOBILE"
    TEXT_EMPTY = "TEXT_EMPTY"
    TEXT_INVALID = "TEXT_INVALID"
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    BLOCKED_KEYWORD = "BLOCKED_KEYWORD"
    CLIENT_REFERENCE_INVALID = "CLIENT_REFERENCE_INVALID"
    DELIVERY_POLICY_INVALID = "DELIVERY_POLICY_INVALID"
    VALID_FOR_INVALID = "VALID_FOR_INVALID"
    SEND_AT_INVALID = "SEND_AT_INVALID"
    PRIORITY_INVALID = "PRIORITY_INVALID"
    METADATA_INVALID = "METADATA_INVALID"
    IDEMPOTENCY_KEY_REQUIRED = "IDEMPOTENCY_KEY_REQUIRED"
    IDEMPOTENCY_KEY_INVALID = "IDEMPOTENCY_KEY_INVALID"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    MESSAGE_NOT_FOUND = "MESSAGE_NOT_FOUND"
    BATCH_INVALID = "BATCH_INVALID"
    BATCH_REFUSED = "BATCH_REFUSED"
    DUPLICATE_IN_BATCH = "DUPLICATE_IN_BATCH"
    NOT_CANCELABLE = "NOT_CANCELABLE"
    PAGE_SIZE_INVALID = "PAGE_SIZE_INVALID"
    CURSOR_INVALID = "CURSOR_INVALID"
    FILTER_INVALID = "FILTER_INVALID"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RATE_LIMITED = "RATE_LIMITED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    BUDGET_SPENT = "BUDGET_SPENT"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    RECEIPT_MALFORMED = "RECEIPT_MALFORMED"
    ROUTE_NOT_FOUND = "ROUTE_NOT_FOUND"
    INBOUND_MALFORMED = "INBOUND_MALFORMED"
    NO_ROUTE = "NO_ROUTE"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    OVERLOADED = "OVERLOADED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class SmsError(Exception):
    """A refusal with a stable `code` and a sentence that a person can act on."""

    def __init__(self, code: ErrorCode, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field


class InvalidMessage(SmsError):
    """The request cannot become a message; `field` names the part to mend."""

    def __init__(self, code: ErrorCode, detail: str, field: str) -> None:
        super().__init__(code, detail, field=field)


class IdempotencyConflict(SmsError):
    """The key already stands for a request with another content."""

    def __init__(self) -> None:
        super().__init__(
            ErrorCode.IDEMPOTENCY_KEY_REUSED,
            "This idempotency key was used for a different request; use a new key for a new message.",
            field="idempotency_key",
        )


class InvalidBatch(SmsError):
    """The request for many messages cannot be taken as a whole; `field` names the part to mend."""

    @classmethod
    def because(cls, error: InvalidMessage) -> "InvalidBatch":
        """Say of a batch what is wrong with something that a single message has, too."""
        return cls(error.code, error.detail, field=error.field)


class InvalidList(SmsError):
    """The request for a list cannot be answered; `field` names the part to mend."""

    def __init__(self, code: ErrorCode, detail: str, field: str | None) -> None:
        super().__init__(code, detail, field=field)

    @classmethod
    def because(cls, error: InvalidMessage) -> "InvalidList":
        """Say of a filter what is wrong with something that a message has, too."""
        return cls(error.code, error.detail, error.field)


class BatchRefused(SmsError):
    """The message could have been stored, but its batch is all or nothing, and another message was refused."""

    def __init__(self) -> None:
        super().__init__(
            ErrorCode.BATCH_REFUSED, "Another message was refused, so this request stored nothing: ALL_OR_NOTHING."
        )


class DuplicateInBatch(SmsError):
    """The message asks for the same as another one of its batch, and its sender wants no duplicates."""

    def __init__(self, place: int) -> None:
        super().__init__(
            ErrorCode.DUPLICATE_IN_BATCH,
            f"This is the same as messages[{place}] of this request, and duplicates are to be rejected; if both are "
            "meant, give each an idempotency key of its own.",
        )


class InternalError(SmsError):
    """Something went wrong on our side, and was logged."""

    def __init__(self, detail: str) -> None:
        super().__init__(ErrorCode.INTERNAL_ERROR, detail)


class MessageNotFound(SmsError):
    """No message of this account has that id."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.MESSAGE_NOT_FOUND, "There is no message with this id.", field="id")


class InvalidCursor(SmsError):
    """The feed cannot be continued from there."""

    def __init__(self, detail: str = "This is no cursor of a feed; give one back as it was given.") -> None:
        super().__init__(ErrorCode.CURSOR_INVALID, detail, field="after")

    @classmethod
    def from_the_future(cls) -> "InvalidCursor":
        """Say that the database has not come as far: it was put back to an earlier time, or the cursor is made up."""
        return cls("This cursor is ahead of everything that is stored; begin anew without one.")


class NotCancelable(SmsError):
    """A provider has the message, or may have it, or its fate is decided already."""

    def __init__(self, status: str) -> None:
        super().__init__(
            ErrorCode.NOT_CANCELABLE,
            f"The message is {status}; only one that certainly no provider has been given can be canceled.",
            field="id",
        )


class Unauthenticated(SmsError):
    """The caller gave no API key, or one that is not valid (any more)."""

    def __init__(self, detail: str = "Send your API key as 'Authorization: Bearer <key>'.") -> None:
        super().__init__(ErrorCode.UNAUTHENTICATED, detail)


class PermissionDenied(SmsError):
    """The API key is valid but lacks the scope."""

    def __init__(self, scope: str) -> None:
        super().__init__(ErrorCode.PERMISSION_DENIED, f"This API key lacks the scope '{scope}'.")


class NotForTestKeys(PermissionDenied):
    """A test key was to change something that is not its own: a live message."""

    def __init__(self) -> None:
        SmsError.__init__(self, ErrorCode.PERMISSION_DENIED, "A test key cannot change a live message.")


class LimitExceeded(SmsError):
    """The account has sent as much as it may; nothing was stored, and the same request may come after `retry_after`."""

    windows: tuple[Window, ...] = ()  # what is left of each limit

    def __init__(self, code: ErrorCode, detail: str, retry_after: int) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after  # seconds


class RateLimited(LimitExceeded):
    """Too many messages a second."""

    def __init__(self, rate: int, retry_after: int) -> None:
        super().__init__(
            ErrorCode.RATE_LIMITED,
            f"This account may send {rate:,} messages a second; come back in {retry_after:,} s.",
            retry_after,
        )


class QuotaExceeded(LimitExceeded):
    """Too many messages on one day."""

    def __init__(self, quota: int, retry_after: int) -> None:
        super().__init__(
            ErrorCode.QUOTA_EXCEEDED,
            f"This account may send {quota:,} messages a day, and what is left of today's is less than this needs; the "
            f"next day begins, by UTC, in {retry_after:,} s.",
            retry_after,
        )


class BudgetSpent(LimitExceeded):
    """It would cost more than is left of the month's budget."""

    def __init__(self, budget: Money, retry_after: int) -> None:
        super().__init__(
            ErrorCode.BUDGET_SPENT,
            f"This account may spend {plain(budget.amount):,} {budget.currency} a month, and what is left of this one "
            f"is less than this costs; the next month begins, by UTC, in {retry_after:,} s.",
            retry_after,
        )


class InvalidReceipt(SmsError):
    """The body is not a delivery receipt."""

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(ErrorCode.RECEIPT_MALFORMED, detail, field=field)


class InvalidInbound(SmsError):
    """The body is not a text from a handset."""

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(ErrorCode.INBOUND_MALFORMED, detail, field=field)


class RouteNotFound(SmsError):
    """There is no route of that name."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.ROUTE_NOT_FOUND, "There is no route with this name.")


class SignatureRefused(SmsError):
    """The request does not carry the provider's signature over its raw body."""

    def __init__(self, detail: str) -> None:
        super().__init__(ErrorCode.SIGNATURE_INVALID, detail)


class Unavailable(SmsError):
    """Nothing was stored; the caller may repeat the request after `retry_after` seconds."""

    retry_after = 1

    def __init__(self, detail: str = "The service cannot store anything right now; try again shortly.") -> None:
        super().__init__(ErrorCode.SERVICE_UNAVAILABLE, detail)


class Overloaded(Unavailable):
    """More is waiting than the database can take; refused at once instead of queued without bound."""

    def __init__(self) -> None:
        super().__init__("Too many requests are waiting; try again shortly.")
        self.code = ErrorCode.OVERLOADED


class Unanswered(Unavailable):
    """The database did not answer in time, or was lost in the commit: perhaps it was stored, perhaps not."""

    def __init__(self) -> None:
        super().__init__(
            "The database did not answer in time. What was to be stored may be stored or not: "
            "repeat the request with the same idempotency key."
        )
