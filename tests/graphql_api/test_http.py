"""GraphQL over HTTP: the specification of that name, and what happens to requests that are none."""

import logging
import time

import orjson
import pytest
import structlog
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

from sms import selectors
from tests.graphql_api.http import EVERYTHING, GRAPHQL_JSON, JSON, SEND, given, post, request

pytestmark = pytest.mark.django_db(transaction=True)

ID = "01a20a64-4771-74eb-b2db-dda21e47769a"
JSON_BODY = {"content-type": JSON}
STATUS = {JSON: 200, GRAPHQL_JSON: 400}  # of a request that could not be executed


async def refused(answer, status, code="INVALID_REQUEST"):
    """Check that a request was refused with a GraphQL response, and tells nothing of our insides."""
    answer = await answer
    assert answer.status == status, answer
    assert answer.codes == [code]
    assert answer.headers["content-type"] in {JSON, GRAPHQL_JSON}
    assert "data" not in answer.json()
    assert b"Traceback" not in answer.body
    assert answer.headers["content-length"] == str(len(answer.body))
    return answer


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, JSON),
        ("*/*", JSON),
        (JSON, JSON),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}, {JSON};q=0.9", GRAPHQL_JSON),
        ("text/plain", JSON),
    ],
)
@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("{", None),
        ("{ nothing }", None),
        ("query ($id: ID!) { __typename message(id: $id) { id } }", {"id": None}),
        ("query A { __typename } query B { __typename }", None),
    ],
)
async def test_the_media_type_decides_the_status_of_a_bad_document(account, accept, media_type, document, variables):
    """The new media type says 400, the old one 200; neither has data when nothing was executed."""
    answer = await refused(post(document, variables, headers={"accept": accept}), STATUS[media_type])
    assert (answer.headers["content-type"], answer.headers["vary"]) == (media_type, "Accept")


async def test_a_good_document_is_answered_in_the_type_that_was_asked_for(account):
    """200 and data in either media type."""
    for media_type in (JSON, GRAPHQL_JSON):
        answer = await post("{ __typename }", headers={"accept": media_type})
        assert (answer.status, answer.headers["content-type"]) == (200, media_type)
        assert answer.data == {"__typename": "Query"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"query"',
        b'[{"query": "{ __typename }"}]',
        b'{"query": 5}',
        b'{"query": null}',
        b'{"query": ""}',
        b'{"qeury": "{ __typename }"}',
        b'{"query": "{ __typename }", "variables": []}',
        b'{"query": "{ __typename }", "variables": "{}"}',
        b'{"query": "{ __typename }", "extensions": 0}',
        b'{"query": "{ __typename }", "operationName": 1}',
        b'{"query": "{ __typename }", "operationName": "Other"}',
        b'{"query": "{ __typename }", "variables": {"a": NaN}}',
        b'{"query": "{ __typename }", "variables": {"a": "\xff"}}',
        b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}',
        b'{"query": "{ __typename }", "variables": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
        b'{"query": "subscription { messageStatus(id: 1) { status } }"}',
    ],
)
async def test_a_request_of_the_wrong_shape_is_refused(account, body):
    """Broken, odd and 5,000-deep JSON, batches, and what is no request at all: 400 in either media type."""
    for accept in (JSON, GRAPHQL_JSON):
        await refused(request("POST", body=body, headers={**JSON_BODY, "accept": accept}), 400)


@pytest.mark.parametrize(
    "document",
    [
        '{ message(id: "\\ud800") { id } }',
        "{" + "a{" * 300 + "b" + "}" * 301,
        "{" * 5000 + "}" * 5000,
        "{ __typename " + "@skip(if: false) " * 10 + "}",
        "query ($a: [[[[String]]]]) { __typename }",
        "\0",
        "﻿",
        "#" * 60_000,
        "{ message(id: 1.5) { id } }",
        "mutation { sendMessage { __typename } }",
        "mutation { sendMessage(input: {senderId: 1, recipient: [], text: null}) { __typename } }",
    ],
)
async def test_an_odd_document_is_refused(account, document):
    """Whatever the document, it is answered with a code, never with a server error."""
    await_answer = await post(document, headers={"accept": GRAPHQL_JSON})
    assert await_answer.status == 400
    assert set(await_answer.codes) == {"INVALID_REQUEST"}


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", None]
)
async def test_another_media_type_is_refused(account, media_type):
    """Only JSON is taken, so no page on another site can send one without being asked first (CORS)."""
    body = orjson.dumps({"query": "{ __typename }"})
    await refused(request("POST", body=body, headers={"content-type": media_type}), 415)


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_come_with_parameters(account, media_type):
    """A charset and another case are fine."""
    body = orjson.dumps({"query": "{ __typename }"})
    assert (await request("POST", body=body, headers={"content-type": media_type})).status == 200


async def test_a_body_over_4_mib_is_refused(account):
    """413, whether the size was announced or comes out while reading, which then stops."""
    large = orjson.dumps({"query": "{ __typename }", "variables": {"a": "x" * 4 * 1024 * 1024}})
    await refused(request("POST", body=large, headers=JSON_BODY), 413, "BODY_TOO_LARGE")
    chunked = request("POST", headers=JSON_BODY, chunks=[b" " * 40_000] * 1000)
    answer = await refused(chunked, 413, "BODY_TOO_LARGE")
    assert answer.headers["connection"] == "close"


async def test_only_variables_may_be_large(account):
    """A document is read letter by letter, and remembered."""
    answer = await refused(post("{ __typename }" + " " * 65_536), 400)
    assert "65,536 characters" in answer.json()["errors"][0]["message"]


async def test_a_list_with_too_many_items_is_not_looked_at(account):
    """However small its items are."""
    answer = await refused(post("{ __typename }", {"a": {"b": [1] * 2001}}), 400)
    assert "2,000 items" in answer.json()["errors"][0]["message"]
    assert (await post("{ __typename }", {"a": {"b": [1] * 2000}})).status == 200


async def test_queries_may_come_with_get(account):
    """The query and its variables stand in the address."""
    query = b"query=query($id:ID!){message(id:$id){id}}&variables=%7B%22id%22:%221%22%7D"
    assert (await request("GET", query=query)).data == {"message": None}
    await refused(request("GET", query=b"query=%7B__typename%7D&variables=%7B"), 400)
    await refused(request("GET"), 400)


async def test_mutations_may_not_come_with_get(account):
    """405, which names the method that is right."""
    answer = await refused(request("GET", query=b"query=mutation%7B__typename%7D"), 405)
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_other_methods_are_refused(account, method):
    """405, which names those that are right."""
    assert (await refused(request(method), 405)).headers["allow"] == "GET, POST"


async def test_the_path_may_lack_its_slash(account):
    """POST /graphql is served as it is."""
    body = orjson.dumps({"query": "{ __typename }"})
    assert (await request("POST", "/graphql", body=body, headers=JSON_BODY)).status == 200


@pytest.mark.parametrize("path", ["/graphqlx", "/graphql/x", "/graphql//", "/graphql/assets"])
async def test_other_paths_do_not_exist(account, path):
    """404."""
    assert (await request("POST", path, body=b"{}", headers=JSON_BODY)).status == 404


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer wrong", "Basic abc", "Bearer " + "x" * 5000])
async def test_without_a_good_key_nothing_is_answered(account, settings, authorization):
    """401 with a code, and the scheme that is asked for."""
    settings.SMS_ANONYMOUS_ACCOUNT = ""
    answer = await refused(post("{ __typename }", headers={"authorization": authorization}), 401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_where_the_operator_allows_it_no_key_is_needed(account, settings):
    """The anonymous account is used, but not in place of a wrong key."""
    settings.SMS_ANONYMOUS_ACCOUNT = "graphql"
    result = (await post(SEND + EVERYTHING, {"input": given()}, headers={"authorization": None})).data["sendMessage"]
    assert result["__typename"] == "SendMessageSuccess"
    await refused(post("{ __typename }", headers={"authorization": "Bearer wrong"}), 401, "UNAUTHENTICATED")


CHAIN = "".join(f"fragment F{n} on Message {{ ...F{n + 1} ...F{n + 1} }} " for n in range(70))
CIRCLE = "".join(
    f"fragment F{n} on Message {{ {' '.join(f'...F{other}' for other in range(18) if other != n)} }} "
    for n in range(18)
)


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ("{ " + " ".join(f"a{n}: __typename" for n in range(16)) + " }", "15 aliases"),
        ("{ " + "__typename " * 1000 + "}", "1000 tokens"),
        ("{ " + "__typename " * 501 + "}", "500 fields"),
        ("{ message(id: 1) { ...F0 } } fragment F70 on Message { id } " + CHAIN, "500 fields"),
        ("{ __typename } fragment F70 on Message { id } " + CHAIN, "500 fields"),
        ("{ message(id: 1) { ...F0 } } " + CIRCLE, "500 fields"),
    ],
)
async def test_a_document_has_limits(account, document, word):
    """Aliases, tokens, and fields however cleverly they are asked for: refused at once."""
    begun = time.monotonic()
    answer = await post(document)
    assert word in answer.json()["errors"][0]["message"]
    assert time.monotonic() - begun < 1


async def test_a_deep_document_is_refused(account):
    """Nothing deeper than 10 is looked at, valid or not."""
    answer = await post("{ message(id: 1) " + "{ a " * 12 + "}" * 12 + " }")
    assert any("depth" in error["message"] for error in answer.json()["errors"])


async def test_a_deep_introspection_is_refused(account):
    """Introspection cannot be used to ask for a huge answer."""
    answer = await post("{ __schema { types " + "{ fields { type " * 4 + "{ name }" + "} }" * 4 + " } }")
    assert set(answer.codes) == {"INVALID_REQUEST"}
    assert "introspection" in answer.json()["errors"][0]["message"].lower()


async def test_tools_can_read_the_schema(account):
    """The introspection query of GraphiQL and code generators passes all limits."""
    from graphql import build_client_schema, get_introspection_query

    document = get_introspection_query(descriptions=True, input_value_deprecation=True, specified_by_url=True)
    assert build_client_schema((await post(document)).data).query_type.name == "Query"


async def test_without_the_database_a_request_is_told_to_come_back(account, monkeypatch):
    """503 with Retry-After and a code, for a read, a write, and a caller whom we do not know yet."""
    await post("{ __typename }")  # now the key is remembered for some seconds

    def lost(*_):
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(CursorWrapper, "_execute", lost)
    for answer in (
        post('{ a: message(id: "%s") { id } b: message(id: "nonsense") { id } }' % ID),
        post(SEND + EVERYTHING, {"input": given()}),
        post("{ __typename }", headers={"authorization": "Bearer new"}),
    ):
        assert (await refused(answer, 503, "SERVICE_UNAVAILABLE")).headers["retry-after"] == "1"


async def test_what_we_did_not_expect_is_logged_and_not_told(account, monkeypatch):
    """The client gets the number of an incident, the log gets the rest."""

    async def broken(**_):
        raise ValueError("secret of the house")  # not caught by `message`, which expects another one

    monkeypatch.setattr(selectors, "message", broken)
    monkeypatch.setattr("graphql_api.queries.UUID", lambda _: 1 / 0)
    with structlog.testing.capture_logs() as logs:
        answer = await post('{ message(id: "%s") { id } }' % ID)
    (error,) = answer.json()["errors"]
    assert (answer.status, answer.json()["data"], answer.codes) == (200, {"message": None}, ["INTERNAL_ERROR"])
    (line,) = logs
    assert (line["event"], line["path"], type(line["exc_info"])) == ("request_failed", ["message"], ZeroDivisionError)
    assert error["message"] == f"Internal error ({line['incident']})."


async def test_a_broken_view_answers_too(account, monkeypatch):
    """Also outside of any resolver, a mistake of ours is a GraphQL response without a stack trace."""

    async def broken(_):
        raise ValueError("secret of the house")

    monkeypatch.setattr("graphql_api.http.caller_of", broken)
    with structlog.testing.capture_logs() as logs:
        answer = await refused(post("{ __typename }"), 500, "INTERNAL_ERROR")
    assert logs[0]["incident"] in answer.json()["errors"][0]["message"]
    assert b"secret" not in answer.body


async def test_no_log_has_a_text_or_a_number(account, caplog):
    """What clients send wrongly is theirs: nothing of it reaches our logs."""
    with caplog.at_level(logging.DEBUG):
        await post(SEND + EVERYTHING, {"input": given(text=["PERSONAL"], recipient={"PERSONAL": 1})})
        await post(SEND + EVERYTHING, {"input": given(text="STOP PERSONAL")})
        await post('{ message(id: "PERSONAL") { id } PERSONAL }')
    assert "PERSONAL" not in caplog.text


async def test_variables_may_be_nested_as_deeply_as_json_allows(account):
    """Nobody's stack is walked by them."""
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    answer = await request("POST", body=b'{"query":"{ __typename }","variables":' + deep + b"}", headers=JSON_BODY)
    assert answer.data == {"__typename": "Query"}
