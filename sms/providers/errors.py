"""Why a submission failed, in words that are the same for every provider, and what may be done about it."""

from enum import StrEnum


class ProviderError(StrEnum):
    """Stable public codes; the provider's own code is kept beside them."""

    INVALID_DESTINATION = "INVALID_DESTINATION"
    CONTENT_INVALID = "CONTENT_INVALID"
    SENDER_NOT_ALLOWED = "SENDER_NOT_ALLOWED"
    PROVIDER_AUTH = "PROVIDER_AUTH"
    PROVIDER_THROTTLED = "PROVIDER_THROTTLED"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    PROVIDER_TIMEOUT = "PROVIDER_TIMEOUT"
    UNCLASSIFIED = "UNCLASSIFIED"


# Worth another try, because time (or an operator) mends the cause. All others are final for the message.
RETRYABLE = frozenset(
    {ProviderError.PROVIDER_AUTH, ProviderError.PROVIDER_THROTTLED, ProviderError.PROVIDER_UNAVAILABLE}
)
