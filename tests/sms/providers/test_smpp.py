"""SMPP against an SMSC that somebody else wrote (npm's `smpp`, in smsc/smsc.js)."""

import asyncio
import subprocess

import pytest
from structlog.testing import capture_logs

from sms.errors import InvalidInbound, InvalidReceipt, SignatureRefused
from sms.providers.base import DeliveryReport, InboundText, Outcome, Part, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.smpp import Smpp
from sms.statuses import Status
from tests import privacy
from tests.sms.providers.contract import Described
from tests.sms.providers.smsc.process import Smsc
from tests.sms.providers.smsc.route import bound, provider, submission, submit, submit_one, until_bound
from tests.sms.providers.storable import assert_storable

UNAVAILABLE = ProviderError.PROVIDER_UNAVAILABLE
NUMBERS = {"source_addr_ton": 1, "source_addr": "233200000901", "dest_addr_ton": 3, "destination_addr": "1234"}


class TestDescription(Described):
    """What it says of itself, as every provider does."""

    PROVIDER = Smpp
    SETUP = {"system_id": "esme", "password": "canary-password"}
    URL_OPTION = "host"

    def test_facts(self):
        """Receipts and texts come in, though not by HTTP: `inbound` is there to refuse those."""
        facts = Smpp.FACTS
        made = self.provider()
        assert (facts.inbound, facts.look_up, facts.receipts, facts.batch) == (True, False, "PUSHED", 1)
        # Half of what is claimed waits here for its turn, and the other half there for its answer.
        assert (made.name, made.window, made.patience, made.takes_batches) == ("primary", 2 * facts.window, 5.0, False)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"version": "3.3"}, "version is 3.4 or 5.0"),
        ({"tls": "maybe"}, "tls is yes or no"),
        ({"port": "0"}, "port is a number from 1 to 65,535"),
        ({"port": "٢٧٧٥"}, "port is a number from 1 to 65,535"),
        ({"window": "1001"}, "window is a number from 1 to 1,000"),
        ({"enquire_link": "-1"}, "enquire_link is a number from 1 to 3,600"),
        ({"data_coding": "utf8"}, "data_coding is gsm or latin1 or ascii"),
        ({"long_messages": "sar"}, "long_messages is udh or payload"),
        ({"id_base": "16"}, "id_base is as_is or hex_to_decimal or decimal_to_hex"),
        ({"password": "pass\0word"}, "system_id, password and system_type are texts of ASCII"),
        ({"password": "pässword"}, "system_id, password and system_type are texts of ASCII"),
    ],
)
def test_options_that_cannot_be_right(said, sentence):
    """The operator is told what would be."""
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        provider(2775, **said)


def test_nothing_comes_by_http():
    """A forged receipt cannot be posted to the route's address."""
    made, request = provider(2775), WebhookRequest({}, b"id:1 stat:DELIVRD")
    with pytest.raises(SignatureRefused):
        made.verify(request)
    with pytest.raises(InvalidReceipt):
        made.receipts(request)
    with pytest.raises(InvalidInbound):
        made.inbound(request)


async def test_a_message():
    """It is SENT with the SMSC's id, and the SMSC has it as it was meant."""
    async with Smsc(first=0x0A1B) as smsc, bound(smsc, system_type="VMA", version="5.0") as made:
        assert await submit_one(made, "Grüße {€}", valid_for=3600) == Outcome.sent("a1b")
        bind = (await smsc.wait("bind"))[0]
        assert bind == {"what": "bind", "system_id": "esme", "system_type": "VMA", "version": 0x50, "status": 0}
        (seen,) = await smsc.wait("submit")
        assert abs(seen.pop("valid_for") - 3600) <= 2
        assert seen == {
            "what": "submit",
            "status": 0,
            "id": "00000A1B",
            "source": [5, 0, "MyCorp"],
            "destination": [1, 1, "233200000901"],
            "data_coding": 0,
            "esm_class": 0,
            "registered_delivery": 1,
            "udh": [],
            "text": "Grüße {€}",
            "payload": None,
        }


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (0x01, ProviderError.CONTENT_INVALID),
        (0x08, UNAVAILABLE),
        (0x0A, ProviderError.SENDER_NOT_ALLOWED),
        (0x0B, ProviderError.INVALID_DESTINATION),
        (0x0D, ProviderError.PROVIDER_AUTH),
        (0x14, ProviderError.PROVIDER_THROTTLED),
        (0x33, ProviderError.UNCLASSIFIED),
        (0x45, ProviderError.UNCLASSIFIED),
        (0x51, ProviderError.INVALID_DESTINATION),
        (0x58, ProviderError.PROVIDER_THROTTLED),
        (0x64, UNAVAILABLE),
        (0xFE, ProviderError.NETWORK_FAILURE),
        (0xFF, ProviderError.UNCLASSIFIED),
        (0x104, ProviderError.CONTENT_INVALID),
        (0x450, ProviderError.UNCLASSIFIED),
    ],
)
async def test_refusals(status, error):
    """A command_status says that the SMSC does not have it, also where only the SMSC knows which."""
    code = f"{status:#x}"
    async with Smsc(status=status) as smsc, bound(smsc) as made:
        assert await submit_one(made) == Outcome.not_sent(error, f"command_status {code}", provider_error=code)


async def test_a_generic_nack():
    """It refuses as well; one that says that all is well is not understood."""
    async with Smsc(nack=True, statuses=[3, 0]) as smsc, bound(smsc) as made:
        refused = Outcome.not_sent(ProviderError.UNCLASSIFIED, "command_status 0x3", provider_error="0x3")
        assert await submit_one(made) == refused
        assert await submit_one(made) == Outcome.maybe_sent("a refusal that says that all is well")


async def test_silence():
    """Nobody knows."""
    async with Smsc(status=None) as smsc, bound(smsc, timeout=0.2) as made:
        assert await submit_one(made) == Outcome.maybe_sent("no answer in time")


async def test_taken_without_an_id():
    """It is SENT: under our own id, for there is no other."""
    async with Smsc(ids="none") as smsc, bound(smsc) as made:
        one = submission()
        assert await submit(made, one) == {one.attempt_id: Outcome.sent(str(one.attempt_id))}


async def test_not_bound():
    """Before, between and after connections a message ends at once, and did not leave."""
    not_bound = Outcome.not_sent(UNAVAILABLE, "not bound")
    async with Smsc() as smsc:
        assert await submit_one(provider(smsc.port)) == not_bound
        async with bound(smsc) as made:
            assert (await submit_one(made)).handover == "SENT"
            await smsc.kill()
            while made.is_bound:
                await asyncio.sleep(0.01)
            assert await submit_one(made) == not_bound
            await smsc.start()
            await until_bound(made)
            assert (await submit_one(made)).handover == "SENT"
        assert await submit_one(made) == not_bound
        assert (await smsc.wait("unbind"))[0] == {"what": "unbind"}


LONG = "я" * 150  # three parts


async def test_a_long_message():
    """All parts in their order; the id, and the one receipt, are those of the last."""
    async with Smsc(receipts="tlv") as smsc, bound(smsc) as made:
        assert await submit_one(made, LONG) == Outcome.sent("3")
        await made.stored.wait(reports=1)
        seen = smsc.accepted
        assert "".join(one["text"] for one in seen) == LONG
        assert [one["registered_delivery"] for one in seen] == [0, 0, 1]
        assert [one["udh"][0][-4:] for one in seen] == ["0301", "0302", "0303"]
        assert [one.provider_reference for one in made.stored.reports] == ["3"]


async def test_a_long_message_in_one():
    """Where the operator says so, the SMSC cuts it."""
    async with Smsc() as smsc, bound(smsc, long_messages="payload") as made:
        assert await submit_one(made, LONG) == Outcome.sent("1")
        (seen,) = smsc.accepted
        assert (seen["payload"], seen["udh"], seen["registered_delivery"]) == (LONG, [], 1)


@pytest.mark.parametrize(
    ("statuses", "outcome", "submits"),
    [
        ([0x0B], Outcome.not_sent(ProviderError.INVALID_DESTINATION, "command_status 0xb", provider_error="0xb"), 1),
        ([0x58], Outcome.not_sent(ProviderError.PROVIDER_THROTTLED, "command_status 0x58", provider_error="0x58"), 1),
        ([None], Outcome.maybe_sent("no answer in time"), 1),
        ([0, 0x0B], Outcome.maybe_sent("part 2 of 3: command_status 0xb"), 2),
        ([0, None], Outcome.maybe_sent("part 2 of 3: no answer in time"), 2),
        ([0, 0, 0x08], Outcome.maybe_sent("part 3 of 3: command_status 0x8"), 3),
        ([0, 0x58, 0, 0x14, 0], Outcome.sent("3"), 5),
    ],
    ids=["first-refused", "first-throttled", "first-silent", "refused", "silent", "last-refused", "throttled-between"],
)
async def test_a_long_message_that_is_taken_in_part(statuses, outcome, submits, monkeypatch):
    """NOT_SENT only while no part is there; and a part that has to wait does wait, for those before it are there."""
    monkeypatch.setattr("sms.smpp.session.PAUSE", 0.1)
    async with Smsc(statuses=statuses) as smsc, bound(smsc, timeout=0.4) as made:
        assert await submit_one(made, LONG) == outcome
        assert smsc.count("submit") == submits


async def test_the_connection_is_lost_between_two_parts():
    """Some of it is there."""
    async with Smsc(statuses=[0, None]) as smsc, bound(smsc) as made:
        asked = asyncio.create_task(submit_one(made, LONG))
        await smsc.wait("submit", count=2)
        smsc.order("drop")
        assert await asked == Outcome.maybe_sent("part 2 of 3: the connection was lost")


@pytest.mark.parametrize(
    ("receipts", "id_base"), [("tlv", "as_is"), ("text", "hex_to_decimal"), ("tlv", "hex_to_decimal")]
)
async def test_receipts(receipts, id_base):
    """By parameters or by text, in whatever base: each is about the message that was sent, and is answered."""
    async with Smsc(receipts=receipts, first=0x0A1B) as smsc, bound(smsc, id_base=id_base) as made:
        outcome = await submit_one(made)
        await made.stored.wait(reports=1)
        (report,) = made.stored.reports
        assert report.body
        assert report == DeliveryReport(outcome.provider_reference, "DELIVRD", Status.DELIVERED, body=report.body)
        assert (await smsc.wait("deliver_sm_resp"))[0]["status"] == 0


@pytest.mark.parametrize(
    ("fields", "status", "word", "error", "code"),
    [
        ({"message_state": 2}, Status.DELIVERED, "DELIVRD", None, None),
        ({"message_state": 1}, Status.SENT, "ENROUTE", None, None),
        ({"message_state": 6}, Status.SENT, "ACCEPTD", None, None),
        ({"message_state": 3}, Status.EXPIRED, "EXPIRED", ProviderError.EXPIRED_CARRIER, None),
        ({"message_state": 4}, Status.UNDELIVERED, "DELETED", None, None),
        ({"message_state": 8}, Status.REJECTED, "REJECTD", None, None),
        ({"message_state": 7}, None, "UNKNOWN", None, None),
        ({"short_message": "stat:GONE err:77"}, None, "GONE", ProviderError.UNCLASSIFIED, "77"),
        (
            {"message_state": 5, "network_error_code": {"hex": "03001b"}},
            Status.UNDELIVERED,
            "UNDELIV",
            ProviderError.ABSENT_SUBSCRIBER,
            "3:27",
        ),
        (
            {"message_state": 5, "network_error_code": {"hex": "01001b"}},
            Status.UNDELIVERED,
            "UNDELIV",
            ProviderError.UNCLASSIFIED,
            "1:27",
        ),
    ],
)
async def test_what_receipts_say(fields, status, word, error, code):
    """Our words for the SMSC's; one that is not in the table moves nothing, and its code is kept."""
    async with Smsc() as smsc, bound(smsc) as made:
        smsc.deliver(**NUMBERS, esm_class=4, receipted_message_id="00FF", **fields)
        await made.stored.wait(reports=1)
        (report,) = made.stored.reports
        assert report == DeliveryReport("ff", word, status, error=error, provider_error=code, body=report.body)
        assert_storable(report)


async def test_a_receipt_of_nothing_is_answered_and_told():
    """To bring it again would not help; the log says so, without a word of it."""
    async with Smsc() as smsc, bound(smsc) as made:
        with capture_logs() as logs:
            smsc.deliver(**NUMBERS, esm_class=4, short_message="Hello canary")
            assert (await smsc.wait("deliver_sm_resp"))[0]["status"] == 0
        assert [one for one in logs if one["event"] == "smpp_receipt_of_nothing"]
        assert not made.stored.reports
        assert "canary" not in str(logs)


async def test_texts_from_handsets():
    """Each with its numbers, and the parts of a long one with what joins them."""
    async with Smsc() as smsc, bound(smsc) as made:
        smsc.deliver("one", **NUMBERS, data_coding=0, short_message="Hi €")
        smsc.deliver("two", **NUMBERS, esm_class=0x40, data_coding=8, short_message={"hex": "0608040a1b03020394"})
        await made.stored.wait(texts=2)
        await smsc.wait("deliver_sm_resp", count=2)
        texts = list(made.stored.texts.values())
        assert [one.text for one in texts] == ["Hi €", "Δ"]
        assert [(one.sender, one.recipient, one.part) for one in texts] == [
            ("+233200000901", "1234", None),
            ("+233200000901", "1234", Part("2587", 2, 3)),
        ]
        assert all(isinstance(one, InboundText) and one.body for one in texts)
        for one in texts:
            assert_storable(one)


async def test_what_cannot_be_stored_stays_at_the_smsc():
    """It is told to bring it again, and what it brings again is what it brought before."""
    async with Smsc() as smsc, bound(smsc) as made:
        made.stored.is_away = True
        smsc.deliver("text", **NUMBERS, short_message="YES")
        smsc.deliver("receipt", **NUMBERS, esm_class=4, receipted_message_id="1", message_state=2)
        refused = await smsc.wait("deliver_sm_resp", count=4)
        assert {one["status"] for one in refused} == {0x64}
        made.stored.is_away = False
        await made.stored.wait(reports=1, texts=1)
        await smsc.wait("deliver_sm_resp", count=smsc.count("deliver_sm_resp") + 1)


async def test_the_same_text_again():
    """It is another, also after the connection was lost, as long as the SMSC had read our answer."""
    async with Smsc() as smsc, bound(smsc) as made:
        for n in range(3):
            smsc.deliver(f"text {n}", **NUMBERS, short_message="YES")
        await made.stored.wait(texts=3)
        await smsc.wait("enquire_link")
        await asyncio.sleep(0.1)
        smsc.order("drop")
        await smsc.wait("bind", count=2)
        smsc.deliver("another", **NUMBERS, short_message="YES")
        await made.stored.wait(texts=4)


async def test_the_same_text_once_more():
    """It is the same when the connection was lost before our answer could be read."""
    async with Smsc() as smsc, bound(smsc) as made:
        made.stored.is_told_late = 0.3
        smsc.deliver(**NUMBERS, short_message="YES")
        await made.stored.wait(texts=1)
        smsc.order("drop")
        await smsc.wait("deliver_sm_resp")  # to the second time
        assert [one.text for one in made.stored.texts.values()] == ["YES"]


async def test_what_the_smsc_says_wrongly_is_refused():
    """A deliver_sm that ends too early is answered, and the connection goes on."""
    async with Smsc() as smsc, bound(smsc) as made:
        smsc.order("raw", hex="00000013 00000005 00000000 00000063 000101".replace(" ", ""))
        smsc.deliver(**NUMBERS, short_message="Hi")
        await made.stored.wait(texts=1)
        assert (await submit_one(made)).handover == "SENT"


async def test_an_unbind_of_the_smsc():
    """It is agreed to, and we come back."""
    async with Smsc() as smsc, bound(smsc) as made:
        smsc.order("unbind")
        await smsc.wait("unbind_resp")
        await smsc.wait("bind", count=2)
        await until_bound(made)
        assert (await submit_one(made)).handover == "SENT"


async def test_a_wrong_password():
    """Nothing leaves, the log says the status and not the password, and a right one later helps."""
    with capture_logs() as logs:
        async with Smsc(password="other") as smsc, bound(smsc, wait=False, password="canary") as made:
            assert (await smsc.wait("bind"))[0]["status"] == 0x0E
            assert await submit_one(made) == Outcome.not_sent(UNAVAILABLE, "not bound")
            smsc.set(password="canary")
            await until_bound(made)
    assert {"event": "smpp_not_bound", "error": "BindRefused", "status": 0x0E, "route": "primary"}.items() <= logs[
        0
    ].items()
    assert "canary" not in str(logs)


async def test_nothing_of_a_message_is_in_the_log():
    """Neither number nor text, whatever happens to them."""
    with capture_logs() as logs:
        async with Smsc(statuses=[0, 0x0B, 0x450, None]) as smsc, bound(smsc, timeout=0.2) as made:
            for _ in range(4):
                await submit_one(made, privacy.TEXT, recipient=privacy.NUMBER)
            made.stored.is_away = True
            smsc.deliver(source_addr=privacy.NUMBER, destination_addr="1234", short_message=privacy.TEXT)
            await smsc.wait("deliver_sm_resp")
            made.stored.is_away = False
            smsc.order("raw", hex=privacy.TEXT.encode().hex())
            await smsc.wait("generic_nack")
    assert logs
    assert not privacy.found_in(str(logs), number=privacy.NUMBER, text=privacy.TEXT)


async def test_tls(tmp_path, monkeypatch):
    """With a certificate that is good for the host, and not with another."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    await asyncio.to_thread(
        subprocess.run,
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    async with Smsc(key=str(key), cert=str(certificate)) as smsc:
        with capture_logs() as logs:
            async with bound(smsc, wait=False, tls="yes", host="localhost") as stranger:
                await asyncio.sleep(0.5)
                assert not stranger.is_bound
        assert logs[0]["error"] == "SSLCertVerificationError"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with bound(smsc, tls="yes", host="localhost") as made:
            assert await submit_one(made) == Outcome.sent("1")
