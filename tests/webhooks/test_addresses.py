"""The addresses of a route: what a provider is told is where it is heard, whatever its token looks like."""

from urllib.parse import unquote, urlsplit

import pytest
from asgiref.sync import sync_to_async

from sms.models import Receipt, Route
from sms.providers import registry
from sms.providers.base import DeliveryReport, Option, Provider
from sms.providers.kinds import KINDS
from sms.providers.signatures import secrets_of, verify_token
from sms.routing import snapshot
from sms.statuses import Status
from webhooks.app import application


class Knows(Provider):
    """Does not sign, but knows the token."""

    OPTIONS = (Option("webhook_token", "The token.", is_secret=True),)

    @classmethod
    def from_setup(cls, setup):
        return cls(setup)

    def __init__(self, setup):
        super().__init__(setup.route, patience=1.0, window=1)
        self.status_url = setup.status_url
        self._tokens = secrets_of(setup.option("webhook_token"))
        self.calls = []

    def verify(self, request):
        self.calls.append(request)
        verify_token(request, tokens=self._tokens)

    def receipts(self, request):
        return [DeliveryReport("r-1", "done", Status.DELIVERED)]


@pytest.fixture
def knows(transactional_db, settings, monkeypatch):
    """Make a route with a token, and return its provider."""

    def make(token):
        settings.SMS_PUBLIC_URL = "https://sms.example.com/behind"
        monkeypatch.setitem(KINDS, "knows", f"{__name__}.Knows")
        registry.forget()
        Route.objects.create(name="first", kind="knows", options={"webhook_token": token})
        return registry.provider_of(snapshot.current().by_name("first"))

    yield make
    registry.forget()


async def call(address, *, method="POST"):
    """Call an address, as it comes through the operator's proxy."""
    path, query = urlsplit(address).path.removeprefix("/behind"), urlsplit(address).query
    scope = {
        "type": "http", "method": method, "path": unquote(path), "raw_path": path.encode(),
        "query_string": query.encode(), "headers": [], "client": ("127.0.0.1", 1), "state": {},
    }  # fmt: skip
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    await application(scope, receive, send)
    return sent[0]["status"]


@pytest.mark.parametrize("token", ["plain", " a/b+c=, old", "what? #1", "100%", "ä"])
async def test_a_provider_is_heard_where_it_was_told_to_call(knows, token):
    """And the address that it calls is the one that was given to it, to the letter: some sign that."""
    provider = await sync_to_async(knows)(token)
    assert provider.status_url.isascii()
    assert await call(provider.status_url) == 204
    assert await Receipt.objects.acount() == 1
    assert provider.calls[-1].url == provider.status_url
    assert await call(f"{provider.status_url}?x=%20", method="GET") == 204
    assert provider.calls[-1].url == f"{provider.status_url}?x=%20"


async def test_who_only_looks_at_an_address_tells_nothing(knows):
    """HEAD is how a monitor, or a provider's console, asks whether it is there, also where a GET brings receipts."""
    provider = await sync_to_async(knows)("plain")
    for address in (provider.status_url, provider.status_url.replace("/status/", "/inbound/")):
        assert await call(address, method="HEAD") == 200
    assert await call(provider.status_url.replace("/first/", "/second/"), method="HEAD") == 404
    assert (provider.calls, await Receipt.objects.acount()) == ([], 0)


@pytest.mark.parametrize("wrong", ["wrong/", "plain2/", "plain/x/", ""])
async def test_nobody_is_heard_with_another_token(knows, wrong):
    """Nothing is stored."""
    provider = await sync_to_async(knows)("plain")
    assert await call(provider.status_url.removesuffix("plain/") + wrong) == 401
    assert await Receipt.objects.acount() == 0
