"""Why a message was not sent or not delivered, in words that are the same for every provider."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from sms import retry
from sms.retry import Backoff


class ProviderError(StrEnum):
    """Stable public codes; the provider's own code is kept beside them."""

    # For the message's own sake: another try would end the same way.
    INVALID_DESTINATION = "INVALID_DESTINATION"  # no such number
    NOT_SMS_CAPABLE = "NOT_SMS_CAPABLE"  # a number that takes no texts
    RECIPIENT_OPTED_OUT = "RECIPIENT_OPTED_OUT"  # the recipient said STOP
    RECIPIENT_BARRED = "RECIPIENT_BARRED"  # the network does not serve this recipient
    CONTENT_FILTERED = "CONTENT_FILTERED"  # taken for spam
    CONTENT_INVALID = "CONTENT_INVALID"  # the text cannot be sent as it is
    SENDER_NOT_ALLOWED = "SENDER_NOT_ALLOWED"  # the sender ID is not registered there
    # At the recipient's end; time may mend it.
    ABSENT_SUBSCRIBER = "ABSENT_SUBSCRIBER"  # switched off, or out of reach
    HANDSET_BUSY_OR_FULL = "HANDSET_BUSY_OR_FULL"
    NETWORK_FAILURE = "NETWORK_FAILURE"
    # At the provider's end, or between us.
    NO_ROUTE = "NO_ROUTE"  # the provider does not serve this destination
    PROVIDER_FUNDS = "PROVIDER_FUNDS"  # our money there is used up
    PROVIDER_AUTH = "PROVIDER_AUTH"  # our credentials are not valid
    PROVIDER_THROTTLED = "PROVIDER_THROTTLED"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    PROVIDER_TIMEOUT = "PROVIDER_TIMEOUT"  # nobody knows whether the provider has it
    DUPLICATE_AT_PROVIDER = "DUPLICATE_AT_PROVIDER"  # the provider has had it before
    # Time ran out.
    EXPIRED_LOCAL = "EXPIRED_LOCAL"  # by our clock, before it was handed over
    EXPIRED_CARRIER = "EXPIRED_CARRIER"  # by the network's
    # Ours, or nobody's.
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    UNCLASSIFIED = "UNCLASSIFIED"  # a code that we do not know


# How to try again what the provider certainly does not have. What is not here is final for the message.
BACKOFFS: Final[Mapping[ProviderError, Backoff]] = {
    ProviderError.PROVIDER_THROTTLED: retry.SUBMIT,
    ProviderError.PROVIDER_UNAVAILABLE: retry.SUBMIT,
    ProviderError.NETWORK_FAILURE: retry.SUBMIT,
    # An operator has to act first, and a few minutes are soon gone.
    ProviderError.PROVIDER_AUTH: retry.SUBMIT,
    ProviderError.PROVIDER_FUNDS: retry.SUBMIT,
    ProviderError.HANDSET_BUSY_OR_FULL: retry.MINUTES,
    ProviderError.ABSENT_SUBSCRIBER: retry.HOURS,
    ProviderError.UNCLASSIFIED: retry.ONCE,
}

# What another provider may well take, though this one did not. Throttled is only who cannot wait: see `dispatch`.
ELSEWHERE: Final = frozenset(
    {
        ProviderError.PROVIDER_UNAVAILABLE,
        ProviderError.PROVIDER_AUTH,
        ProviderError.PROVIDER_FUNDS,
        ProviderError.NO_ROUTE,
        ProviderError.SENDER_NOT_ALLOWED,
    }
)

# Final, and no fault of the message: it FAILED on our side, it was not REJECTED.
OURS: Final = frozenset({ProviderError.NO_ROUTE, ProviderError.LIMIT_EXCEEDED, *BACKOFFS})
