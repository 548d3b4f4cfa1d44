"""Documents made to keep the service busy: each is refused at once, with one error, whatever makes it large."""

import time

import pytest
from graphql import parse

from graphql_api.extent import ENDLESS, Extent, measure
from graphql_api.limits import MOST_DIRECTIVES, _prepare
from graphql_api.schema import schema
from sms.database import in_thread
from sms.models import Message
from tests.graphql_api.http import JSON, SEND, given, post, request
from tests.graphql_api.sockets import opened

pytestmark = pytest.mark.django_db(transaction=True)

JSON_BODY = {"content-type": JSON}
AT_ONCE = 2  # seconds; a hundred times what each takes, and far less than any of them would take unlimited


def repeated(template, times, joint=" "):
    """Return a text many times, with numbers in place of its %d."""
    return joint.join(template.replace("%d", str(number)) for number in range(times))


def chain(fragments, uses):
    """Return fragments that each use the next one several times."""
    links = [f"fragment F{n} on Message {{ {f'...F{n + 1} ' * uses}}} " for n in range(fragments)]
    return "".join(links) + f"fragment F{fragments} on Message {{ id }}"


NESTED = "a { " * 80 + "%s" + "} " * 80

BOMBS = {
    "tokens": ("{ " + "a " * 10_000 + "}", "tokens"),
    "characters": ("{ " + "a " * 40_000 + "}", "characters"),
    "letters": ("{ __typename " + "#" * 70_000 + "\n}", "characters"),
    "fields": ("{ " + "__typename " * 501 + "}", "500 fields"),
    "fields of fragments": (
        "{ message(id: 1) { " + "...F " * 51 + "} } fragment F on Message { " + "id " * 10 + "}",
        "500",
    ),
    "doubling fragments": ("{ message(id: 1) { ...F0 } } " + chain(60, 2), "500 fields"),
    "a circle": ("{ message(id: 1) { ...F } } fragment F on Message { id ...F }", "500 fields"),
    "a circle of two": ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "500 fields"),
    "a circle that nobody uses": ("{ __typename } fragment F on Message { ...F }", "500 fields"),
    "aliases": ("{ " + repeated("a%d: __typename", 16) + " }", "15 aliases"),
    "aliases in a fragment": (
        "{ ...F ...F } fragment F on Query { " + repeated("a%d: __typename", 8) + " }",
        "15 aliases",
    ),
    "depth": ("{ " + "a { " * 10 + "b" + " }" * 11, "10 fields in depth"),
    "depth in fragments": (
        "{ a { a { a { a { ...F } } } } } fragment F on A { a { a { a { a { a { a { b } } } } } } }",
        "10 fi",
    ),
    "depth in inline fragments": ("{ " + "... { a { " * 10 + "b" + " } }" * 10 + " }", "10 fields in depth"),
    "depth by itself": ("{ " + "a { " * 320 + "b" + " }" * 321, "nested too deeply"),
    "depth across fragments": (
        "{ ...F0 } "
        + "".join(f"fragment F{n} on A {{ {NESTED % f'...F{n + 1}'} }} " for n in range(3))
        + "fragment F3 on A { b }",
        "10 fields in depth",
    ),
    "directives on a field": ("{ __typename " + "@aa" * 10 + " }", "4 directives in one place"),
    "directives on an operation": ("query A " + "@aa" * 10 + " { __typename }", "4 directives in one place"),
    "directives on a variable": (
        "query ($a: Int " + "@aa" * 10 + ") { message(id: $a) { id } }",
        "4 directives in one",
    ),
    "directives on a fragment": (
        "{ ...F } fragment F on Query " + "@aa" * 10 + " { __typename }",
        "4 directives in one",
    ),
    "directives on its use": ("{ ...F " + "@aa" * 10 + " } fragment F on Query { __typename }", "4 directives in one"),
    "directives everywhere": ("{ message(id: 1) { " + "id @skip(if: false) " * 51 + "} }", "50 directives"),
    "mutations": ("mutation { " + "cancelMessage(id: 1) { __typename } " * 21 + "}", "20 fields at its root"),
    "mutations in fragments": (
        "mutation { " + "...F " * 7 + "} fragment F on Mutation { " + "cancelMessage(id: 1) { __typename } " * 3 + "}",
        "20 fields at its root",
    ),
    "queries": ("{ " + "message(id: 1) { id } " * 21 + "}", "20 fields at its root"),
}


@pytest.mark.parametrize(("document", "word"), BOMBS.values(), ids=BOMBS)
async def test_a_bomb_is_refused_at_once(account, document, word):
    """One sentence says what is too much."""
    begun = time.monotonic()
    answer = await post(document)
    assert time.monotonic() - begun < AT_ONCE
    assert answer.codes == ["INVALID_REQUEST"]
    assert word in answer.json()["errors"][0]["message"]
    assert "data" not in answer.json()


@pytest.mark.parametrize(("document", "word"), BOMBS.values(), ids=BOMBS)
async def test_a_bomb_is_refused_over_a_socket_too(served, account, document, word):
    """By the same limits, or by that of a frame; the socket goes on where it is not closed for that."""
    async with opened(served, init=True) as socket:
        await socket.start(document)
        if len(document) > 64_000:
            assert (await socket.closed())[0] == 1009
        else:
            frame = await socket.receive()
            assert (frame["type"], frame["payload"][0]["extensions"]["code"]) == ("error", "INVALID_REQUEST")
            assert word in frame["payload"][0]["message"]
            await socket.run("{ __typename }")


@pytest.mark.parametrize(
    "document",
    [
        "{ " + "__typename " * 20 + "}",
        "{ " + repeated("a%d: __typename", 15) + " }",
        "{ message(id: 1) { " + "id " * 499 + "} }",
        "query ($a: Boolean!) { __typename @skip(if: $a) @include(if: $a) }",
        "{ message(id: 1) { " + "id @skip(if: false) " * MOST_DIRECTIVES + "} }",
        "mutation { " + "__typename " * 20 + "}",
        "{ " + "... { " * 12 + "__typename" + " }" * 13,
        "{ ...A ...A } fragment A on Query { ...B ...B } fragment B on Query { __typename message(id: 1) { id } }",
    ],
)
async def test_what_keeps_to_the_limits_is_run(account, document):
    """None is lower than it says."""
    assert (await post(document, {"a": False})).status == 200
    assert _prepare(schema._schema, document).errors == []


def test_an_extent_counts_every_use():
    """Counted by hand, for a document that has something of each."""
    document = """
    query ($a: Boolean! @x) @y {
      b: message(id: 1) @skip(if: $a) @x { ...F @x ... on Message { c: id } }
      ...G
      __schema { types { name } }
    }
    fragment F on Message @x { id events { status } }
    fragment G on Query { message(id: 2) { ...F } __typename }
    """
    operation, f, g = measure(parse(document))
    assert f == Extent(selections=3, width=0, depth=0, aliases=0, directives=1, crowd=1, introspections=0)
    assert g == Extent(selections=6, width=0, depth=0, aliases=0, directives=1, crowd=1, introspections=0)
    assert operation == Extent(
        selections=1 + (1 + 3) + (1 + 1) + (1 + 6) + 3,
        width=1 + 2 + 1,
        depth=3,
        aliases=2,
        directives=2 + 2 + 2 + 1,
        crowd=2,
        introspections=1,
    )


def test_what_is_too_deep_to_be_measured_is_endless():
    """However it was parsed."""
    assert measure(parse("{ ...F0 } " + chain(1000, 1))) == [ENDLESS]


@pytest.mark.parametrize(
    "document", ["{ ...Nothing }", "{ message(id: 1) { ...Nothing } }", "{ ...F } fragment F on Nothing { a }"]
)
async def test_an_unknown_name_is_the_clients_mistake(account, document):
    """And no incident of ours."""
    answer = await post(document)
    assert set(answer.codes) == {"INVALID_REQUEST"}
    assert "Unknown" in answer.json()["errors"][0]["message"]


DEEP_LIST = b"[" * 900 + b"]" * 900
VARIABLES = {
    "a list in lists": b'{"input": {"text": ' + DEEP_LIST + b"}}",
    "a list instead of an object": b'{"input": ' + DEEP_LIST + b"}",
    "lists beside each other": b'{"input": [' + b",".join([b"[[[[1]]]]"] * 2000) + b"]}",
    "a list of lists": b'{"input": {"text": [' + b",".join([b"[" + b"1," * 1999 + b"1]"] * 100) + b"]}}",
    "an object of objects": b'{"input": ' + b'{"text": ' * 900 + b"1" + b"}" * 900 + b"}",
    "many names": b'{"input": {' + b",".join(b'"n%d": 1' % n for n in range(100_000)) + b"}}",
    "a text of 3 MB": b'{"input": {"senderId": "' + b"x" * 3_000_000 + b'", "recipient": "1", "text": "1"}}',
    "a number of 300 digits": b'{"input": {"validFor": ' + b"9" * 300 + b"}}",
    "many that nobody asked for": b"{" + b",".join(b'"n%d": 1' % n for n in range(100_000)) + b"}",
}


@pytest.mark.parametrize("variables", VARIABLES.values(), ids=VARIABLES)
async def test_variables_can_be_no_bomb(account, variables):
    """Refused at once, as data where only the domain can tell, and nothing is stored."""
    body = (
        b'{"query": "'
        + SEND.replace("...Everything", "id").replace("\n", " ").encode()
        + b'", "variables": '
        + variables
        + b"}"
    )
    begun = time.monotonic()
    answer = await request("POST", body=body, headers=JSON_BODY)
    assert time.monotonic() - begun < 2 * AT_ONCE
    document = answer.json()
    if "errors" in document:
        assert set(answer.codes) == {"INVALID_REQUEST"}
    else:
        assert document["data"]["sendMessage"]["code"] == "SENDER_ID_INVALID"
    assert len(answer.body) < 100_000
    assert await in_thread(Message.objects.count) == 0


async def test_a_list_of_inputs_that_are_none(account):
    """As many as may come: each is looked at once."""
    document = "mutation ($input: SendMessagesInput!) { sendMessages(input: $input) { __typename } }"
    begun = time.monotonic()
    answer = await post(document, {"input": {"messages": [{"nonsense": [[]]}] * 2000}})
    assert time.monotonic() - begun < 2 * AT_ONCE
    assert set(answer.codes) == {"INVALID_REQUEST"}


async def test_all_of_it_together_is_still_taken(account):
    """A large, honest document: fifteen messages with everything."""
    everything = "id senderId recipient text status events { sequence status occurredAt } "
    document = (
        "mutation (%s) { %s } fragment R on SendMessageResult { ... on SendMessageSuccess { message { %s } } }"
        % (
            repeated("$i%d: SendMessageInput!", 15),
            repeated("s%d: sendMessage(input: $i%d) { ...R }", 15),
            everything,
        )
    )
    answer = await post(document, {f"i{n}": given(idempotencyKey=str(n)) for n in range(15)})
    assert len(answer.data) == 15
    assert answer.json()["extensions"]["cost"]["requested"] == 15 * 12
