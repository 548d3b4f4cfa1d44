"""What an operation costs, and that no more is run than is allowed."""

import pytest
import strawberry

from graphql_api import schema as service
from graphql_api.limits import Limits, prepare
from sms.database import in_thread
from sms.models import Message
from tests.graphql_api.http import EVERYTHING, GRAPHQL_JSON, SEND, given, post
from tests.graphql_api.sockets import opened
from tests.graphql_api.test_send_messages import SEND_MANY
from tests.messages import store

pytestmark = pytest.mark.django_db(transaction=True)


SIZES = []  # of the pages that were read


@strawberry.type
class Line:
    """Only what has no fields."""

    text: str


@strawberry.type
class Node:
    """What a list is of."""

    id: strawberry.ID
    tags: list[str]
    lines: list[Line]

    @strawberry.field
    def some(self, first: int | None = None) -> list[Line]:
        """A list that says itself how long it is."""
        return []

    @strawberry.field
    def parent(self) -> "Node | None":
        """One more."""
        return None

    @strawberry.field
    def kin(self, first: int | None = None) -> "list[Node]":
        """Some more."""
        return []

    @strawberry.field
    def all(self) -> "list[Node]":
        """A list that nobody says the size of."""
        return []


@strawberry.type
class Edge:
    """An item of a connection."""

    cursor: str
    node: Node


@strawberry.type
class PageInfo:
    """What a connection has besides."""

    has_next_page: bool


@strawberry.type
class Connection:
    """A page of nodes."""

    edges: list[Edge]
    nodes: list[Node]
    page_info: PageInfo


@strawberry.input
class Given:
    """An input with lists."""

    ids: list[int]
    more: list[int] | None = None
    name: str | None = None


@strawberry.type
class Query:
    """Reads."""

    @strawberry.field
    def nodes(self, first: int = 50, after: str | None = None) -> Connection:
        """A connection."""
        SIZES.append(first)
        return Connection(edges=[], nodes=[], page_info=PageInfo(has_next_page=False))

    @strawberry.field
    def node(self) -> Node:
        """One."""
        return Node(id="1", tags=[], lines=[])


@strawberry.type
class Mutation:
    """Writes."""

    @strawberry.mutation
    def take(self, input: Given) -> Node:  # noqa: A002
        """Lists in an input."""
        return Node(id="1", tags=[], lines=[])

    @strawberry.mutation
    def drop(self, ids: list[int]) -> bool:
        """A list by itself."""
        return True


schema = strawberry.Schema(query=Query, mutation=Mutation, extensions=[Limits])


def cost(document, variables=None, name=None, of=schema):
    """What an operation costs."""
    prepared = prepare(of._schema, document)
    assert prepared.errors == []
    return prepared.prices[name].cost.of(variables or {})


PAGE = (
    "query ($n: Int%s) { "
    "nodes(first: $n) { edges { node { lines { text } parent { id } } } pageInfo { hasNextPage } } }"
)


@pytest.mark.parametrize(
    ("document", "variables", "points"),
    [
        ("{ __typename }", {}, 0),
        ("{ node { id tags } }", {}, 1),
        ("{ node { id parent { id parent { id } } } }", {}, 3),
        ("{ a: node { id } b: node { id } ...F } fragment F on Query { c: node { id } ... { d: node { id } } }", {}, 4),
        ("{ node { id @skip(if: true) parent @include(if: false) { id } } }", {}, 2),
        # A list costs 1, and what is below it as often as it may have items.
        ("{ node { lines { text } } }", {}, 2),
        ("{ node { some { text } some5: some(first: 5) { text } } }", {}, 3),
        # A connection hands its size to the lists right below it, and to those only.
        ("{ nodes { edges { cursor } nodes { id } pageInfo { hasNextPage } } }", {}, 4),
        ("{ nodes { edges { node { id } } } }", {}, 1 + 1 + 50),
        ("{ nodes(first: 100) { edges { node { id lines { text } some(first: 3) { text } } } } }", {}, 2 + 100 * 3),
        ("{ nodes(first: 100) { nodes { lines { text } parent { id } } } }", {}, 2 + 100 * 2),
        ("{ nodes(first: 2) { nodes { all { parent { id } } } } }", {}, 2 + 2 * (1 + 10)),
        ("{ node { kin(first: 3) { all { parent { id } } } } }", {}, 2 + 3 * (1 + 10)),
        ("{ node { all { all { all { id } } } } }", {}, 2 + 10 * (1 + 10)),
        ("{ nodes(first: 2) { ...E } } fragment E on Connection { edges { node { parent { id } } } }", {}, 2 + 2 * 2),
        ("{ nodes(first: 2) { ... on Connection { nodes { parent { id } } } } }", {}, 2 + 2),
        # The size in a variable: its value, the default, or what is assumed.
        (PAGE % "", {"n": 20}, 3 + 20 * 3),
        (PAGE % "", {}, 3 + 50 * 3),
        (PAGE % "", {"n": None}, 3 + 50 * 3),
        (PAGE % " = 7", {}, 3 + 7 * 3),
        (PAGE % " = 7", {"n": 8}, 3 + 8 * 3),
        # What cannot be a size is refused later; here it does no harm.
        (PAGE % "", {"n": "20"}, 3 + 50 * 3),
        (PAGE % "", {"n": [20]}, 3 + 50 * 3),
        (PAGE % "", {"n": -5}, 3),
        (PAGE % "", {"n": 2.0}, 3 + 2 * 3),
        (PAGE % "", {"n": 1e300}, 3 + (2**31 - 1) * 3),
        ("{ nodes(first: -5) { edges { node { id } } } }", {}, 2),
        # A mutation costs 10, and one more for ten items that it is given.
        ("mutation { drop(ids: []) }", {}, 10),
        ("mutation { drop(ids: [1, 2, 3]) again: drop(ids: [1]) }", {}, 22),
        ("mutation ($ids: [Int!]!) { drop(ids: $ids) }", {"ids": [1] * 10}, 11),
        ("mutation ($ids: [Int!]!) { drop(ids: $ids) }", {"ids": [1] * 11}, 12),
        ("mutation ($ids: [Int!]!) { drop(ids: $ids) }", {"ids": 1}, 10),
        ("mutation ($i: Given!) { take(input: $i) { id } }", {"i": {"ids": [1] * 30, "more": [1] * 10}}, 14),
        ("mutation ($i: Given!) { take(input: $i) { id parent { id } } }", {"i": "nonsense"}, 11),
        ("mutation ($ids: [Int!]!) { take(input: {ids: $ids, name: null}) { id } }", {"ids": [1] * 30}, 13),
        # Introspection has limits of its own.
        ("{ __schema { types { fields { name } } } }", {}, 1),
    ],
)
def test_the_rule(document, variables, points):
    """Every part of it, counted by hand."""
    assert cost(document, variables) == points


def test_each_operation_of_a_document_has_its_own_cost():
    """Only one of them is run."""
    document = "query A { node { id } } query B { node { parent { id } } }"
    assert [cost(document, name=name) for name in "AB"] == [1, 2]


def test_what_no_variable_changes_is_counted_once():
    """The document is remembered with a number, and nothing is left to count when it comes again."""
    nothing = "query ($n: Int) { nodes(first: $n) { edges { cursor } } }"
    cases = [(service.schema, SEND + EVERYTHING, 0), (service.schema, SEND_MANY, 1), (schema, PAGE % "", 1)]
    for of, document, repeated in [*cases, (schema, nothing, 0)]:
        prepared = prepare(of._schema, document)
        assert prepare(of._schema, document) is prepared
        assert len(prepared.prices[None].cost.repeated) == repeated


async def test_a_page_too_many_is_not_read():
    """The limit holds for what the variables ask for, before any resolver runs."""
    SIZES.clear()
    result = await schema.execute(PAGE % "", {"n": 332})
    assert (result.errors, result.extensions) == (None, {"cost": {"requested": 999, "limit": 1000}})
    result = await schema.execute(PAGE % "", {"n": 333})
    assert result.data is None
    assert result.errors[0].extensions == {"code": "COST_EXCEEDED", "cost": {"requested": 1002, "limit": 1000}}
    assert SIZES == [332]


async def test_every_answer_tells_its_cost(served, account):
    """Over HTTP and over the socket, beside data, also where a field failed."""
    message = await in_thread(store, account)
    one = '{ message(id: "%s") { id events { sequence } } }' % message.id
    told = {"cost": {"requested": 2, "limit": 1000}}
    assert (await post(one)).json()["extensions"] == told
    async with opened(served, init=True) as socket:
        assert (await socket.run(one))["extensions"] == told
    sent = await post(SEND + EVERYTHING, {"input": given()})
    assert sent.json()["extensions"] == {"cost": {"requested": 14, "limit": 1000}}


async def test_what_was_not_run_tells_none(account):
    """Nor does a refusal."""
    for document in ("{", "{ nothing }", "query ($id: ID!) { message(id: $id) { id } }"):
        assert "extensions" not in (await post(document)).json()


async def test_a_subscription_tells_none(served, account):
    """Its events are as small as before; the limit holds all the same."""
    message = await in_thread(store, account)
    async with opened(served, init=True) as socket:
        await socket.follow(message)
        frame = await socket.receive()
        assert (frame["type"], list(frame["payload"])) == ("next", ["data"])


async def test_an_operation_above_the_limit_is_refused_and_not_run(served, account, settings):
    """With a code, what it costs and what it may cost; nothing is stored; the same on both doors."""
    settings.SMS_GRAPHQL_COST_LIMIT = 11
    variables = {"input": given()}
    error = {
        "message": "The operation costs 14, and the limit is 11; ask for less, or in several requests.",
        "extensions": {"code": "COST_EXCEEDED", "cost": {"requested": 14, "limit": 11}},
    }
    answer = await post(SEND + EVERYTHING, variables, headers={"accept": GRAPHQL_JSON})
    assert (answer.status, answer.json()) == (400, {"errors": [error]})
    async with opened(served, init=True) as socket:
        await socket.start(SEND + EVERYTHING, variables)
        assert await socket.receive() == {"type": "error", "id": "1", "payload": [error]}
    assert await in_thread(Message.objects.count) == 0
    settings.SMS_GRAPHQL_COST_LIMIT = 14
    assert (await post(SEND + EVERYTHING, variables)).data["sendMessage"]["__typename"] == "SendMessageSuccess"


async def test_a_subscription_above_the_limit_is_refused(served, account, settings):
    """It costs what each of its events costs."""
    settings.SMS_GRAPHQL_COST_LIMIT = 0
    message = await in_thread(store, account)
    async with opened(served, init=True) as socket:
        await socket.follow(message)
        frame = await socket.receive()
        assert (frame["type"], frame["payload"][0]["extensions"]["code"]) == ("error", "COST_EXCEEDED")


def test_a_thousand_messages_may_be_sent_at_once():
    """And all asked back."""
    many = SEND_MANY.replace("id text status", "id text status createdAt")
    assert cost(many, {"input": {"messages": [given()] * 1000}}, "Send", service.schema) == 10 + 100 + 1 + 10 * 3
