"""The executor against graphql-core's own: the same answers to whatever is asked, of whatever the resolvers return."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import fields, replace
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Union

import pytest
import strawberry
from graphql import GraphQLInputField, GraphQLInputObjectType, GraphQLList, GraphQLNonNull, GraphQLString, parse
from graphql.execution.executor import Executor as GraphQLCore
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.extensions import FieldExtension, SchemaExtension

from graphql_api.coercion import coercer_of
from graphql_api.executor import Executor
from graphql_api.schema import schema
from graphql_api.usual import Unusual


@strawberry.enum
class Colour(Enum):
    RED = "red"
    GREEN = "green"


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Leaf(Named):
    id: strawberry.ID
    size: int | None
    colour: Colour
    colours: list[Colour] | None
    tags: list[str]
    weights: list[float | None] | None
    when: datetime | None
    on: bool | None


Thing = Annotated[Union["Leaf", "Branch"], strawberry.union("Thing")]


class Loud(FieldExtension):
    """Changes what an attribute has."""

    def resolve(self, next_, source, info, **kwargs):
        return str(next_(source, info, **kwargs)).upper()


@strawberry.type
class Branch(Named):
    motto: str = strawberry.field(extensions=[Loud()], default="quiet")
    leaf: Leaf | None
    leaves: list[Leaf]
    things: list[Thing] | None
    other: Named | None

    @strawberry.field
    def fails(self) -> str:
        raise ValueError(self.name)

    @strawberry.field
    async def later(self, times: int = 1) -> str | None:
        await asyncio.sleep(0)
        return f"{self.name}" * times

    @strawberry.field
    async def later_leaves(self) -> list[Leaf]:
        await asyncio.sleep(0)
        return self.leaves

    @strawberry.field
    def found_things(self) -> list[Thing] | None:
        return self.things


@strawberry.input
class Inner:
    colour: Colour
    number: int | None = strawberry.UNSET
    flags: list[bool] | None = strawberry.UNSET


@strawberry.input
class Outer:
    name: str
    id: strawberry.ID | None = strawberry.UNSET
    inner: Inner | None = strawberry.UNSET
    inners: list[Inner | None] | None = strawberry.UNSET
    share: float | None = strawberry.UNSET
    when: datetime | None = strawberry.UNSET


@strawberry.input
class Defaults:
    share: float = 0.5
    inner: Inner | None = None


@strawberry.input(one_of=True)
class Choice:
    name: strawberry.Maybe[str]
    number: strawberry.Maybe[int]


@strawberry.type
class Query:
    @strawberry.field
    def branch(self, info: strawberry.Info) -> Branch | None:
        return info.context

    @strawberry.field
    async def branches(self, info: strawberry.Info) -> list[Branch]:
        return [info.context, info.context]

    @strawberry.field
    def told(
        self,
        outer: Outer | None = None,
        inner: Inner | None = None,
        choice: Choice | None = None,
        names: list[str] | None = None,
        defaults: Defaults | None = None,
    ) -> str:
        return repr((outer, inner, choice, names, defaults))


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def branches(self, info: strawberry.Info) -> AsyncGenerator[Branch, None]:
        yield info.context
        yield info.context


class Parsed(SchemaExtension):
    """Has each document parsed once, as ours are, and not validated: what it has may be left unused."""

    def on_parse(self):
        self.execution_context.graphql_document = once_parsed(self.execution_context.query)
        yield

    def on_validate(self):
        self.execution_context.pre_execution_errors = []
        yield


once_parsed = lru_cache(parse)

TYPES: dict[str, Any] = {
    "query": Query,
    "subscription": Subscription,
    "types": [Leaf, Branch],
    "extensions": [Parsed],
}


class Quiet(strawberry.Schema):
    def process_errors(self, errors, execution_context=None):
        """Do not log them."""


OURS = Quiet(**TYPES, execution_context_class=Executor)
THEIRS = Quiet(**TYPES)


class Impostor:
    """What has a name, and is nothing that the schema knows."""

    name = "nobody"


class Surprise:
    """What no field expects."""

    @property
    def name(self):
        raise RuntimeError("no name")


ODD = [
    None,
    3,
    2**40,
    0.5,
    "",
    "text",
    [],
    ("a", "b"),
    True,
    Colour.RED,
    ValueError("a value"),
    Surprise(),
    Impostor(),
    {},
]


@st.composite
def mostly(draw, usual):
    """Return a value that is mostly what the schema says."""
    return draw(st.sampled_from(ODD) if draw(st.integers(0, 7)) == 5 else usual)


@st.composite
def leaves(draw):
    """Return a leaf, each of whose attributes is mostly what the schema says."""
    kinds = {
        "name": st.text(max_size=3),
        "id": st.text(max_size=3),
        "size": st.integers(-5, 5),
        "colour": st.sampled_from(Colour),
        "colours": st.lists(mostly(st.sampled_from(Colour)), max_size=2),
        "tags": st.lists(mostly(st.text(max_size=2)), max_size=3),
        "weights": st.lists(mostly(st.floats(allow_nan=False)), max_size=2),
        "when": st.datetimes(timezones=st.just(UTC)),
        "on": st.booleans(),
    }
    return Leaf(**{name: draw(mostly(kind)) for name, kind in kinds.items()})


@st.composite
def branches(draw, depth=2):
    """Return a branch, in the same way."""
    things = st.one_of(leaves(), branches(depth - 1)) if depth else leaves()
    kinds = {
        "name": st.text(max_size=3),
        "leaf": leaves(),
        "leaves": st.lists(mostly(leaves()), max_size=2),
        "things": st.lists(mostly(things), max_size=3),
        "other": things,
    }
    return Branch(**{name: draw(mostly(kind)) for name, kind in kinds.items()})


LEAF = Leaf(
    name="a",
    id="1",
    size=1,
    colour=Colour.RED,
    colours=[Colour.GREEN],
    tags=["x"],
    weights=[0.5],
    when=datetime(2026, 1, 1, tzinfo=UTC),
    on=True,
)


PLAIN = {
    "Leaf": ["__typename", "name", "id", "size", "colour", "colours", "tags", "weights", "when", "on"],
    "Branch": ["__typename", "name", "motto", "fails", "later", "later(times: 2)", "later(times: $times)"],
    "Named": ["__typename", "name"],
    "Thing": ["__typename"],
}
RESOLVED = {"laterLeaves": "Leaf", "foundThings": "Thing"}
DEEPER = {
    "Leaf": {},
    "Branch": {"leaf": "Leaf", "leaves": "Leaf", "things": "Thing", "other": "Named", **RESOLVED},
    "Named": {"... on Leaf": "Leaf", "... on Branch": "Branch", "...": "Named"},
    "Thing": {"... on Leaf": "Leaf", "... on Branch": "Branch", "... on Named": "Named"},
}


@st.composite
def selections(draw, kind, depth=3):
    """Return a selection set of a type; fields come twice, and under other names."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        if depth and DEEPER[kind] and draw(st.booleans()):
            spelled = draw(st.sampled_from(sorted(DEEPER[kind])))
            found.append(f"{spelled} {draw(selections(DEEPER[kind][spelled], depth - 1))}")
        else:
            plain = draw(st.sampled_from(PLAIN[kind]))
            shape = "".join(c for c in plain if c.isalnum())  # what has other arguments has another name
            alias = draw(st.sampled_from([f"{shape}: ", f"{shape}Again: "]))
            found.append(alias + plain)
    found += draw(st.sampled_from([[], ["name"] if kind != "Thing" else [], [f"...Of{kind}"]]))
    return "{ " + " ".join(found) + " }"


FRAGMENTS = " ".join(f"fragment Of{kind} on {kind} {{ __typename }}" for kind in PLAIN)


def shown(result):
    """Return all that a client can see of a result, in its order."""
    errors = [(one.message, one.path, one.locations) for one in result.errors or ()]
    return repr(result.data), sorted(errors, key=repr)


async def everything_ended():
    """Wait for what graphql-core no longer needs, and lets end behind its answer."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


def both(document, variables, context):
    """Return what the two say, and ours once more, as it is when all is known of the document."""

    async def run():
        results = [
            shown(await one.execute(document, variable_values=variables, context_value=context))
            for one in (THEIRS, OURS, OURS)
        ]
        await everything_ended()
        return results

    return asyncio.run(run())


@settings(max_examples=150)
@given(branch=mostly(branches()), document=selections("Branch"), many=st.booleans())
def test_what_is_shown(branch, document, many):
    """Any selection of any objects, also of such as break their types, has graphql-core's result and its errors."""
    field = "branches" if many else "branch"
    document = f"query ($times: Int! = 1) {{ {field} {document} __typename }} {FRAGMENTS}"
    theirs, ours, again = both(document, {"times": 3}, branch)
    assert ours == theirs
    assert again == theirs


@pytest.mark.parametrize("name", [one.name for one in fields(Leaf)])
def test_each_surprise_in_each_attribute(name):
    """Whatever an attribute has, alone or in a list, is shown or refused as graphql-core does it."""
    document = f"{{ branch {{ leaf {{ {name} }} things {{ ... on Leaf {{ {name} }} }} }} }}"
    for odd in [*ODD, *([one] for one in ODD)]:
        leaf = replace(LEAF, **{name: odd})
        theirs, ours, again = both(document, {}, Branch(name="b", leaf=leaf, leaves=[], things=[leaf], other=None))
        assert ours == theirs
        assert again == theirs


@settings(max_examples=50)
@given(branch=branches(), document=selections("Branch"))
def test_what_is_pushed(branch, document):
    """So has each event of a subscription."""

    async def events(of):
        stream = await of.subscribe(
            f"subscription ($times: Int! = 1) {{ branches {document} }} {FRAGMENTS}", None, branch
        )
        return [shown(one) async for one in stream]

    async def run():
        told = await events(THEIRS), await events(OURS)
        await everything_ended()
        return told

    theirs, ours = asyncio.run(run())
    assert ours == theirs
    assert len(ours) == 2


JSON = (None, 3, 2**40, 0.5, "", "text", "RED", "red", [], {}, True, "2026-11-26T00:00:00Z", [["a"]])


@st.composite
def given_as(draw, usual):
    """Return JSON that is mostly what an input type says."""
    return draw(st.sampled_from(JSON) if draw(st.integers(0, 9)) == 5 else usual)


@st.composite
def objects(draw, **kinds):
    """Return an object of which a field may be missing, or be one too many."""
    made = {name: draw(given_as(kind)) for name, kind in kinds.items() if draw(st.integers(0, 4))}
    return made | ({"more": 1} if draw(st.integers(0, 9)) == 5 else {})


COLOURS, NUMBERS = st.sampled_from(["RED", "GREEN"]), st.integers(0, 9)
INNERS = objects(colour=COLOURS, number=NUMBERS, flags=st.lists(given_as(st.booleans()), max_size=2))
OUTERS = objects(
    name=st.text(max_size=3),
    id=st.text(max_size=3),
    inner=INNERS,
    inners=st.lists(given_as(INNERS), max_size=3),
    share=st.floats(0, 1),
    when=st.just("2026-11-26T00:00:00Z"),
)
ASKED = {
    "inner": (["Inner", "Inner!", "Inner = {colour: RED}"], INNERS),
    "outer": (["Outer", "Outer!"], OUTERS),
    "defaults": (["Defaults", "Defaults!"], objects(share=st.floats(0, 1), inner=INNERS)),
    "choice": (["Choice", "Choice!"], objects(name=st.text(max_size=3), number=NUMBERS)),
    "names": (["[String!]", "[String!]!", '[String!] = ["a"]'], st.lists(given_as(st.text(max_size=3)), max_size=3)),
}


@settings(max_examples=500)
@given(data=st.data(), name=st.sampled_from(sorted(ASKED)), is_given=st.sampled_from([True, True, True, False]))
def test_variables(data, name, is_given):
    """Any values for variables of any type come to what graphql-core makes of them, or to its errors."""
    kinds, values = ASKED[name]
    document = f"query ($it: {data.draw(st.sampled_from(kinds))}) {{ told({name}: $it) }}"
    theirs, ours, again = both(document, {"it": data.draw(given_as(values))} if is_given else {"other": 1}, None)
    assert ours == theirs
    assert again == theirs


def test_types_that_are_left_to_graphql_core():
    """Those of which one field has to be given, with defaults, and with themselves within."""
    text = GraphQLInputField(GraphQLString)
    tree: Any = GraphQLInputObjectType("Tree", lambda: {"below": GraphQLInputField(GraphQLList(tree))})
    for unusual in (
        GraphQLInputObjectType("OneOf", {"a": text, "b": text}, is_one_of=True),
        GraphQLInputObjectType("Defaults", {"a": GraphQLInputField(GraphQLString, default_value="a")}),
        tree,
    ):
        with pytest.raises(Unusual):
            coercer_of(GraphQLNonNull(unusual))
    assert coercer_of(GraphQLInputObjectType("Usual", {"a": text}))({"a": "b"}) == {"a": "b"}


def test_directives_and_several_operations():
    """What a document selects by its variables is looked at each time; of several operations the named one runs."""
    branch = Branch(name="b", leaf=LEAF, leaves=[LEAF], things=[LEAF], other=LEAF)
    document = """
        query One($on: Boolean!) { branch { leaf { name @include(if: $on) size @skip(if: $on) } } }
        query Two { branch { leaf { size } } }
    """

    async def run(of, name, variables):
        return shown(await of.execute(document, variables, branch, operation_name=name))

    async def compare():
        for name, variables in [("One", {"on": True}), ("One", {"on": False}), ("Two", {})]:
            assert await run(OURS, name, variables) == await run(THEIRS, name, variables)
        return await run(OURS, "One", {"on": True}), await run(OURS, "Two", {})

    one, two = asyncio.run(compare())
    assert one == ("{'branch': {'leaf': {'name': 'a'}}}", [])
    assert two == ("{'branch': {'leaf': {'size': 1}}}", [])


def test_graphql_core_has_little_to_do(monkeypatch):
    """It runs the resolvers; attributes are read without it, however many there are."""
    ran = []
    execute_field = GraphQLCore.execute_field

    def counted(self, parent_type, source, details, *more):
        ran.append(details[0].node.name.value)
        return execute_field(self, parent_type, source, details, *more)

    monkeypatch.setattr(GraphQLCore, "execute_field", counted)
    branch = Branch(name="b", leaf=LEAF, leaves=[LEAF] * 50, things=[LEAF] * 50, other=LEAF)
    everything = " ".join(PLAIN["Leaf"])
    document = f"""query ($times: Int!) {{ branch {{
        name leaf {{ {everything} }} leaves {{ {everything} }} things {{ ... on Leaf {{ {everything} }} }}
        other {{ name }} later(times: $times)
        laterLeaves {{ {everything} }} foundThings {{ ... on Leaf {{ {everything} }} }}
    }} }}"""
    (_, errors), ours, _ = both(document, {"times": 2}, branch)
    assert errors == ours[1] == []
    resolved = ["branch", "later", "laterLeaves", "foundThings"]
    assert ran[-8:] == resolved * 2


def test_our_schema_has_it():
    """The service's own schema runs by it."""
    assert schema.execution_context_class is Executor
