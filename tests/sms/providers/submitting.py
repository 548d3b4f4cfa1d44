"""Handing over: whatever happens on the wire is told as it is, and nothing leaves twice."""

import time
from math import ceil
from unittest.mock import ANY

import pytest

from sms.providers.base import Handover
from sms.providers.errors import ProviderError
from tests.privacy import NUMBER, TEXT, found_in
from tests.sms.providers import hostile
from tests.sms.providers.peer import (
    Peer,
    Says,
    answering,
    hanging,
    nobody_listens,
    once_and_then_gone,
    resetting,
    torn,
)
from tests.sms.providers.storable import assert_storable
from tests.sms.providers.subject import ATTEMPT_ID, SUBMISSION, Subject

SENT, NOT_SENT, MAYBE_SENT = Handover.SENT, Handover.NOT_SENT, Handover.MAYBE_SENT
NOBODY_KNOWS = (MAYBE_SENT, ProviderError.PROVIDER_TIMEOUT)
NO_CONNECTION = (NOT_SENT, ProviderError.PROVIDER_UNAVAILABLE)


def said(outcome):
    """Return how it ended, and why."""
    return outcome.handover, outcome.error


class Submitting(Subject):
    """The part of a contract about `submit`, for everything that speaks HTTP."""

    def test_a_yes_is_sent(self):
        """The provider's reference is kept, and the request leaves once."""
        with Peer(answering(self.accept)) as peer:
            outcome = self.submit_one(self.provider(peer.url))
        assert (outcome, len(peer.requests)) == (self.YES, 1)

    def test_each_message_has_its_own_outcome(self):
        """Seven messages go in as few requests as the provider allows, and each comes back under its own id."""
        several = [self.number_of(number) for number in range(7)]
        with Peer(answering(self.accept)) as peer:
            outcomes = self.submit(self.provider(peer.url), *several)
        assert {id_: outcome.handover for id_, outcome in outcomes.items()} == {s.attempt_id: SENT for s in several}
        assert len(peer.requests) == ceil(7 / max(1, self.PROVIDER.FACTS.batch))

    def test_an_answer_that_never_comes(self):
        """The request left, so nobody knows; and nobody waits for longer than was said."""
        with Peer(hanging(1.0)) as peer:
            began = time.monotonic()
            outcome = self.submit_one(self.provider(peer.url, timeout=0.3))
            took = time.monotonic() - began
        assert (said(outcome), len(peer.requests)) == (NOBODY_KNOWS, 1)
        assert took < 1.0

    def test_nobody_listens(self):
        """A refused connection: the provider certainly does not have it."""
        assert said(self.submit_one(self.provider(nobody_listens()))) == NO_CONNECTION

    def test_a_reset_before_the_request_was_read(self):
        """From here that looks like one that came after, so nobody knows."""
        with Peer(resetting, reads=False) as peer:
            assert said(self.submit_one(self.provider(peer.url))) == NOBODY_KNOWS

    def test_a_reset_after_the_request_was_read(self):
        """It may have been taken."""
        with Peer(resetting) as peer:
            outcome = self.submit_one(self.provider(peer.url))
        assert (said(outcome), len(peer.requests)) == (NOBODY_KNOWS, 1)

    def test_an_answer_torn_in_half(self):
        """The beginning of a yes is not a yes."""
        with Peer(torn(self.accept)) as peer:
            outcome = self.submit_one(self.provider(peer.url))
        assert (said(outcome), len(peer.requests)) == (NOBODY_KNOWS, 1)

    def test_a_connection_that_ends_while_it_is_used_again(self):
        """The second request left on a connection that was kept: it is not sent once more by itself."""
        with Peer(once_and_then_gone(self.accept)) as peer:
            provider = self.provider(peer.url)
            outcomes = [self.submit_one(provider), self.submit_one(provider)]
        assert [outcomes[0], said(outcomes[1])] == [self.YES, NOBODY_KNOWS]
        assert len(peer.requests) == 2

    def test_each_http_status(self, by_status):
        """What the provider does not have may be tried again; what it may have is not."""
        status, error = by_status
        with Peer(answering(Says(status))) as peer:
            outcome = self.submit_one(self.provider(peer.url))
        handover = MAYBE_SENT if error is ProviderError.PROVIDER_TIMEOUT else NOT_SENT
        assert (said(outcome), len(peer.requests)) == ((handover, error), 1)

    def test_throttled(self):
        """The provider's own wish is heard."""
        with Peer(answering(Says(429, b"", {"Retry-After": "7"}))) as peer:
            outcome = self.submit_one(self.provider(peer.url))
        assert (said(outcome), outcome.retry_after) == ((NOT_SENT, ProviderError.PROVIDER_THROTTLED), 7.0)

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_a_redirect_is_not_followed(self, status):
        """A text and our credentials go to the address that the operator gave, and to no other."""
        with Peer(answering(Says(status, b"", {"Location": "/elsewhere"}))) as peer:
            outcome = self.submit_one(self.provider(peer.url))
        assert (said(outcome), len(peer.requests)) == ((NOT_SENT, ProviderError.UNCLASSIFIED), 1)

    def test_a_bad_certificate(self, self_signed):
        """Nothing is sent to somebody whom nobody vouches for."""
        with Peer(answering(self.accept), tls=self_signed) as peer:
            outcome = self.submit_one(self.provider(peer.url))
        assert (said(outcome), peer.requests) == (NO_CONNECTION, [])

    def test_a_success_that_is_no_yes(self, no_yes):
        """Empty, broken, foreign or endless: a success that nobody understands is not taken for a no."""
        with Peer(answering(no_yes)) as peer:
            outcome = self.submit_one(self.provider(peer.url))
        assert (said(outcome), outcome.detail) == (NOBODY_KNOWS, ANY)
        assert "our own error" not in outcome.detail
        assert len(peer.requests) == 1

    def test_a_yes_with_something_changed(self):
        """A field that is gone or of another type breaks nothing, and no outcome has what a database refuses."""
        with Peer(answering(self.accept)) as peer:
            self.submit_one(self.provider(peer.url))
        good = self.accept(peer.requests[0])
        answers = [Says(good.status, body, good.headers) for body in hostile.bodies(good.body)]
        remaining = iter(answers)
        with Peer(answering(lambda _: next(remaining))) as peer:
            provider = self.provider(peer.url)
            for _ in answers:
                outcome = self.submit_one(provider)
                assert "our own error" not in (outcome.detail or "")
                assert_storable(outcome)

    def test_each_refusal(self, refusal):
        """The provider's own words for a no, as a whole outcome."""
        says, outcome = refusal
        with Peer(answering(says)) as peer:
            assert self.submit_one(self.provider(peer.url)) == outcome
        assert len(peer.requests) == 1

    def test_nothing_leaves_after_the_deadline(self):
        """The lease has passed, and others may be at it: the provider hears nothing."""
        with Peer(answering(self.accept)) as peer:
            outcome = self.submit_one(self.provider(peer.url), deadline=time.monotonic() - 0.001)
        assert (said(outcome), peer.requests) == (NO_CONNECTION, [])

    def test_a_provider_that_quotes_us(self, caplog, logs):
        """What is secret, the number and the text are in no outcome, log or name, also when the provider repeats it."""

        def quoting(received):
            return self.refuse(f"{received.target} {received.headers} {received.body} {NUMBER} {TEXT} {secrets}")

        caplog.set_level("DEBUG")
        with Peer(answering(quoting)) as peer:
            provider = self.provider(peer.url)
            secrets = self.secrets(provider)
            outcome = self.submit_one(provider)
        secrets += [peer.requests[0].headers.get("authorization", "***").split()[-1]]
        shown = " ".join(map(repr, (outcome, provider, str(provider), self.setup({}), SUBMISSION, logs, caplog.text)))
        assert [one for one in secrets if one in shown] == []
        assert found_in(shown, number=NUMBER, text=TEXT) == []
        assert str(ATTEMPT_ID) in shown
