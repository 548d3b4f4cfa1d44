"""The door to the admin: who may come in, with what, and what everything is sent with."""

import asyncio

import pytest
from django.contrib.sessions.models import Session
from django.db import connection

from config.asgi import application
from sms.admin import site
from sms.networks import parse_network
from sms.services import sweep
from tests.messages import age

PAGE, FILE = "/admin/login/", "/admin/static/admin/css/base.css"
HERE = "127.0.0.1"


class Answer:
    """What was answered; of a header that came several times, the lines."""

    def __init__(self, messages):
        start, *bodies = messages
        self.status = start["status"]
        self.headers = {}
        for name, value in start["headers"]:
            self.headers.setdefault(name.decode().lower(), []).append(value.decode())
        self.body = b"".join(one.get("body", b"") for one in bodies)


async def ask(path, *headers, peer=HERE, method="GET", body=b""):
    """Make a request, as a server does it."""
    sent, parts = [], [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        if parts:
            return parts.pop()
        return await asyncio.Event().wait()  # the client stays

    async def send(message):
        sent.append(message)

    given = [(b"host", b"localhost"), *((name.encode(), value.encode()) for name, value in headers)]
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": given, "client": (peer, 1), "server": ("localhost", 80), "scheme": "http", "root_path": ""}
    await application({**scope, "http_version": "1.1", "extensions": {}}, receive, send)
    return Answer(sent)


@pytest.fixture(autouse=True)
def _tables(transactional_db):
    """Sessions are rows."""


@pytest.mark.parametrize("path", [PAGE, FILE])
async def test_the_admin_is_there_for_operators_only(path, settings):
    """From elsewhere there is nothing, not even its files."""
    assert (await ask(path)).status == 200
    assert (await ask(path, peer="203.0.113.7")).status == 404
    settings.SMS_ADMIN_NETWORKS = (parse_network("203.0.113.0/24"),)
    assert (await ask(path, peer="203.0.113.7")).status == 200
    assert (await ask(path)).status == 404


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
async def test_what_a_proxy_passes_on_is_not_from_here(header, settings):
    """One on this machine that nobody told us of would let in everybody."""
    assert (await ask(PAGE, (header.lower(), "for=203.0.113.7"))).status == 404
    settings.SMS_TRUSTED_PROXIES = (parse_network(HERE),)
    assert (await ask(PAGE, ("x-forwarded-for", "203.0.113.7"))).status == 404
    assert (await ask(PAGE, ("x-forwarded-for", HERE))).status == 200


async def test_files_are_served_without_another_server():
    """Out of Django's own package, and nothing else of it; what has not changed is not sent again."""
    style = await ask(FILE)
    assert (style.status, style.headers["content-type"][0]) == (200, "text/css; charset=utf-8")
    assert b"--primary" in style.body
    assert (await ask(FILE, ("if-none-match", style.headers["etag"][0]))).status == 304
    for path in ("../__init__.py", "%2e%2e/__init__.py", "admin/css", "", "nowhere.css", "/etc/passwd", "a\0b"):
        assert (await ask(f"/admin/static/{path}")).status == 404, path
    assert (await ask(FILE, method="POST")).status == 404


async def test_pages_trust_nobody_else():
    """No other page may show them, and they load nothing from elsewhere."""
    page = await ask(PAGE)
    assert page.headers["x-frame-options"] == ["DENY"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"][0]
    assert page.headers["x-content-type-options"] == ["nosniff"]
    assert page.headers["referrer-policy"] == ["same-origin"]
    assert "no-store" in page.headers["cache-control"][0]


async def test_a_form_from_elsewhere_is_refused():
    """Without the token of our own page nobody is logged in."""
    form = [("content-type", "application/x-www-form-urlencoded"), ("content-length", "21")]
    assert (await ask(PAGE, *form, method="POST", body=b"username=x&password=y")).status == 403


async def test_cookies_of_an_encrypted_page_go_to_encrypted_pages_only(settings):
    """Also where a proxy of ours does the encryption; nobody else is believed."""
    settings.SMS_TRUSTED_PROXIES = (parse_network(HERE),)
    for told, is_secure in ((), False), ((("x-forwarded-proto", "https"),), True):
        (cookie,) = (await ask(PAGE, *told)).headers["set-cookie"]
        assert ("; secure" in cookie.lower()) is is_secure
        assert "httponly" in cookie.lower()
    settings.SMS_TRUSTED_PROXIES = ()
    (cookie,) = (await ask(PAGE, ("x-forwarded-proto", "https"))).headers["set-cookie"]
    assert "; secure" not in cookie.lower()


@pytest.mark.parametrize(
    "headers",
    [[("content-length", "65537")], [("transfer-encoding", "chunked")], [("content-length", "many")]],
)
async def test_no_body_is_larger_than_a_form(headers):
    """It is refused before it is read: Django would keep all of it first."""
    answer = await ask(PAGE, *headers, method="POST")
    assert (answer.status, b"BODY_TOO_LARGE" in answer.body) == (413, True)


@pytest.mark.parametrize("path", ["/", "/nowhere", "/administrator", "/static/admin/css/base.css"])
async def test_what_is_nowhere_is_a_problem_document(path):
    """As at every other door."""
    answer = await ask(path)
    assert (answer.status, answer.headers["content-type"]) == (404, ["application/problem+json"])


def test_without_a_database_it_says_so(client, monkeypatch):
    """503, and come back; not that the page has failed."""
    client.raise_request_exception = False
    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "PORT", "1")
        answer = client.get("/admin/")
    assert (answer.status_code, answer["retry-after"]) == (503, "1")
    assert answer.content == b"The database does not answer; try again shortly."


def test_a_mistake_of_ours_shows_nothing_of_our_insides(client, monkeypatch):
    """Only that there was one."""
    monkeypatch.setattr(site, "index_template", "nowhere.html")
    client.raise_request_exception = False
    answer = client.get("/admin/")
    assert (answer.status_code, answer.content) == (500, b"Something went wrong on our side, and was logged.")


def test_sessions_that_have_ended_are_deleted(client):
    """The others stay."""
    client.get("/admin/")
    assert sweep.forget_old_sessions() == 0
    age("django_session", "expire_date", "13 hours", session_key=Session.objects.get().session_key)
    assert sweep.forget_old_sessions() == 1
    assert not Session.objects.exists()
