"""What providers of routes tell: each at its route's own address, signed in its own way, against the whole service."""

import hashlib
import hmac
import json
import time
import uuid

import pytest

from sms.errors import SignatureRefused
from sms.providers.base import DeliveryReport, Reply, WebhookRequest
from sms.providers.kinds import KINDS
from sms.statuses import Status
from tests.http import call
from tests.routed import running
from tests.sms.routing.routes import Told
from webhooks import app


@pytest.fixture(scope="module")
def routed(tmp_path_factory):
    """Two routes, each to a simulator of its own."""
    with running(tmp_path_factory.mktemp("routes")) as stack:
        yield stack


def report(stack, route, reference, *, secret=None, word="DELIVERED", path="status/"):
    """Send a receipt to a route's address, signed with a route's secret."""
    body = json.dumps({"provider_reference": reference, "status": word}).encode()
    key = stack.secrets[route] if secret is None else secret
    headers = {"X-Provider-Signature": hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}
    return call("POST", f"{stack.url}/api/webhooks/{route}/{path}", body, headers)


def stored(stack, reference):
    """The receipts that are kept of a reference."""
    return stack.query("SELECT provider, provider_status FROM sms_receipt WHERE provider_reference = %s", reference)


def test_messages_go_by_the_routes_and_come_back_as_delivered(routed):
    """Through the providers' own receipts, at their own addresses."""
    sent = [routed.send(text=f"by a route {number}").json()["id"] for number in range(30)]
    done = [routed.wait_for(one, "DELIVERED") for one in sent]
    assert {one["provider"] for one in done} == {"one", "two"}
    sources = routed.query("SELECT DISTINCT provider FROM sms_receipt WHERE outcome = 'APPLIED'")
    assert sorted(sources) == [("one",), ("two",)]


def test_each_route_believes_its_own_secret_only(routed):
    """401 for the other one's, and for that of the built-in simulator; nothing is stored."""
    for route, wrong in (("one", routed.secrets["two"]), ("two", "first-secret-of-the-tests"), ("one", "")):
        reference = f"ref-{uuid.uuid4()}"
        refused = report(routed, route, reference, secret=wrong)
        assert (refused.status, refused.json()["code"]) == (401, "SIGNATURE_INVALID")
        assert stored(routed, reference) == []
    reference = f"ref-{uuid.uuid4()}"
    assert report(routed, "one", reference).status == 204
    assert stored(routed, reference) == [("one", "DELIVERED")]


def test_a_reference_is_the_routes_own(routed):
    """What one provider calls so is nothing to the other one's message of the same reference."""
    message = routed.wait_for(routed.send(recipient="233200000905").json()["id"], "SENT")
    other = {"one": "two", "two": "one"}[message["provider"]]
    assert report(routed, other, message["provider_reference"]).status == 204
    time.sleep(1.0)
    assert routed.message(message["id"])["status"] == "SENT"
    assert report(routed, message["provider"], message["provider_reference"]).status == 204
    routed.wait_for(message["id"], "DELIVERED")


@pytest.mark.parametrize("route", ["three", "One", "one%20", "simulators"])
def test_a_route_that_is_not_there_is_not_found(routed, route):
    """404, so that a wrong address is noticed at once."""
    answer = call("POST", f"{routed.url}/api/webhooks/{route}/status/", b"{}")
    assert (answer.status, answer.json()["code"]) == (404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize("path", ["", "else/", "statuses/", "sent/status/"])
def test_other_paths_are_not_found(routed, path):
    """Whatever the route."""
    assert call("POST", f"{routed.url}/api/webhooks/one/{path}", b"{}").status == 404


def test_a_new_route_and_a_new_secret_are_known_within_a_second(routed):
    """The old secret goes on as long as it is one of the two."""
    routed.environment["SECRET_ONE"] = "another-secret-of-one,secret-of-the-route-one"
    routed.routes("set", "one", "--secret", "signing_secrets=env:SECRET_ONE")
    time.sleep(1.5)
    for secret in ("another-secret-of-one", "secret-of-the-route-one"):
        assert report(routed, "one", f"ref-{uuid.uuid4()}", secret=secret).status == 204


def test_a_paused_route_takes_receipts(routed):
    """Nothing new goes there; what went is still told of."""
    message = routed.wait_for(routed.send(recipient="233200000905").json()["id"], "SENT")
    routed.routes("pause", message["provider"], "--reason", "a test")
    time.sleep(1.5)
    try:
        later = routed.wait_for(routed.send().json()["id"], "DELIVERED")
        assert later["provider"] != message["provider"]
        assert report(routed, message["provider"], message["provider_reference"]).status == 204
        routed.wait_for(message["id"], "DELIVERED")
    finally:
        routed.routes("resume", message["provider"])


def test_no_secret_is_in_any_log(routed):
    """Nor the token of an address, if there is one."""
    logs = "".join((routed.directory / f"{child.name}.log").read_text() for child in routed.children)
    assert "secret-of-the-route" not in logs


class Picky(Told):
    """Never comes again after a refusal, signs the address, and wants to hear OK."""

    WHEN_REFUSED = 503
    seen = None  # the requests; made by each test

    def verify(self, request):
        self.seen.append(request)
        if request.token != "right":
            raise SignatureRefused("Not that token.")

    def receipts(self, request):
        return [DeliveryReport("r-1", "ok", Status.DELIVERED)]

    def reply(self, request):
        return Reply(200, b"OK")


@pytest.fixture
def picky(told, monkeypatch, settings):
    """A route to it, behind a proxy."""
    monkeypatch.setitem(KINDS, "picky", f"{__name__}.Picky")
    monkeypatch.setattr(Picky, "seen", [])
    settings.SMS_PUBLIC_URL = "https://sms.example.com/behind"
    return told.route("picky", kind="picky")


async def ask(path, query=b""):
    """Call the edge as a server does."""
    sent = []
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query, "headers": [],
    }  # fmt: skip

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    await app.application(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


async def test_a_provider_sees_the_address_that_it_called(picky):
    """With the operator's public address in front, whatever ours is, and the token of the path by itself."""
    assert await ask("/api/webhooks/picky/status/right/", b"a=%2B1&b=") == (200, b"OK")
    (request,) = Picky.seen
    assert request == WebhookRequest(
        headers=request.headers,
        body=b"",
        method="GET",
        url="https://sms.example.com/behind/api/webhooks/picky/status/right/?a=%2B1&b=",
        token="right",
    )


async def test_who_never_comes_again_after_a_refusal_is_told_to(picky):
    """503: a secret that is just being changed must not cost receipts."""
    status, body = await ask("/api/webhooks/picky/status/wrong/")
    assert (status, json.loads(body)["code"]) == (503, "SERVICE_UNAVAILABLE")
