"""A provider that does to each submission what a test has told it to, and remembers what it was given."""

from collections.abc import Callable
from dataclasses import dataclass

from sms.providers.base import Finding, Outcome, Provider
from sms.providers.errors import ProviderError


@dataclass(frozen=True)
class Fate:
    """What happens to one submission, and what the worker hears of it."""

    taken: bool
    outcome: Callable[[str], Outcome]


FATES = {
    "yes": Fate(True, Outcome.sent),
    "the answer is lost": Fate(True, lambda _: Outcome.maybe_sent("no answer")),
    "the request is lost": Fate(False, lambda _: Outcome.maybe_sent("no answer")),
    "busy": Fate(False, lambda _: Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, "429", retry_after=0.0)),
    "busy for long": Fate(False, lambda _: Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, "429", retry_after=30.0)),
    "a strange no": Fate(False, lambda _: Outcome.not_sent(ProviderError.UNCLASSIFIED, "999", retry_after=0.0)),
    "no such number": Fate(False, lambda _: Outcome.not_sent(ProviderError.INVALID_DESTINATION, "no such number")),
    "no route": Fate(False, lambda _: Outcome.not_sent(ProviderError.NO_ROUTE, "no route")),
}


def reference_of(attempt_id):
    """The provider's own id for what it took under one of ours."""
    return f"r-{attempt_id}"


class ScriptedProvider(Provider):
    """Honest: its look-up finds what it took, and nothing else. It takes the same text as often as it is given."""

    def __init__(self, name):
        super().__init__(name, patience=1.0, window=100)
        self.fates = {}  # attempt id → name of its fate
        self.handed_over = []  # attempt ids
        self.taken = []  # attempt ids
        self.is_silent = False  # its look-up gives no answer

    async def submit(self, submissions, *, deadline):
        """Do as it was told."""
        yield {one.attempt_id: self._submit(one.attempt_id) for one in submissions}

    def _submit(self, attempt_id):
        self.handed_over.append(attempt_id)
        fate = FATES[self.fates[attempt_id]]
        if fate.taken:
            self.taken.append(attempt_id)
        return fate.outcome(reference_of(attempt_id))

    async def look_up(self, attempt_ids):
        """Tell what it has."""
        return [self.find(one) for one in attempt_ids]

    def find(self, attempt_id):
        """Tell whether it has one attempt."""
        if self.is_silent:
            return Finding.no_answer()
        return Finding.found(reference_of(attempt_id)) if attempt_id in self.taken else Finding.not_there()

    def verify(self, request):
        """Trust everybody."""

    def receipts(self, request):
        """Receipts do not come over HTTP here."""
        return []
