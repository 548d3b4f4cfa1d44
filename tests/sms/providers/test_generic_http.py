"""A provider of a settings file: the contract of all providers, and what a file may say."""

import hashlib
import hmac
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest

from sms.errors import InvalidInbound, InvalidReceipt, SignatureRefused
from sms.providers.base import DeliveryReport, InboundText, Outcome, Reply, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.generic import schemes
from sms.providers.generic_http import GenericHttp
from sms.statuses import Status
from tests.privacy import NUMBER, TEXT
from tests.sms.providers import vectors
from tests.sms.providers.contract import Inbound, ProviderContract
from tests.sms.providers.peer import Peer, Says, answering
from tests.sms.providers.subject import ATTEMPT_ID, INBOUND_URL, STATUS_URL, SUBMISSION

SETTINGS = """
base_url = "https://api.example.com/v2"

[request]
path = "/accounts/{secret:account}/messages"
headers = { Authorization = "Key {secret:api_key}", Accept = "application/json" }

[request.body]
from = "{sender_id}"
to = ["{recipient_digits}"]
text = "{text}"
reference = "{attempt_id}"
validity = "{valid_for}"
callback = "{status_url}"
options = { encoding = "{encoding}", flash = false, note = "{{as is}}" }

[response]
reference = "messages.0.id"
success = "messages.0.status"
yes = ["accepted", "0"]
no = ["rejected"]
error_code = "messages.0.error.code"

[response.errors]
1101 = "INVALID_DESTINATION"
spam = "CONTENT_FILTERED"

[receipts]
each = "results"
only = "kind"
only_words = ["status"]
reference = "id"
client_reference = "reference"
status = "state.name"
error_code = "state.code"

[receipts.errors]
27 = "ABSENT_SUBSCRIBER"

[inbound]
reference = "id"
sender = "from"
recipient = "to"
text = "text"
received_at = "at"

[signature]
scheme = "hmac"
header = "X-Signature"
prefix = "sha256="
signed = "{timestamp}.{body}"
timestamp_header = "X-Timestamp"
"""
KEY, ID = "generic-signing-key", "msg-0001"
JSON = {"content-type": "application/json"}
NOT_SENT = Outcome.not_sent


def write(folder, settings, name="gateway.toml"):
    """Write a settings file, and return its path."""
    file = Path(folder) / name
    file.write_text(settings)
    return str(file)


def result(status, *, code=None, id_=ID, http=200):
    """Return an answer with the result of a message."""
    return Says.json(http, {"messages": [{"id": id_, "status": status, "error": {"code": code}}]})


class TestGenericHttp(Inbound, ProviderContract):
    """A settings file that is right makes a provider that keeps the contract."""

    PROVIDER = GenericHttp
    SETUP = {"file": "", "secrets": "account=acc-0001\napi_key=generic-api-key", "signing_secrets": KEY}
    YES = Outcome.sent(ID)
    REFUSALS = (
        (
            result("rejected", code=1101, id_=None),
            NOT_SENT(ProviderError.INVALID_DESTINATION, "code 1101", provider_error="1101"),
        ),
        (
            result("rejected", code=9),
            NOT_SENT(ProviderError.UNCLASSIFIED, "refused, code 9", provider_error="9"),
        ),
        (result("rejected"), NOT_SENT(ProviderError.UNCLASSIFIED, "refused")),
        (
            result("rejected", code="spam", http=400),
            NOT_SENT(ProviderError.CONTENT_FILTERED, "HTTP 400, code spam", provider_error="spam"),
        ),
        (Says(400, b"no"), NOT_SENT(ProviderError.UNCLASSIFIED, "HTTP 400")),
    )
    NO_YES = (
        *ProviderContract.NO_YES,
        result("accepted", id_=None),
        result("new"),
        result("new", code=9),
        result(None),
    )
    SIGNING_OPTION, SIGNING_SECRET, OTHER_SECRET = "signing_secrets", KEY, "another-signing-key"
    COVERS = ("body",)
    IS_TIMED = True

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path, monkeypatch):
        monkeypatch.setitem(self.SETUP, "file", write(tmp_path, SETTINGS))

    def accept(self, received):
        return result("accepted")

    def status(self, word):
        return receipts({"kind": "status", "id": ID, "reference": str(ATTEMPT_ID), "state": {"name": word}})

    def sign(self, request, *, secret, at):
        stamp = str(int(at))
        digest = hmac.new(secret.encode(), f"{stamp}.".encode() + request.body, hashlib.sha256).hexdigest()
        return replace(request, headers=request.headers | {"x-signature": f"sha256={digest}", "x-timestamp": stamp})

    def inbound_text(self, text, *, sender, recipient):
        content = {"id": ID, "from": sender, "to": recipient, "text": text, "at": "2026-11-23T05:30:00Z"}
        return WebhookRequest(JSON, json.dumps(content).encode(), url=INBOUND_URL)

    def test_what_is_asked(self):
        """Everything is where the file says; a number is one, and braces are braces."""
        with Peer(answering(self.accept)) as peer:
            self.submit(self.provider(peer.url), SUBMISSION)
        (request,) = peer.requests
        assert (request.method, request.target) == ("POST", "/accounts/acc-0001/messages")
        assert (request.headers["authorization"], request.headers["content-type"]) == (
            "Key generic-api-key",
            "application/json",
        )
        assert request.json == {
            "from": "MyCorp",
            "to": [NUMBER.removeprefix("+")],
            "text": TEXT,
            "reference": str(ATTEMPT_ID),
            "validity": 3600,
            "callback": STATUS_URL,
            "options": {"encoding": "GSM7", "flash": False, "note": "{as is}"},
        }

    def test_what_there_is_not_is_left_out(self):
        """A message without a validity has none there either; what looks like a placeholder in a text is a text."""
        with Peer(answering(self.accept)) as peer:
            self.submit(self.provider(peer.url), replace(SUBMISSION, valid_for=None, text="я {text}"))
        sent = peer.requests[0].json
        assert (sent["text"], sent["options"]["encoding"], "validity" in sent) == ("я {text}", "UCS2", False)

    def test_several_receipts_in_one_request(self):
        """Each has its own part of the body; what is no receipt is passed over."""
        items = [
            {"kind": "status", "id": 1, "reference": "r", "state": {"name": "undelivered", "code": 27}},
            {"kind": "typing"},
            {"kind": "status", "id": "2", "state": {"name": "Delivered", "code": 27}},
            {"kind": "status", "id": "3", "state": {"name": "EXPIRED"}},
        ]
        assert self.provider().receipts(receipts(*items)) == [
            DeliveryReport(
                "1",
                "undelivered",
                Status.UNDELIVERED,
                error=ProviderError.ABSENT_SUBSCRIBER,
                provider_error="27",
                body=b'{"kind":"status","id":1,"reference":"r","state":{"name":"undelivered","code":27}}',
            ),
            DeliveryReport(
                "2",
                "Delivered",
                Status.DELIVERED,
                provider_error="27",
                body=b'{"kind":"status","id":"2","state":{"name":"Delivered","code":27}}',
            ),
            DeliveryReport(
                "3",
                "EXPIRED",
                Status.EXPIRED,
                error=ProviderError.EXPIRED_CARRIER,
                body=b'{"kind":"status","id":"3","state":{"name":"EXPIRED"}}',
            ),
        ]

    def test_secrets_are_told_so_that_logs_can_hide_them(self):
        """By themselves, and inside of headers."""
        assert {"acc-0001", "generic-api-key", "Key generic-api-key"} <= set(self.provider().secrets)

    @pytest.mark.parametrize("secrets", ["lonely", "=xyz", "abc=", "abc=1\nabc=2", "a b=c"])
    def test_secrets_that_nobody_can_read(self, secrets):
        """The sentence has none of them in it."""
        with pytest.raises(ValueError, match="'secrets' must be lines like api_key=") as refusal:
            self.provider(secrets=secrets)
        assert secrets not in str(refusal.value)


def receipts(*items):
    """Return a request with receipts."""
    return WebhookRequest(JSON, json.dumps({"results": items}).encode(), url=STATUS_URL)


def make(folder, settings, **said):
    """Make the provider of a file."""
    contract = TestGenericHttp()
    return GenericHttp.from_setup(contract.setup({"file": write(folder, settings), **said}))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('path = "', 'paht = "', "'request.path' is missing."),
        ("validity =", "validity }=", "It is not TOML: "),
        ('"{text}"', '"{txt}"', "'request.body.text' has a placeholder that is not known here; what is: sender_id, "),
        ('"{text}"', '"{text"', "'request.body.text' has a brace without its other half; {{ and }} are braces."),
        ('["{recipient_digits}"]', '["{recipient!r}"]', "'request.body.to.0' has a placeholder that is not known"),
        ('["{recipient_digits}"]', "[2026-11-23]", "'request.body.to.0' must be a text, a number, a list or a table."),
        (
            "{secret:api_key}",
            "{secret:other}",
            "'request.headers.Authorization' needs the secret 'other', which is not in the option 'secrets'.",
        ),
        ("Key {secret:api_key}", "{text}", "'request.headers.Authorization' has a placeholder that is not known here"),
        ('Accept = "application/json"', '"A b" = "c"', "'request.headers.A b' is no header: "),
        ("[request]", '[request]\nmethod = "POKE"', "'request.method' must be one of: POST, PUT, GET."),
        ("[request]", '[request]\nmethod = "GET"', "'request.body' is not sent with GET; say 'query'."),
        ("[request]", '[request]\nformat = "form"', "'request.body' is a form: texts and numbers only."),
        ("[request]", '[request]\nbasic = { user = "a" }', "'request.basic.password' is missing."),
        ('reference = "messages.0.id"', "", "'response.reference' is missing."),
        ('yes = ["accepted", "0"]', "", "'response.yes' lists the words at 'success' that mean yes: "),
        ('yes = ["accepted", "0"]', 'yes = "accepted"', "'response.yes' must be a list of texts."),
        ("INVALID_DESTINATION", "NOBODY", "'response.errors.1101' must be one of: INVALID_DESTINATION, "),
        ("[response]", '[response]\npattern = "("', "'response.pattern' is no regular expression: "),
        ('only_words = ["status"]', "", "'receipts.only_words' lists the words at 'only' that count: "),
        ('status = "state.name"', "", "'receipts.status' is missing."),
        ("[receipts.errors]", '[receipts.words]\nok = "QUEUED"\n[receipts.errors]', "'receipts.words.ok' must be one"),
        ('reference = "id"\nclient_reference = "reference"', "", "'receipts.reference' is missing, and so is"),
        ('sender = "from"', "sender = 1", "'inbound.sender' must be a text."),
        ('received_at = "at"', 'recieved_at = "at"', "'inbound.recieved_at' is not known here; what is: each, "),
        ('scheme = "hmac"', 'scheme = "rsa"', "'signature.scheme' must be one of: token, standard_webhooks, "),
        ('scheme = "hmac"', 'scheme = "token"', "'signature.header' is not known here; what is: scheme."),
        ('signed = "{timestamp}.{body}"', 'signed = "{timestamp}"', "'signature.signed' must have {body} in it, once."),
        ('timestamp_header = "X-Timestamp"', "", "'signature.timestamp_header' and {timestamp} in 'signed' go"),
        ("[signature]", "[signature]\ntolerance = 0", "'signature.tolerance' must be a number from 1 to 86400."),
        ("[signature]", "[reply]\nstatus = 500\n[signature]", "'reply.status' must be a number from 200 to 299."),
        ("[signature]", "[other]\n[signature]", "'other' is not known here; what is: base_url, "),
        ('scheme = "hmac"', "", "'signature.scheme' is missing."),
    ],
)  # fmt: skip
def test_a_wrong_file_names_the_place_to_mend(tmp_path, old, new, sentence):
    """One sentence says what is wrong, and where; it has none of the secrets in it."""
    assert old in SETTINGS
    with pytest.raises(ValueError, match="gateway") as refusal:
        make(tmp_path, SETTINGS.replace(old, new, 1))
    assert str(refusal.value).startswith(f"gateway.toml: {sentence}")
    assert "generic-api-key" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.toml", None, "none.toml: It cannot be read: No such file or directory."),
        ("a.json", "{", "a.json: It is not JSON: "),
        ("a.json", "[]", "a.json: It must be an object."),
        ("a.toml", b"a = '\xff'", "a.toml: It must be in UTF-8."),
        ("a.toml", "base_url = 'https://h'\nrequest = 1", "a.toml: 'request' must be a table."),
        ("a.toml", "", "a.toml: An address begins with https:// or http:// and a host, and has no query."),
    ],
)
def test_a_file_that_is_none(tmp_path, name, content, sentence):
    """Nor does that end in anything but a sentence."""
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=re.escape(sentence)):
        GenericHttp.from_setup(TestGenericHttp().setup({"file": str(file)}))


PLAIN = {
    "base_url": "http://127.0.0.1:9",
    "request": {
        "method": "GET",
        "path": "send/{recipient}",
        "query": {"text": "{text}", "ttl": "{valid_for_minutes}", "key": "{secret:api_key}"},
        "basic": {"user": "{secret:account}", "password": "{secret:api_key}"},
    },
    "response": {"pattern": "^(?P<word>OK|ERR) (?P<rest>.*)$", "success": "word", "yes": ["OK"], "reference": "rest",
                 "error_code": "rest", "errors": {"7": "PROVIDER_FUNDS"}},
    "receipts": {"format": "form", "client_reference": "ref", "status": "st", "words": {"1": "DELIVERED"}},
    "signature": {"scheme": "token"},
    "reply": {"status": 200, "body": "OK"},
}  # fmt: skip


class TestPlain:
    """A gateway of the old kind: everything in a query, an answer in plain text, a token instead of a signature."""

    def make(self, folder, **said):
        file = write(folder, json.dumps(PLAIN), "plain.json")
        return GenericHttp.from_setup(TestGenericHttp().setup({"file": file, "webhook_token": "t-1,t-2", **said}))

    def submit(self, folder, says):
        with Peer(answering(Says(200, says))) as peer:
            outcome = TestGenericHttp().submit_one(self.make(folder, base_url=peer.url))
        return outcome, peer.requests[0]

    def test_what_is_asked(self, tmp_path):
        """Signs of the number are encoded, and the credentials are in a header."""
        outcome, request = self.submit(tmp_path, b"OK abc-1\n")
        assert outcome == Outcome.sent("abc-1")
        assert (request.method, request.path) == ("GET", "/send/%2B233209876543")
        assert request.query == {"text": TEXT, "ttl": "60", "key": "generic-api-key"}
        assert request.headers["authorization"] == "Basic YWNjLTAwMDE6Z2VuZXJpYy1hcGkta2V5"

    @pytest.mark.parametrize(
        ("says", "outcome"),
        [
            (b"ERR 7", NOT_SENT(ProviderError.PROVIDER_FUNDS, "code 7", provider_error="7")),
            (b"ERR 8", Outcome.maybe_sent("HTTP 200, and no answer that the settings explain")),
            (b"well", Outcome.maybe_sent("HTTP 200, and no answer that the settings explain")),
        ],
    )
    def test_an_answer_in_plain_text(self, tmp_path, says, outcome):
        """The named groups of the pattern are its fields."""
        assert self.submit(tmp_path, says)[0] == outcome

    def test_a_receipt_in_a_query(self, tmp_path):
        """Our own reference is all that it has, and that will do."""
        query = urlencode({"ref": str(ATTEMPT_ID), "st": "1"})
        request = WebhookRequest({}, b"", "GET", f"{STATUS_URL}?{query}", token="t-2")
        provider = self.make(tmp_path)
        provider.verify(request)
        assert provider.receipts(request) == [DeliveryReport(str(ATTEMPT_ID), "1", Status.DELIVERED, ATTEMPT_ID)]
        assert provider.reply(request) == Reply(200, b"OK")
        with pytest.raises(SignatureRefused):
            provider.verify(replace(request, token="t-3"))

    def test_what_the_file_does_not_have(self, tmp_path):
        """Texts from handsets have to be described before they are taken."""
        with pytest.raises(InvalidInbound, match=r"no \[inbound\]"):
            self.make(tmp_path).inbound(WebhookRequest({}, b""))


SNS = """
base_url = "https://api.example.com"
[request]
path = "/sms"
[response]
reference = "MessageId"
[receipts]
inside = "Message"
reference = "messageId"
status = "eventType"
[receipts.words]
TEXT_DELIVERED = "DELIVERED"
TEXT_SUCCESSFUL = "SENT"
[signature]
scheme = "aws_sns"
topics = ["arn:aws:sns:us-east-1:111122223333:sms-events"]
"""


class TestSns:
    """Events of AWS come inside a message of SNS, which asks first whether we want it."""

    def test_an_event(self, tmp_path):
        """The text in the message is the receipt."""
        event = next(one for one in vectors.of("aws-sns") if one["valid"])
        provider, request = make(tmp_path, SNS), vectors.request_of(event)
        assert provider.receipts(request) == [
            DeliveryReport("862a8790-60c0-4430-9b2b-658bd0000000", "TEXT_DELIVERED", Status.DELIVERED)
        ]

    def test_a_subscription_is_confirmed(self, tmp_path, monkeypatch):
        """At an address of SNS only: whoever could name another one would have us call anybody."""
        (vector,) = [one for one in vectors.of("aws-sns") if one["name"] == "subscription confirmation"]
        request = vectors.request_of(vector)
        with Peer(answering(Says(200))) as peer:
            monkeypatch.setattr("sms.providers.generic_http.aws_sns.is_of_sns", lambda url: url.startswith(peer.url))
            body = json.loads(request.body) | {"SubscribeURL": f"{peer.url}/?Action=ConfirmSubscription"}
            provider = make(tmp_path, SNS)
            assert provider.receipts(request) == []
            assert provider.receipts(replace(request, body=json.dumps(body).encode())) == []
            end = time.monotonic() + 5
            while not peer.requests and time.monotonic() < end:
                time.sleep(0.01)
        assert [one.target for one in peer.requests] == ["/?Action=ConfirmSubscription"]

    def test_a_message_without_an_event(self, tmp_path):
        """It is refused, and told why."""
        body = {"Type": "Notification", "Message": "Hello"}
        with pytest.raises(InvalidReceipt, match="not JSON"):
            make(tmp_path, SNS).receipts(WebhookRequest({}, json.dumps(body).encode()))


@pytest.mark.parametrize("scheme", [one for one in schemes.SCHEMES if one not in {"hmac", "aws_sns", "token"}])
def test_each_scheme_verifies(tmp_path, scheme):
    """The name in the file chooses the verifier: what its provider signed is believed, and nothing else."""
    provider_name = "messagebird" if "messagebird" in scheme else scheme.replace("_", "-")
    legacy = scheme == "messagebird_legacy"
    valid = [one for one in vectors.of(provider_name) if one["valid"] and ("legacy" in one["scheme"]) == legacy]
    settings = SETTINGS[: SETTINGS.index("[signature]")] + f'[signature]\nscheme = "{scheme}"\n'
    for vector in valid:
        provider = make(tmp_path, settings, signing_secrets=vector["secret"])
        request = replace(vectors.request_of(vector), url=vector["url"] or "")
        with vectors.clock_at(vector["now"] or 1547198231):
            provider.verify(request)
            with pytest.raises(SignatureRefused):
                provider.verify(replace(request, body=request.body + b" "))
    with pytest.raises(SignatureRefused):
        make(tmp_path, settings).verify(WebhookRequest({}, b"{}"))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23T05:30:00+01:00", datetime(2026, 11, 23, 4, 30, tzinfo=UTC)),
        (1795411800, datetime(2026, 11, 23, 5, 30, tzinfo=UTC)),
        ("1795411800.5", datetime(2026, 11, 23, 5, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-11-23 05:30:00", None),
        (None, None),
        (10**17, None),
        (True, None),
    ],
)
def test_when_a_text_came(tmp_path, at, expected):
    """Unix seconds or ISO 8601 with a zone; anything else is no time."""
    content = {"id": "1", "from": NUMBER, "to": "1234", "text": "Hello", "at": at}
    request = WebhookRequest(JSON, json.dumps(content).encode(), url=INBOUND_URL)
    assert make(tmp_path, SETTINGS).inbound(request) == [InboundText("1", NUMBER, "1234", "Hello", expected)]
