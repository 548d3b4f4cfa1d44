"""Where no key is needed, a page of another site still changes nothing: a browser lets it post without asking us."""

import json
import urllib.parse

import pytest

from tests.event_streams import FOLLOW
from tests.http import call

MESSAGE = {"sender_id": "MyCorp", "recipient": "233200000901", "text": "Not from you"}
SEND = 'mutation { sendMessage(input: {senderId: "MyCorp", recipient: "233200000901", text: "X"}) { __typename } }'
DOCUMENT = {"query": SEND}
ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://[broken"},
]
SIMPLE = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None]
STREAM = {"Accept": "text/event-stream"}


def stored(stack):
    """Return how many messages there are, and how many were canceled."""
    return stack.query("SELECT count(*), count(*) FILTER (WHERE status = 'CANCELED') FROM sms_message")


@pytest.fixture
def scheduled(stack):
    """A message that can be canceled."""
    return stack.send(send_at="2027-01-01T09:00:00Z").json()["id"]


@pytest.mark.parametrize("page", ELSEWHERE)
def test_a_page_of_another_site_changes_nothing(stack, scheduled, page):
    """Not by REST, nor by GraphQL with an answer or a stream, also if it could send JSON."""
    before = stored(stack)
    url = stack.url
    answers = [
        call("POST", f"{url}/api/messages/", MESSAGE, page),
        call("POST", f"{url}/api/messages/batch/", {"messages": [MESSAGE]}, {**page, "Idempotency-Key": "x"}),
        call("POST", f"{url}/api/messages/{scheduled}/cancel/", b"", page),
        call("POST", f"{url}/graphql/", DOCUMENT, page),
        call("POST", f"{url}/graphql/", DOCUMENT, {**page, **STREAM}),
    ]
    assert [answer.status for answer in answers] == [401] * 5
    assert stored(stack) == before


@pytest.mark.parametrize("media_type", SIMPLE)
@pytest.mark.parametrize("accept", [{}, STREAM])
def test_only_json_sends(stack, media_type, accept):
    """The types that a form or a script may post without a preflight are refused by themselves, from any page."""
    before = stored(stack)
    headers = {**accept, **({} if media_type is None else {"Content-Type": media_type})}
    answers = [
        call("POST", f"{stack.url}/api/messages/", json.dumps(MESSAGE).encode(), headers),
        call("POST", f"{stack.url}/graphql/", json.dumps(DOCUMENT).encode(), headers),
    ]
    assert [answer.status for answer in answers] == [400, 415]
    assert stored(stack) == before


@pytest.mark.parametrize("accept", [{}, STREAM])
def test_no_link_and_no_picture_sends(stack, accept):
    """A GET changes nothing, whatever it asks for."""
    before = stored(stack)
    query = urllib.parse.urlencode(DOCUMENT)
    answer = call("GET", f"{stack.url}/graphql/?{query}", headers={**accept, "Sec-Fetch-Site": "cross-site"})
    assert b"not allowed" in answer.body if accept else answer.status == 405
    assert stored(stack) == before


@pytest.mark.parametrize("path", ["/api/messages/", "/graphql/"])
def test_no_other_page_is_let_in_by_a_preflight(stack, path):
    """Before a page may send JSON, its browser asks; nobody says yes."""
    asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = call("OPTIONS", f"{stack.url}{path}", headers=asking)
    assert answer.status == 405
    assert [name for name in answer.headers if name.startswith("access-control")] == []


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://proxied.example"},
        {"Origin": "{url}"},
        {"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer {key}"},
    ],
)
def test_our_own_page_programs_and_whoever_has_a_key_are_served(stack, page):
    """GraphiQL, curl, an older browser, and a page elsewhere that was given a key."""
    headers = {name: value.format(url=stack.url, key=stack.api_key) for name, value in page.items()}
    assert call("POST", f"{stack.url}/graphql/", DOCUMENT, headers).status == 200
    assert call("POST", f"{stack.url}/api/messages/", MESSAGE, headers).status == 202


def test_a_link_to_a_message_may_be_followed(stack, scheduled):
    """A read that a person clicks on elsewhere; the other page never sees the answer."""
    answer = call("GET", f"{stack.url}/api/messages/{scheduled}/", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


def test_a_page_of_another_site_gets_no_stream_by_posting(stack, scheduled):
    """A subscription costs a connection."""
    document = {"query": FOLLOW, "variables": {"id": scheduled}}
    answer = call("POST", f"{stack.url}/graphql/", document, {**STREAM, "Sec-Fetch-Site": "cross-site"})
    assert answer.status == 401
