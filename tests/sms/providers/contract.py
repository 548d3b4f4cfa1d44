"""What every provider has to do, whatever its wire. A test of an adapter inherits this and says what `Subject` asks.

    class TestTwilio(Inbound, ProviderContract): ...   # or without Inbound, where no texts come in
    class TestHubtel(PolledContract): ...              # its receipts are asked for, nothing is verified

Everything goes over real sockets; a contract's method may be overridden where a provider is different, with the reason.
"""

import re

from sms.providers.base import POLLED, PUSHED, Facts, Provider
from sms.providers.errors import ProviderError
from sms.providers.kinds import KINDS, kind
from sms.statuses import FINAL, Status
from tests.sms.providers.callbacks import Callbacks, Inbound
from tests.sms.providers.subject import Subject
from tests.sms.providers.submitting import Submitting

__all__ = ["Inbound", "PolledContract", "ProviderContract"]

SECRET_NAME = re.compile(r"secret|password|token|key|signature", re.IGNORECASE)
REACHABLE = {Status.SENT, *FINAL} - {Status.CANCELED, Status.UNKNOWN}


class Described(Subject):
    """The part of a contract about what a kind of provider says of itself."""

    PUBLIC_OPTIONS = ()  # options that sound like secrets and are none: a public key

    def test_it_is_a_kind_of_provider(self):
        """A route can name it."""
        assert [name for name in KINDS if _class_name(name) == self.PROVIDER.__name__ and kind(name) is self.PROVIDER]

    def test_facts(self):
        """Everything that the matrix of providers prints is there, and is true of the class."""
        facts = self.PROVIDER.FACTS
        assert isinstance(facts, Facts)
        assert all((facts.title, facts.signature, facts.source))
        assert facts.receipts in (PUSHED, POLLED)
        assert facts.batch >= 1
        assert facts.window >= 1
        assert facts.inbound == isinstance(self, Inbound) == self._has_its_own("inbound")
        assert facts.look_up == self._has_its_own("look_up")
        assert (facts.receipts == POLLED) == self._has_its_own("poll")
        provider = self.provider()
        assert (provider.name, provider.window, provider.patience) == ("primary", facts.window, 5.0)
        assert provider.takes_batches == (facts.batch > 1)

    def _has_its_own(self, method):
        return getattr(self.PROVIDER, method) is not getattr(Provider, method)

    def test_options(self):
        """Each is explained by a sentence, and what is secret is marked, so that it is encrypted and never shown."""
        options = self.PROVIDER.OPTIONS
        names = [one.name for one in options]
        assert len(set(names)) == len(names)
        assert self.SETUP.keys() | {self.URL_OPTION} <= set(names)
        for one in options:
            assert one.what.endswith("."), one.name
            assert one.name.islower(), one.name
            assert not (one.is_secret and one.default), one.name
            sounds_secret = bool(SECRET_NAME.search(one.name)) and one.name not in self.PUBLIC_OPTIONS
            assert one.is_secret or not sounds_secret, f"{one.name} is secret, or one of PUBLIC_OPTIONS"

    def test_the_tables_have_only_our_words(self):
        """A word of the provider becomes one of ours that a receipt can bring about, and a code one of our errors."""
        assert set(self.PROVIDER.STATUS_BY_WORD.values()) <= REACHABLE
        assert all(isinstance(one, Status) for one in self.PROVIDER.STATUS_BY_WORD.values())
        assert all(isinstance(one, ProviderError) for one in self.PROVIDER.ERROR_BY_CODE.values())
        assert all(isinstance(one, str) for one in (*self.PROVIDER.STATUS_BY_WORD, *self.PROVIDER.ERROR_BY_CODE))
        assert self.UNKNOWN_WORD not in self.PROVIDER.STATUS_BY_WORD

    def test_refused_options(self):
        """An option that cannot be right is refused with a sentence that has no secret in it."""
        for one in self.PROVIDER.OPTIONS:
            for strange in ("\0", "é", "not an address", "http://[", "9" * 400):
                refusal = self._refusal({one.name: strange})
                assert not one.is_secret or strange not in refusal

    def _refusal(self, said):
        try:
            self.provider(**said)
        except UnicodeError:
            raise
        except ValueError as refusal:
            return str(refusal)
        return ""


class ProviderContract(Described, Callbacks, Submitting):
    """A provider that calls us with its receipts."""


class PolledContract(Described, Submitting):
    """A provider that has to be asked what became of a message."""


def _class_name(name):
    return KINDS[name].rpartition(".")[2]
