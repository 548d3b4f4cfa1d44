"""The signature schemes that a settings file may name: what the official SDKs say, the verifiers say, too."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import replace

import jwt
import pytest
from cryptography import x509

from sms.errors import SignatureRefused, Unavailable
from sms.providers.base import WebhookRequest
from sms.providers.verifiers import (
    android_sms_gateway,
    aws_sns,
    bird,
    messagebird_jwt,
    messagebird_legacy,
    standard_webhooks,
)
from sms.providers.verifiers.certificates import Certificates
from sms.providers.verifiers.hmac_header import HmacHeader
from tests.sms.providers import vectors
from tests.sms.providers.peer import Peer, Says, answering

KEY, OTHER = "a-key-of-the-tests-0123456789abcdef", "another-key-of-tests-0123456789abcdef"
TOPIC = "arn:aws:sns:us-east-1:111122223333:sms-events"
SNS = vectors.of("aws-sns")[0]
SNS_TIME = 1795415400  # the certificate of the vectors of SNS was an hour old, and is ten years good

VERIFIERS = {
    "messagebird": lambda vector: messagebird_legacy.verify if "legacy" in vector["scheme"] else messagebird_jwt.verify,
    "bird": lambda _: bird.verify,
    "android-sms-gateway": lambda _: android_sms_gateway.verify,
    "standard-webhooks": lambda _: standard_webhooks.verify,
}
VECTORS = [one for provider in VERIFIERS for one in vectors.of(provider)]


def now_of(vector):
    """Return when a request was made. The older signature of MessageBird is checked by its SDK without a clock."""
    return vector["now"] or 1547198231


def check(vector, *, secrets):
    """Verify the request of a vector with these secrets, at its time."""
    request = replace(vectors.request_of(vector), url=vector["url"] or "")
    with vectors.clock_at(now_of(vector)):
        VERIFIERS[vector["provider"]](vector)(request, secrets=secrets)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one["id"])
def test_each_vector(vector):
    """What the official SDK signs is believed, and what it refuses is refused."""
    secrets = [vector["secret"] or KEY]  # one was never signed at all
    if vector["valid"]:
        check(vector, secrets=secrets)
    else:
        with pytest.raises(SignatureRefused):
            check(vector, secrets=secrets)


def test_a_good_request_of_the_android_app():
    """The vectors have changed ones only: this is what one of them was before its time was changed."""
    (vector,) = [one for one in VECTORS if one["id"] == "android-sms-gateway-094"]
    headers = vector["headers"] | {"X-Timestamp": "1795411800"}
    check(vector | {"headers": headers}, secrets=[vector["secret"]])


@pytest.mark.parametrize("vector", [one for one in VECTORS if one["valid"]], ids=lambda one: one["id"])
def test_secrets_of_a_good_request(vector):
    """Any of several will do while one replaces the other; another, or none, will not."""
    wrong = "whsec_" + base64.b64encode(OTHER.encode()).decode()
    check(vector, secrets=[wrong, vector["secret"]])
    for secrets in ([wrong], [], [""]):
        with pytest.raises(SignatureRefused):
            check(vector, secrets=secrets)


@pytest.mark.parametrize("vector", [one for one in VECTORS if one["valid"]], ids=lambda one: one["id"])
def test_strange_headers_are_refused(vector):
    """A header that is gone, or says nothing that anybody could have signed, is a refusal and never an accident."""
    for name in [one for one in vector["headers"] if one.lower() != "content-type"]:
        for strange in (None, "", " ", "\0", "é", "NaN", "-1", "9" * 400, "v1,", "a.b.c", "e30.e30.e30", "=", "\udcff"):
            headers = {key: value for key, value in vector["headers"].items() if key != name}
            headers |= {} if strange is None else {name: strange}
            with pytest.raises(SignatureRefused):
                check(vector | {"headers": headers, "now": now_of(vector)}, secrets=[vector["secret"]])


@pytest.mark.parametrize("age", [-302, 302])
@pytest.mark.parametrize("provider", ["bird", "standard-webhooks", "legacy"])
def test_a_request_is_not_played_back(provider, age):
    """Five minutes later, or earlier, it is refused."""
    (vector, *_) = [one for one in VECTORS if one["valid"] and provider in {one["provider"], one["scheme"].split()[0]}]
    with pytest.raises(SignatureRefused, match="more than 300 s"):
        check(vector | {"now": now_of(vector) + age}, secrets=[vector["secret"]])


class TestMessageBirdJwt:
    """What its SDK checks, and the vectors do not have."""

    URL = "https://sms.example.org/hooks/mb?status=delivered"

    def claims(self, **changes):
        now = int(time.time())
        digest = hashlib.sha256(self.URL.encode()).hexdigest()
        claims = {"iss": "MessageBird", "nbf": now, "exp": now + 60, "jti": "1", "url_hash": digest, **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def verify(self, claims, *, algorithm="HS256"):
        token = jwt.encode(claims, KEY * 2, algorithm=algorithm)
        request = WebhookRequest({"messagebird-signature-jwt": token}, b"", "GET", self.URL)
        messagebird_jwt.verify(request, secrets=[KEY * 2])

    @pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
    def test_each_algorithm(self, algorithm):
        """MessageBird may use any of the three."""
        self.verify(self.claims(), algorithm=algorithm)

    @pytest.mark.parametrize(
        "changes",
        [
            {"iss": "Somebody"}, {"iss": None}, {"exp": None}, {"nbf": None}, {"url_hash": None}, {"url_hash": 1},
            {"url_hash": "é"}, {"payload_hash": ""}, {"payload_hash": []}, {"nbf": "soon"},
        ],
        ids=str,
    )  # fmt: skip
    def test_claims_that_are_missing_or_strange(self, changes):
        """A token that says less than it must is none."""
        with pytest.raises(SignatureRefused):
            self.verify(self.claims(**changes))


class TestHmacHeader:
    """The scheme with a variant for everybody."""

    BODY = b'{"id": 1}\xff'

    def request(self, signature, **headers):
        return WebhookRequest({"x-sig": signature} | {k.replace("_", "-"): v for k, v in headers.items()}, self.BODY)

    def digest(self, content, hash_="sha256"):
        return hmac.new(KEY.encode(), content, hash_).digest()

    @pytest.mark.parametrize("hash_", ["sha1", "sha256", "sha384", "sha512"])
    def test_each_hash_in_hex_of_either_case(self, hash_):
        """The body alone, with a prefix."""
        scheme = HmacHeader(header="X-Sig", hash=hash_, prefix=f"{hash_}=")
        given = self.digest(self.BODY, hash_).hex()
        for one in (given, given.upper()):
            scheme.verify(self.request(f"{hash_}={one}"), secrets=[OTHER, KEY])
        for wrong in (given, f"{hash_}=x{given[1:]}", "", f"{hash_}="):
            with pytest.raises(SignatureRefused):
                scheme.verify(self.request(wrong), secrets=[KEY])

    def test_base64_is_of_one_case(self):
        """Its letters are not the same in both."""
        scheme = HmacHeader(header="X-Sig", encoding="base64")
        given = base64.b64encode(self.digest(self.BODY)).decode()
        scheme.verify(self.request(given), secrets=[KEY])
        with pytest.raises(SignatureRefused):
            scheme.verify(self.request(given.swapcase()), secrets=[KEY])

    @pytest.mark.parametrize("signed", ["{timestamp}.{body}", "{body}|{timestamp}", "v0:{timestamp}:{body}"])
    def test_a_signed_time(self, signed):
        """It is part of what is signed, and must be near our own."""
        scheme = HmacHeader(header="X-Sig", signed=signed, timestamp_header="X-Time", tolerance=60)

        def at(seconds):
            before, after = signed.replace("{timestamp}", str(seconds)).encode().split(b"{body}")
            return self.request(self.digest(before + self.BODY + after).hex(), x_time=str(seconds))

        now = int(time.time())
        scheme.verify(at(now - 58), secrets=[KEY])
        for old in (now - 62, now + 62):
            with pytest.raises(SignatureRefused, match="more than 60 s"):
                scheme.verify(at(old), secrets=[KEY])
        with pytest.raises(SignatureRefused):
            scheme.verify(replace(at(now), body=b""), secrets=[KEY])
        moved = at(now)
        with pytest.raises(SignatureRefused):
            scheme.verify(replace(moved, headers=moved.headers | {"x-time": str(now + 1)}), secrets=[KEY])


def test_a_standard_webhook_may_have_several_signatures():
    """While a key is replaced it is signed with both; a version that we do not know is passed over."""
    (vector, *_) = [one for one in VECTORS if one["id"] == "standard-webhooks-069"]
    good = vector["headers"]["webhook-signature"]
    headers = vector["headers"] | {"webhook-signature": f"v1a,AAAA v1,AAAA {good}"}
    check(vector | {"headers": headers}, secrets=[vector["secret"]])
    bare = vector["headers"] | {"webhook-signature": good.removeprefix("v1,")}
    with pytest.raises(SignatureRefused):  # of which version?
        check(vector | {"headers": bare}, secrets=[vector["secret"]])


class TestSns:
    """Amazon's scheme: the certificate comes from an address in the message."""

    def verify(self, vector=SNS, *, topics=(TOPIC,), certificate_of=None, now=SNS_TIME, **changes):
        """Verify a vector with something in its message changed, and return the message."""
        certificate = x509.load_pem_x509_certificate(vector["certificate_pem"].encode())
        request = vectors.request_of(vector)
        if changes:
            request = replace(request, body=json.dumps(json.loads(request.body) | changes).encode())
        with vectors.clock_at(now):
            return aws_sns.verify(request, topics=topics, certificate_of=certificate_of or (lambda _: certificate))

    @pytest.mark.parametrize("vector", vectors.of("aws-sns"), ids=lambda one: one["id"])
    def test_each_vector(self, vector):
        """What the official validator believes is believed, and what it refuses is refused."""
        topics = [TOPIC, f"{TOPIC}x"]  # the signature decides
        if vector["valid"]:
            assert self.verify(vector, topics=topics) == json.loads(vector["body"])
        else:
            with pytest.raises(SignatureRefused):
                self.verify(vector, topics=topics)

    def test_another_topic_is_refused(self):
        """Everybody can have a topic, and SNS signs for all."""
        for topics in ([], [f"{TOPIC}x"]):
            with pytest.raises(SignatureRefused, match="of no topic"):
                self.verify(topics=topics)

    @pytest.mark.parametrize(
        "url",
        [
            "http://sns.us-east-1.amazonaws.com/a.pem", "https://sns.us-east-1.amazonaws.com.evil.example/a.pem",
            "https://evil.example/sns.us-east-1.amazonaws.com/a.pem", "https://sns.us-east-1.amazonaws.com/a.txt",
            "https://a@sns.us-east-1.amazonaws.com/a.pem", "https://sns.us-east-1.amazonaws.com:8443/a.pem",
            "https://sns.us-east-1.amazonaws.com@evil.example/a.pem", "https://s3.us-east-1.amazonaws.com/a.pem",
            "https://sns.us-east-1.amazonaws.com\\@evil.example/a.pem", "https://[::1]/a.pem", "https://[/a.pem", "", 1,
            "https://sns.us-east-1.amazonaws.com/a b.pem", "https://sns.a.b.amazonaws.com/a.pem", "a.pem", None,
        ],
    )  # fmt: skip
    def test_a_certificate_from_elsewhere_is_never_fetched(self, url):
        """The address decides whom we ask."""
        asked = []
        with pytest.raises(SignatureRefused, match="SigningCertURL"):
            self.verify(SigningCertURL=url, certificate_of=asked.append)
        assert asked == []

    @pytest.mark.parametrize("host", ["sns.eu-west-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"])
    def test_a_certificate_of_sns_is(self, host):
        """Every region has its own, and the address itself is not signed."""
        asked = []
        certificate = x509.load_pem_x509_certificate(SNS["certificate_pem"].encode())
        url = f"https://{host}/SimpleNotificationService-1.pem"
        self.verify(SigningCertURL=url, certificate_of=lambda one: asked.append(one) or certificate)
        assert asked == [url]

    @pytest.mark.parametrize("now", [SNS_TIME - 7 * 86400, SNS_TIME + 11 * 365 * 86400])
    def test_a_certificate_of_another_time_is_refused(self, now):
        """An old key may have been lost since."""
        with pytest.raises(SignatureRefused, match="not valid today"):
            self.verify(now=now)

    @pytest.mark.parametrize(
        "changes",
        [
            {"Signature": "é"}, {"Signature": None}, {"Timestamp": 1}, {"Subject": 1}, {"SignatureVersion": "3"},
            {"Type": []}, {"SignatureVersion": []}, {"TopicArn": []}, {"Message": "\ud800"},
        ],
        ids=str,
    )  # fmt: skip
    def test_a_strange_message_is_refused(self, changes):
        """Whatever stands in it."""
        with pytest.raises(SignatureRefused):
            self.verify(**changes)

    def test_a_body_that_is_no_message(self):
        """It is refused like any other stranger's."""
        with pytest.raises(SignatureRefused, match="no message"):
            aws_sns.verify(WebhookRequest({}, b"[]"), topics=[TOPIC], certificate_of=None)


class TestCertificates:
    """The cache of what has to be fetched."""

    PEM = Says(200, SNS["certificate_pem"].encode())

    def wait_for(self, certificates, url):
        """Ask until there is one."""
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                return certificates.get(url)
            except Unavailable:
                time.sleep(0.01)
        raise TimeoutError

    def test_it_is_fetched_once(self):
        """Whoever comes first is told to come again; nobody waits, and nobody fetches it twice."""
        certificates = Certificates()
        with Peer(answering(self.PEM)) as peer:
            with pytest.raises(Unavailable):
                certificates.get(f"{peer.url}/a.pem")
            found = self.wait_for(certificates, f"{peer.url}/a.pem")
            assert certificates.get(f"{peer.url}/a.pem") is found
            assert [one.target for one in peer.requests] == ["/a.pem"]
        assert found.subject.rfc4514_string() == "CN=sns.us-east-1.amazonaws.com"

    @pytest.mark.parametrize("says", [Says(404), Says(200, b"x"), Says(302, b"", {"Location": "/b.pem"})], ids=str)
    def test_one_that_cannot_be_had(self, says, monkeypatch):
        """It is refused for a minute, and fetched no more meanwhile."""
        monkeypatch.setattr("sms.providers.verifiers.certificates.PATIENCE", 0.2)
        certificates = Certificates()
        with Peer(answering(says)) as peer:
            with pytest.raises(SignatureRefused, match="could not be fetched"):
                self.wait_for(certificates, f"{peer.url}/a.pem")
            assert len(peer.requests) == 1

    def test_made_up_addresses(self):
        """However many are asked for, a few are fetched."""
        certificates = Certificates()
        with Peer(answering(Says(404))) as peer:
            for number in range(100):
                with pytest.raises(Unavailable):
                    certificates.get(f"{peer.url}/{number}.pem")
            time.sleep(0.3)
            assert len(peer.requests) == 16
