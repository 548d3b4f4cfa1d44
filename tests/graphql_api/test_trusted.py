"""Trusted documents: named instead of sent, in every way that clients have, and where the operator wants, no others."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import orjson
import pytest

from graphql_api import limits, trusted
from graphql_api.schema import schema
from sms.database import in_thread
from sms.models import Message
from tests.graphql_api.http import EVERYTHING, GRAPHQL_JSON, JSON, SEND, given, request
from tests.graphql_api.sockets import FOLLOW, opened
from tests.messages import store

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parents[2]
NAME = "{ __typename }"
MANIFEST = {"name": NAME, "send-1": SEND + EVERYTHING, "x-app:follow": FOLLOW}


def sha(text):
    """The hash of a document, as clients compute it."""
    return hashlib.sha256(text.encode()).hexdigest()


def apollo(name):
    """Name a document as Apollo's clients do."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": name}}}


@pytest.fixture
def load(tmp_path):
    """Trust the documents of a manifest until the test ends."""

    def write_and_load(manifest, *, only=False):
        path = tmp_path / "manifest.json"
        path.write_bytes(manifest if isinstance(manifest, bytes) else orjson.dumps(manifest))
        trusted.load(str(path), schema._schema, only=only)

    yield write_and_load
    trusted.load("", schema._schema)


@pytest.fixture
def loaded(load):
    """The manifest of these tests."""
    load(MANIFEST)


async def post(**asked):
    """POST a request of whatever shape."""
    headers = {"content-type": JSON, "accept": asked.pop("accept", JSON)}
    return await request("POST", body=orjson.dumps(asked), headers=headers)


NAMES = [
    {"documentId": "name"},
    {"documentId": f"sha256:{sha(NAME)}"},
    {"documentId": sha(NAME)},
    {"documentId": "name", "query": None},
    {"documentId": "name", "query": ""},
    apollo("name"),
    apollo(sha(NAME)),
    {"query": "", **apollo(sha(NAME))},
]


@pytest.mark.parametrize("asked", NAMES)
async def test_a_document_can_be_named(served, account, loaded, asked):
    """By its id or its hash; over HTTP, in a body and in an address, and over a socket."""
    assert (await post(**asked)).data == {"__typename": "Query"}
    address = {name: value if isinstance(value, str) else orjson.dumps(value) for name, value in asked.items() if value}
    assert (await request("GET", query=urlencode(address).encode())).data == {"__typename": "Query"}
    async with opened(served, init=True) as socket:
        await socket.send({"type": "subscribe", "id": "1", "payload": asked})
        assert (await socket.receive())["payload"]["data"] == {"__typename": "Query"}
        assert await socket.receive() == {"type": "complete", "id": "1"}


async def test_everything_else_of_a_request_is_as_ever(served, account, loaded):
    """Variables, the operation's name, the key in the header; subscriptions too."""
    asked = {"documentId": "send-1", "variables": {"input": given()}, "operationName": "Send"}
    body = orjson.dumps(asked)
    answers = [
        await request("POST", body=body, headers={"content-type": JSON, "idempotency-key": "a"}) for _ in range(2)
    ]
    assert [answer.data["sendMessage"]["replayed"] for answer in answers] == [False, True]
    message = await in_thread(store, account)
    async with opened(served, init=True) as socket:
        follow = {"documentId": "x-app:follow", "variables": {"id": str(message.id)}}
        await socket.send({"type": "subscribe", "id": "1", "payload": follow})
        assert (await socket.event())["messageId"] == str(message.id)


async def test_a_named_mutation_may_not_come_with_get(account, loaded):
    """405, as if it had been sent."""
    answer = await request("GET", query=b"documentId=send-1&operationName=")
    assert (answer.status, answer.headers["allow"], answer.codes) == (405, "POST", ["INVALID_REQUEST"])


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ({"documentId": "nothing"}, "DOCUMENT_NOT_FOUND", "There is no trusted document with this id."),
        ({"documentId": ""}, "DOCUMENT_NOT_FOUND", "There is no trusted document with this id."),
        ({"documentId": f"SHA256:{sha(NAME)}"}, "DOCUMENT_NOT_FOUND", "There is no trusted document with this id."),
        # The words that Apollo's clients and urql's look for.
        (apollo(sha("{ other }")), "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound"),
    ],
)
async def test_an_unknown_document_is_one_error(served, account, loaded, *, asked, code, message):
    """With a code, and a status like that of a document that cannot be run; an operation of a socket fails alone."""
    error = {"message": message, "extensions": {"code": code}}
    for accept, status in ((JSON, 200), (GRAPHQL_JSON, 400)):
        answer = await post(**asked, accept=accept)
        assert (answer.status, answer.json()) == (status, {"errors": [error]})
    async with opened(served, init=True) as socket:
        await socket.send({"type": "subscribe", "id": "1", "payload": asked})
        assert await socket.receive() == {"type": "error", "id": "1", "payload": [error]}
        await socket.run("{ __typename }")


async def test_without_trusted_documents_clients_are_told_to_name_none(account):
    """Those that register documents by themselves give it up, and send each."""
    answer = await post(**apollo(sha(NAME)))
    assert answer.codes == ["PERSISTED_QUERY_NOT_SUPPORTED"]
    assert answer.json()["errors"][0]["message"] == "PersistedQueryNotSupported"
    assert (await post(documentId="name")).codes == ["DOCUMENT_NOT_FOUND"]


async def test_nothing_is_ever_registered(account, loaded):
    """A document that comes with its hash is run, and as unknown as before."""
    other = "{ a: __typename }"
    assert (await post(query=other, **apollo(sha(other)))).data == {"a": "Query"}
    assert (await post(**apollo(sha(other)))).codes == ["PERSISTED_QUERY_NOT_FOUND"]


async def test_a_document_that_comes_along_is_the_one_that_is_run(account, loaded):
    """Whatever the name beside it says."""
    assert (await post(query="{ a: __typename }", documentId="name")).data == {"a": "Query"}


@pytest.mark.parametrize(
    "asked",
    [
        {"documentId": 5},
        {"documentId": ["name"]},
        {"query": "", "documentId": ["name"]},
        {"extensions": {"persistedQuery": "name"}},
        {"extensions": {"persistedQuery": {"sha256Hash": ["name"]}}},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"other": {"sha256Hash": "name"}}},
        {"extensions": ["persistedQuery"]},
    ],
)
async def test_a_name_that_is_none_is_refused(account, loaded, asked):
    """400, as if nothing had been asked."""
    answer = await post(**asked)
    assert (answer.status, answer.codes) == (400, ["INVALID_REQUEST"])


async def test_trusted_only(served, account, load):
    """On either door no other document is run, however valid; the text of a trusted one may be sent, too."""
    load(MANIFEST, only=True)
    for other in (SEND + EVERYTHING + " ", "{__typename}", "{ nothing }", "{"):
        asked = {"query": other, "variables": {"input": given()}}
        assert (await post(**asked)).codes == ["DOCUMENT_NOT_TRUSTED"]
        assert (await request("GET", query=urlencode({"query": other}).encode())).codes == ["DOCUMENT_NOT_TRUSTED"]
        async with opened(served, init=True) as socket:
            await socket.send({"type": "subscribe", "id": "1", "payload": asked})
            frame = await socket.receive()
            assert (frame["type"], frame["payload"][0]["extensions"]) == ("error", {"code": "DOCUMENT_NOT_TRUSTED"})
    assert await in_thread(Message.objects.count) == 0
    assert (await post(query=NAME)).data == {"__typename": "Query"}
    assert (await post(query=NAME, **apollo(sha(NAME)))).data == {"__typename": "Query"}
    assert (await post(query="{a:__typename}", documentId="name")).codes == ["DOCUMENT_NOT_TRUSTED"]
    answer = await post(documentId="send-1", variables={"input": given()})
    assert answer.data["sendMessage"]["__typename"] == "SendMessageSuccess"


async def test_trusted_documents_keep_to_the_limits(account, loaded, settings):
    """Their variables come from anyone."""
    settings.SMS_GRAPHQL_COST_LIMIT = 11
    assert (await post(documentId="send-1", variables={"input": given()})).codes == ["COST_EXCEEDED"]


async def test_trusted_documents_are_never_forgotten(account, loaded):
    """However many others came since."""
    prepared = limits.prepare(schema._schema, NAME)
    for number in range(limits.REMEMBERED + 1):
        limits.prepare(schema._schema, f"{{ a{number}: __typename }}")
    assert limits.prepare(schema._schema, NAME) is prepared


OPERATIONS = [
    {"id": "5ha", "body": NAME, "name": "Name", "type": "query"},
    {"id": "5hb", "body": SEND + EVERYTHING, "name": "Send", "type": "mutation"},
]


async def test_a_manifest_of_apollos(account, load):
    """As its tools write it; the ids are theirs."""
    load({"format": "apollo-persisted-query-manifest", "version": 1, "operations": OPERATIONS})
    assert (await post(**apollo("5ha"))).data == {"__typename": "Query"}
    assert (await post(documentId="5ha")).data == {"__typename": "Query"}
    assert (await post(**apollo(sha(NAME)))).data == {"__typename": "Query"}


async def test_a_directory(account, load, tmp_path):
    """Each file's name is the id of its document."""
    load(MANIFEST)
    (tmp_path / "of-a-file.graphql").write_text(NAME)
    (tmp_path / "README.md").write_text("no document")
    trusted.load(str(tmp_path), schema._schema)
    assert (await post(documentId="of-a-file")).data == {"__typename": "Query"}
    assert (await post(documentId="README")).codes == ["DOCUMENT_NOT_FOUND"]
    assert (await post(documentId="send-1")).codes == ["DOCUMENT_NOT_FOUND"]  # of the manifest before


APOLLO = b'{"format": "apollo-persisted-query-manifest", "version": 1, "operations": %s}'
UNUSABLE = {
    "no JSON": (b"{", "column"),
    "no text": (b"\xff", "UTF-8"),
    "a list": (b"[]", "an object of documents by their ids"),
    "no texts": (b'{"a": 5}', "an object of documents by their ids"),
    "empty": (b"{}", "no documents"),
    "a syntax error": (b'{"a-b": "{"}', "'a-b': Syntax Error"),
    "another schema": (b'{"a-b": "{ letters { id } }"}', "'a-b': Cannot query field 'letters'"),
    "no operation": (b'{"a-b": "fragment F on Message { id }"}', "'a-b': Fragment 'F' is never used"),
    "too large": (b'{"a-b": "{ %s }"}' % (b"__typename " * 21), "'a-b': The document has more than 20 fields"),
    "another version": (APOLLO.replace(b"1", b"2") % b"[]", "version 1"),
    "no operations": (APOLLO % b"[]", "no documents"),
    "operations that are none": (APOLLO % b'["a"]', "a list, each with an id and a body"),
    "ids that are none": (APOLLO % b'[{"id": 1, "body": "{ __typename }"}]', "an object of documents by their ids"),
    "an id twice": (
        APOLLO % b'[{"id": "i", "body": "{ a }"}, {"id": "i", "body": "{ b }"}]',
        "two documents with the id 'i'",
    ),
}


@pytest.mark.parametrize(("manifest", "word"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_manifest_is_told(loaded, load, manifest, word):
    """One sentence names the setting, the document and what is wrong; what was trusted before still is."""
    with pytest.raises(SystemExit) as stopped:
        load(manifest)
    assert str(stopped.value).startswith("GRAPHQL_TRUSTED_DOCUMENTS=")
    assert word in str(stopped.value)
    assert "docs/graphql.md" in str(stopped.value)
    assert trusted.text_of({"documentId": "name"}) == NAME


def test_a_document_that_can_never_be_afforded_is_told(load, settings):
    """When the limit is lower than what it costs with any variables."""
    settings.SMS_GRAPHQL_COST_LIMIT = 11
    with pytest.raises(SystemExit, match=r"'send-1' costs more than GRAPHQL_COST_LIMIT=11"):
        load(MANIFEST)


@pytest.mark.parametrize(("content", "word"), [(None, "No such file"), ('{"a": "{ b }"}', "Cannot query field 'b'")])
def test_an_unusable_manifest_stops_the_web_process(tmp_path, content, word):
    """At its start, with the sentence and no stack trace."""
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_text(content)
    environment = {**os.environ, "GRAPHQL_TRUSTED_DOCUMENTS": str(path), "PORT": "0"}
    command = [sys.executable, "-m", "config.serve"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"GRAPHQL_TRUSTED_DOCUMENTS={path} cannot be used: ")
    assert word in done.stderr
    assert "Traceback" not in done.stderr
