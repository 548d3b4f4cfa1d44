"""docs/graphql.md tells the limits and the costs that the code has."""

import re
from pathlib import Path

import pytest

from config import env, serve
from edge import bodies
from graphql_api import cost, extent, limits, websocket
from graphql_api.limits import prepare
from graphql_api.schema import schema
from sms.errors import ErrorCode
from sms.services import accept_many

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/graphql.md").read_text()
ROWS = dict(re.findall(r"^\| (.+?) \| (.+) \|$", PAGE, re.MULTILINE))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("characters of a document", f"{limits.LONGEST_DOCUMENT:,}"),
        ("tokens of a document", f"{limits.MOST_TOKENS:,}"),
        ("fields and uses of fragments, every fragment spread out", f"{limits.MOST_SELECTIONS}"),
        ("fields at the root of an operation", f"{limits.WIDEST}"),
        ("fields below each other", f"{limits.DEEPEST}"),
        ("aliases", f"{limits.MOST_ALIASES}"),
        ("directives, and in one place", f"{limits.MOST_DIRECTIVES}, {limits.MOST_DIRECTIVES_IN_ONE_PLACE}"),
        ("items of a list in the variables", f"{limits.MOST_ITEMS:,}"),
        ("messages of one `sendMessages`", f"{accept_many.MOST:,}"),
        ("body of a request", f"{bodies.LARGEST_BATCH // 2**20} MiB"),
        (
            "frame of a websocket, and operations at once on one",
            f"{websocket.LARGEST_FRAME // 2**10} KiB, {websocket.MOST_OPERATIONS}",
        ),
    ],
)
def test_the_limits_are_those_of_the_code(row, told):
    """Each stands in the table."""
    assert ROWS[row] == told


def test_every_extent_has_its_limit():
    """What is measured and not limited would be forgotten; introspection is a setting's affair."""
    assert set(limits.EXTENTS) == set(extent.Extent._fields) - {"introspections"}
    assert websocket.LARGEST_FRAME == serve.LARGEST_FRAME


def test_the_rule_has_the_codes_numbers():
    """The page says them in words."""
    assert f"`GRAPHQL_COST_LIMIT`, {env.GRAPHQL_COST_LIMIT:,})" in PAGE
    assert f"costs {cost.FIELD}, a field of a mutation {cost.MUTATION};" in PAGE
    assert f"or else {cost.ASSUMED} times" in PAGE
    assert f"1 more for every {cost.ITEMS_A_POINT} items" in PAGE


ONE = "{ ... on SendMessageSuccess { message { id } } }"
MANY = "{ ... on SendMessagesPayload { results { message { id } refusal { code } } } }"


@pytest.mark.parametrize(
    ("row", "document", "variables"),
    [
        ("{ message(id:", '{ message(id: "1") { status events { status } } }', {}),
        (
            "mutation { sendMessage(",
            "mutation ($i: SendMessageInput!) { sendMessage(input: $i) %s }" % ONE,
            {},
        ),
        (
            "sendMessages",
            "mutation ($i: SendMessagesInput!) { sendMessages(input: $i) %s }" % MANY,
            {"i": {"messages": [{}] * 1000}},
        ),
    ],
)
def test_the_examples_are_counted_right(row, document, variables):
    """By the code, and the sum by hand."""
    ((parts, total),) = re.findall(rf"^\| `{re.escape(row)}.+\| (.+) \| (\d+) \|$", PAGE, re.MULTILINE)
    assert eval(parts.replace("\N{MULTIPLICATION SIGN}", "*")) == int(total)
    prepared = prepare(schema._schema, document)
    assert prepared.errors == []
    assert prepared.prices[None].cost.of(variables) == int(total)


def test_every_code_and_setting_named_exists():
    """And none that belongs here is left out."""
    kinds = ("DOCUMENT_", "PERSISTED_", "COST_", "INTROSPECTION_")
    codes = {code for code in ErrorCode if code.startswith(kinds)}
    assert {code for code in codes if f"`{code}`" in PAGE} == codes
    settings = {name for name in vars(env) if name.startswith("GRAPHQL_")}
    assert set(re.findall(r"GRAPHQL_[A-Z_]+", PAGE)) == settings
