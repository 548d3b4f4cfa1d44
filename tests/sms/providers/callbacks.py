"""What a provider tells us: believed only when it is signed, translated by a table, and harmless whatever it is."""

import time
from dataclasses import replace

import pytest

from sms.errors import InvalidInbound, InvalidReceipt, SignatureRefused
from tests.privacy import NUMBER, TEXT, found_in
from tests.sms.providers import hostile, vectors
from tests.sms.providers.storable import assert_storable
from tests.sms.providers.subject import ATTEMPT_ID, Subject

REFUSED = (SignatureRefused, InvalidReceipt, InvalidInbound)
STRANGE = ("", " ", "x", "é", "\0", "=" * 10, "A" * 10_000, "t=1,v1=,", "NaN", "1e999", "-1", "9" * 400, "\udcff", ",")
CHANGES = {
    "body": lambda one: replace(one, body=one.body[:-1] + bytes([one.body[-1] ^ 1])),
    "query": lambda one: replace(one, url=one.url + ("&" if "?" in one.url else "?") + "more=1"),
    "path": lambda one: replace(one, url=one.url.replace("/api/", "/apj/")),
    "host": lambda one: replace(one, url=one.url.replace("sms.example.org", "sms.example.com")),
}


class Callbacks(Subject):
    """The part of a contract about requests with receipts."""

    def signed(self, request, *, secret=None, age=0.0):
        """Sign a request, so many seconds ago."""
        return self.sign(request, secret=secret or self.SIGNING_SECRET, at=time.time() - age)

    def verifying(self, *secrets):
        """Make the provider with these secrets to verify with, or its own."""
        chosen = ",".join(map(self.verifier_of, secrets or (self.SIGNING_SECRET,)))
        return self.provider(**{self.SIGNING_OPTION: chosen})

    def known_word(self):
        """Return a word of the table."""
        return next(iter(self.PROVIDER.STATUS_BY_WORD))

    def good(self):
        """Return a status request as the provider would send it."""
        return self.signed(self.status(self.known_word()))

    def receipts(self, request):
        """Verify and translate, as the service does."""
        provider = self.verifying()
        provider.verify(request)
        return provider.receipts(request)

    def test_each_known_word(self, known):
        """The table says what a word means, and the receipt names the message by both ids."""
        word, status = known
        (report,) = self.receipts(self.signed(self.status(word)))
        assert (report.provider_status, report.status) == (word, status)
        assert report.provider_reference
        assert report.client_reference == (ATTEMPT_ID if self.ECHOES else None)
        assert_storable(report)

    def test_an_unknown_word_moves_nothing(self):
        """It is kept as it came, and is neither a delivery nor a failure."""
        (report,) = self.receipts(self.signed(self.status(self.UNKNOWN_WORD)))
        assert (report.provider_status, report.status) == (self.UNKNOWN_WORD, None)

    def test_a_duplicate_says_the_same(self):
        """A request that comes again, or is played back, tells nothing new."""
        request = self.good()
        assert self.receipts(request) == self.receipts(request)

    def test_an_unsigned_request_is_refused(self):
        """Everybody can call a public address."""
        with pytest.raises(SignatureRefused):
            self.receipts(self.status(self.known_word()))

    def test_another_secret_is_refused(self):
        """A good signature of somebody else is none."""
        with pytest.raises(SignatureRefused):
            self.receipts(self.signed(self.status(self.known_word()), secret=self.OTHER_SECRET))

    def test_two_secrets_are_valid_while_one_replaces_the_other(self):
        """The operator changes the secret here before the provider does, and nothing is lost meanwhile."""
        if not self.TAKES_TWO_SECRETS:
            pytest.skip("the provider has one secret for good")
        provider = self.verifying(self.OTHER_SECRET, self.SIGNING_SECRET)
        provider.verify(self.signed(self.status(self.known_word()), secret=self.SIGNING_SECRET))
        provider.verify(self.signed(self.status(self.known_word()), secret=self.OTHER_SECRET))

    def test_no_secret_verifies_nothing(self):
        """An option that was left empty is not a secret that is known to everybody."""
        provider = self.provider(**{self.SIGNING_OPTION: ""})
        unsigned = self.status(self.known_word())
        for request in (unsigned, replace(self.good(), token=""), self.good()):
            with pytest.raises(SignatureRefused):
                provider.verify(request)

    def test_what_is_covered_cannot_be_changed(self, covered):
        """Each part that the signature covers is as the provider sent it, or the request is refused."""
        changed = CHANGES[covered](self.good())
        assert changed != self.good()
        with pytest.raises(SignatureRefused):
            self.receipts(changed)

    def test_each_part_of_the_signature_is_needed(self):
        """A header that is gone or strange is a refusal, never an accident."""
        good = self.good()
        plain = self.status(self.known_word())
        added = [name for name in good.headers if name not in plain.headers and name not in self.FREE_HEADERS]
        assert added or good.token is not None
        for name in added:
            without = {key: value for key, value in good.headers.items() if key != name}
            for headers in (without, *(good.headers | {name: strange} for strange in STRANGE)):
                with pytest.raises(SignatureRefused):
                    self.receipts(replace(good, headers=headers))
        for token in (None, *STRANGE) if good.token is not None else ():
            with pytest.raises(SignatureRefused):
                self.receipts(replace(good, token=token))

    def test_strange_headers_break_nothing(self):
        """Whatever stands in a header, the answer is yes or a refusal."""
        good = self.good()
        for name in good.headers:
            for strange in STRANGE:
                self._harmless(replace(good, headers=good.headers | {name: strange}))

    def test_an_old_signature_is_refused(self):
        """What was signed five minutes ago, or will be in five, is played back; a little is the clocks' difference."""
        if not self.IS_TIMED:
            pytest.skip("no time is signed; a request that is played back says what it said before")
        self.receipts(self.signed(self.status(self.known_word()), age=290))
        for age in (302, -302, 1e6, -1e6):
            with pytest.raises(SignatureRefused):
                self.receipts(self.signed(self.status(self.known_word()), age=age))

    def test_a_truncated_request_is_refused(self):
        """With the signature of the whole where that covers it; one that was signed like that breaks nothing."""
        good = self.good()
        covers = {"body", "query"} & set(self.COVERS)
        for cut in hostile.truncated(good):
            if ("body" if good.body else "query") in covers:
                with pytest.raises(SignatureRefused):
                    self.receipts(cut)
            self._harmless(cut)
        for cut in hostile.truncated(self.status(self.known_word())):
            self._harmless(self.signed(cut))

    def test_hostile_receipts_break_nothing(self):
        """Whatever a signed request has in it, it is translated or refused; what comes of it can be stored."""
        for request in hostile.requests(self.status(self.known_word())):
            self._harmless(self.signed(request))

    def test_each_vector(self, vector):
        """What the official SDK signs is believed, and what it refuses is refused."""
        provider = self.provider(**self.options_of(vector))
        with vectors.clock_at(vector["now"]):
            if vector["valid"]:
                provider.verify(vectors.request_of(vector))
            else:
                with pytest.raises(SignatureRefused):
                    provider.verify(vectors.request_of(vector))

    def test_the_reply(self):
        """The provider hears that it was stored, and nothing that it would take for a text to the recipient."""
        reply = self.verifying().reply(self.good())
        assert 200 <= reply.status < 300
        assert reply.body == self.ACKNOWLEDGEMENT

    def _harmless(self, request):
        """Fail unless the request is translated into what can be stored, or refused without a word of what is in it."""
        provider = self.verifying()
        translations = [provider.receipts]
        if self.PROVIDER.FACTS.inbound:
            translations.append(provider.inbound)
        for translate in translations:
            try:
                provider.verify(request)
                for one in translate(request):
                    assert_storable(one)
            except REFUSED as refusal:
                shown = repr(refusal) + repr(vars(refusal)) + repr(request)
                assert [one for one in self.secrets(provider) if one in shown] == []
                assert found_in(shown, number=NUMBER, text=TEXT) == []


class Inbound(Callbacks):
    """The part of a contract about texts from handsets; `inbound_text` must have all that is in its arguments."""

    TEXTS = ("Hello", "Héllo €5 & more=1 😀 100% +1\nsecond line", "a", "STOP ")
    SENDER = NUMBER
    RECIPIENT = "+15005550006"

    def inbound_text(self, text, *, sender, recipient):
        """Return a request, not signed, with a text."""
        raise NotImplementedError

    @pytest.mark.parametrize("text", TEXTS)
    def test_a_text_from_a_handset(self, text):
        """The text is as it was written, with who wrote it, to which number, and the provider's id."""
        provider = self.verifying()
        request = self.signed(self.inbound_text(text, sender=self.SENDER, recipient=self.RECIPIENT))
        provider.verify(request)
        (found,) = provider.inbound(request)
        assert (found.text, found.sender, found.recipient) == (text, self.SENDER, self.RECIPIENT)
        assert_storable(found)
        assert provider.inbound(request) == [found]
        assert found_in(repr(found) + repr(request), number=NUMBER, text=text) == []
        assert provider.reply(request).body == self.ACKNOWLEDGEMENT

    def test_one_address_for_both(self):
        """Where receipts and texts come to one address, neither is taken for the other."""
        if not self.PROVIDER.SHARES_ADDRESS:
            pytest.skip("they come to two addresses")
        provider = self.verifying()
        assert provider.receipts(self.inbound_text("Hello", sender=self.SENDER, recipient=self.RECIPIENT)) == []
        assert provider.inbound(self.status(self.known_word())) == []

    def test_hostile_texts_break_nothing(self):
        """Whatever a signed request has in it, it is translated or refused; what comes of it can be stored."""
        for request in hostile.requests(self.inbound_text(TEXT, sender=self.SENDER, recipient=self.RECIPIENT)):
            self._harmless(self.signed(request))

    def test_an_unsigned_text_is_refused(self):
        """Nobody else puts words into a recipient's mouth."""
        with pytest.raises(SignatureRefused):
            self.verifying().verify(self.inbound_text("STOP", sender=self.SENDER, recipient=self.RECIPIENT))
