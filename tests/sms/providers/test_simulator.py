"""The simulator's adapter: what each answer means."""

import pytest

from sms.providers.base import Handover, Outcome
from sms.providers.errors import ProviderError
from sms.providers.simulator import _outcome


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ({"status": "accepted", "reference": "r-1"}, Outcome.sent("r-1")),
        ({"status": "accepted"}, Outcome.maybe_sent("an answer nobody understands: 'accepted'")),
        ({"status": "accepted", "reference": ""}, Outcome.maybe_sent("an answer nobody understands: 'accepted'")),
        (
            {"status": "rejected", "code": "invalid_destination", "message": "no such number"},
            Outcome.not_sent(
                ProviderError.INVALID_DESTINATION,
                "invalid_destination no such number",
                provider_error="invalid_destination",
            ),
        ),
        (
            {"status": "rejected", "code": "new"},
            Outcome.not_sent(ProviderError.UNCLASSIFIED, "new", provider_error="new"),
        ),
        (
            {"status": "throttled", "retry_after": 1},
            Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, "throttled", retry_after=1.0),
        ),
        (
            {"status": "throttled", "retry_after": "soon"},
            Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, "throttled"),
        ),
        ({"status": "unavailable"}, Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, "unavailable")),
        (None, Outcome.maybe_sent("no answer for this message")),
        ({}, Outcome.maybe_sent("an answer nobody understands: None")),
    ],
)
def test_each_result_becomes_its_outcome(result, outcome):
    """A yes needs a reference; what is missing or strange is never taken for a no."""
    assert _outcome(result) == outcome


def test_only_a_sent_outcome_is_sent():
    """The three outcomes say what their names say."""
    assert Outcome.sent("r").handover is Handover.SENT
    assert Outcome.not_sent(ProviderError.UNCLASSIFIED, "").handover is Handover.NOT_SENT
    assert Outcome.maybe_sent("").handover is Handover.MAYBE_SENT
