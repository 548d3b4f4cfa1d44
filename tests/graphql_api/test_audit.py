"""What a scanner for GraphQL services would say of this one: the twelve checks of graphql-cop, each as it makes them.

Three find what an operator may want and can switch off, one what the specification of GraphQL over HTTP provides for,
and no cookie makes dangerous here; the others find nothing.
"""

from urllib.parse import urlencode

import orjson
import pytest
from graphql import build_client_schema, get_introspection_query

from tests.graphql_api.http import JSON, post, request
from tests.graphql_api.sockets import opened

pytestmark = pytest.mark.django_db(transaction=True)

JSON_BODY = {"content-type": JSON}
SCHEMA = "query cop { __schema { types { name fields { name } } } }"


async def ask(query):
    """POST a document as the scanner does."""
    return (await post(query, operationName="cop")).json()


async def get(document, **headers):
    """GET a document as the scanner does."""
    return await request("GET", query=urlencode({"query": document}).encode(), headers=headers)


@pytest.mark.parametrize("shown", [True, False])
async def test_introspection(account, settings, shown):
    """1: GRAPHQL_INTROSPECTION."""
    settings.SMS_GRAPHQL_INTROSPECTION = shown
    answer = await ask(SCHEMA)
    if shown:
        assert answer["data"]["__schema"]["types"]
    else:
        (error,) = answer["errors"]
        assert "data" not in answer
        assert error["extensions"] == {"code": "INTROSPECTION_DISABLED"}
        assert error["message"].startswith("This service does not show its schema")


@pytest.mark.parametrize(
    "document",
    [
        '{ __type(name: "Query") { name } }',
        "{ a: __schema { queryType { name } } }",
        "{ __typename ... { ...F } } fragment F on Query { __schema { queryType { name } } }",
        "query A { __typename } query B { __schema { queryType { name } } }",
        "query ($a: Boolean = false) { __schema @include(if: $a) { queryType { name } } }",
        "{ __schema { nonsense } }",
        get_introspection_query(),
    ],
)
async def test_without_introspection_nothing_of_the_schema_is_shown(served, account, settings, document):
    """By no way around; on both doors."""
    settings.SMS_GRAPHQL_INTROSPECTION = False
    assert (await post(document, operationName="A" if "query A" in document else None)).codes == [
        "INTROSPECTION_DISABLED"
    ]
    async with opened(served, init=True) as socket:
        await socket.start(document)
        frame = await socket.receive()
        assert (frame["type"], frame["payload"][0]["extensions"]) == ("error", {"code": "INTROSPECTION_DISABLED"})


async def test_without_introspection_clients_still_get_their_typenames(account, settings):
    """Caches live on them."""
    settings.SMS_GRAPHQL_INTROSPECTION = False
    assert (await post("{ __typename message(id: 1) { __typename } }")).data == {"__typename": "Query", "message": None}


async def test_with_introspection_all_of_the_schema_is_shown(account):
    """It is what the query of every tool asks for."""
    query = get_introspection_query(descriptions=True, input_value_deprecation=True, specified_by_url=True)
    assert "sendMessage" in build_client_schema((await post(query)).data).mutation_type.fields


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize(
    ("document", "variables", "left"),
    [
        ("query cop { __schema { directive %s } }", None, "Cannot query field 'directive' on type '__Schema'."),
        ("query cop { messag %s }", None, "Cannot query field 'messag' on type 'Query'."),
        (
            "mutation cop { sendMessage(input: {}) { message %s } }",
            None,
            "Cannot query field 'message' on type 'SendMessageResult'.",
        ),
        ("query cop { message(ids: 1) { id %s } }", None, "Unknown argument 'ids' on field 'Query.message'."),
        ("query cop { ... on Quer { __typename %s } }", None, "Unknown type 'Quer'."),
        (
            "mutation cop($i: SendMessageInput!) { sendMessage(input: $i) { __typename %s } }",
            {"i": {"senderId": "a", "recipient": "b", "text": "c", "txet": "d"}},
            "Variable '$i' has invalid value: Expected value of type 'SendMessageInput' not to include unknown field",
        ),
    ],
)
async def test_field_suggestions(account, settings, *, document, variables, left, given):
    """2: GRAPHQL_SUGGESTIONS, for every kind of name."""
    settings.SMS_GRAPHQL_SUGGESTIONS = given
    document = document.replace("%s", f"a{given}: __typename")  # a document is remembered with its errors
    errors = (await post(document, variables, operationName="cop")).json()["errors"]
    assert any(error["message"].startswith(left) for error in errors), errors
    assert any("Did you mean" in error["message"] for error in errors) == given


@pytest.mark.parametrize("shown", [True, False])
async def test_ide(account, settings, shown):
    """3: GRAPHQL_IDE; without it the address and the page's files answer browsers as they answer programs."""
    settings.SMS_GRAPHQL_IDE = shown
    answer = await get("", accept="text/html")
    assert (b"GraphiQL" in answer.body) == shown
    assert answer.status == (200 if shown else 400)
    assert (await request("GET", "/graphql/assets/boot.js")).status == (200 if shown else 404)


async def test_get(account):
    """4: queries may come with GET, as the specification has it: nothing changes, and no cookie lets a page ask."""
    assert (await get("query cop {__typename}")).data == {"__typename": "Query"}


async def test_alias_overloading(account):
    """5: 101 aliases."""
    answer = await ask("query cop { " + "".join(f"alias{n}:__typename \n" for n in range(101)) + " }")
    assert "data" not in answer


async def test_batch(account):
    """6: ten queries in a list."""
    body = orjson.dumps([{"query": "query cop { __typename }"}] * 10)
    answer = (await request("POST", body=body, headers=JSON_BODY)).json()
    assert list(answer) == ["errors"]


async def test_trace_mode(account):
    """7: no answer tells how long its parts took."""
    assert set((await ask("query cop { __typename }"))["extensions"]) == {"cost"}


async def test_directive_overloading(account):
    """8: ten directives get one error, not ten."""
    (error,) = (await ask("query cop { __typename @aa@aa@aa@aa@aa@aa@aa@aa@aa@aa }"))["errors"]
    assert "directives in one place" in error["message"]


async def test_circular_introspection(account):
    """9: types of fields of types of fields."""
    circle = "fields { type { " * 4 + "name" + " } }" * 4
    assert "data" not in await ask(f"query cop {{ __schema {{ types {{ {circle} }} }} }}")


async def test_mutation_over_get(account):
    """10: refused."""
    answer = await get("mutation cop {__typename}")
    assert (answer.status, list(answer.json())) == (405, ["errors"])


async def test_form(account):
    """11: a form, which a page on another site could send without being asked first."""
    body = urlencode({"query": "query cop { __typename }"}).encode()
    answer = await request("POST", body=body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert (answer.status, list(answer.json())) == (415, ["errors"])


async def test_unhandled_errors(account):
    """12: what cannot be parsed shows nothing of our insides."""
    (error,) = (await ask("qwerty cop { abc }"))["errors"]
    assert error["extensions"] == {"code": "INVALID_REQUEST"}


async def test_circular_fragments(account):
    """Not one of the twelve, but often among them: refused before anything follows the circle."""
    answer = await ask("query cop { ...A } fragment A on Query { ...B } fragment B on Query { ...A }")
    assert "data" not in answer


async def test_field_duplication(account):
    """Nor this, which the scanner once had: the same field five hundred times."""
    assert "data" not in await ask("query cop { " + "__typename \n" * 500 + "} ")
