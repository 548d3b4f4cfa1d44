"""What a client sees of costs, by REST and by GraphQL: of a message, before it is sent, of some days, and refusals."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sms import scopes
from sms.database import in_thread, rows
from sms.models import Message
from sms.services import accounts, keys
from tests.http import call
from tests.routes import make_route

MESSAGE = {"sender_id": "MyCorp", "recipient": "+233200000901", "text": "x" * 200}
CAMEL = {"senderId": "MyCorp", "recipient": "+233200000901", "text": "x" * 200}
PLANNED = {"amount": "0.025", "currency": "EUR", "is_estimate": True}
SEND = """mutation ($input: SendMessageInput!) { sendMessage(input: $input) { __typename
  ... on SendMessageSuccess { message { id price { amount currency isEstimate } } }
  ... on Refusal { code field detail } ... on LimitExceeded { retryAfter } } }"""
SEND_MANY = """mutation ($input: SendMessagesInput!) { sendMessages(input: $input) { __typename
  ... on SendMessagesPayload { accepted refused results { refusal { __typename code } } }
  ... on Refusal { code } } }"""
PLAN = "query ($input: PlanMessageInput!) { planMessage(input: $input) { price { amount currency isEstimate } } }"
SEE = "query ($id: ID!) { message(id: $id) { price { amount currency isEstimate } } }"
SPENDING = """query ($from: Date, $to: Date) { spending(from: $from, to: $to) { from to total { amount currency }
  lines { day route messages segments amount currency } } }"""
DAYS_OF_NOVEMBER = "?from=2026-11-01&to=2026-11-30"


class Client:
    """An application with a key."""

    def __init__(self, port, secret):
        self.url, self.secret = f"http://127.0.0.1:{port}", secret

    async def call(self, method, path, body=None, **headers):
        """Make a request."""
        given = {"Authorization": f"Bearer {self.secret}", **headers}
        return await asyncio.to_thread(call, method, self.url + path, body, given)

    async def graphql(self, query, **variables):
        """Run an operation and return its data, or its errors."""
        said = (await self.call("POST", "/graphql/", {"query": query, "variables": variables})).json()
        return said.get("data") or said["errors"]


@pytest.fixture
def client(port, transactional_db):
    """Make a client of an account, whose messages cost 0.0125 EUR a segment."""

    async def make(*, granted=scopes.USUAL, is_test=False, **limits):
        def store():
            accounts.create("shop", sender_ids=["MyCorp"], **limits)
            make_route("nile", price="0.0125")
            return keys.create("shop", granted=granted, is_test=is_test).secret

        return Client(port, await in_thread(store))

    return make


def snake(price):
    """A price of GraphQL, as REST spells it."""
    return {"amount": price["amount"], "currency": price["currency"], "is_estimate": price["isEstimate"]}


async def test_a_message_shows_what_it_costs(client):
    """An estimate until its provider has said it; nothing once it is canceled."""
    shop = await client()
    sent = (await shop.call("POST", "/api/messages/", MESSAGE)).json()
    assert sent["price"] == PLANNED
    other = (await shop.graphql(SEND, input=CAMEL))["sendMessage"]["message"]
    assert snake(other["price"]) == PLANNED
    canceled = (await shop.call("POST", f"/api/messages/{sent['id']}/cancel/")).json()
    assert canceled["price"] == {"amount": "0.00", "currency": "EUR", "is_estimate": False}
    await in_thread(lambda: rows("UPDATE sms_message SET price = 0.03, price_is_estimate = false"))
    seen = (await shop.graphql(SEE, id=other["id"]))["message"]["price"]
    assert snake(seen) == {"amount": "0.03", "currency": "EUR", "is_estimate": False}
    (first, _) = (await shop.call("GET", "/api/messages/")).json()["messages"]
    assert first["price"] == snake(seen)


async def test_a_plan_tells_what_a_message_would_cost(client):
    """Where that is known; a text without segments has no price."""
    shop = await client()
    assert (await shop.call("POST", "/api/messages/plan/", MESSAGE)).json()["price"] == PLANNED
    assert snake((await shop.graphql(PLAN, input=CAMEL))["planMessage"]["price"]) == PLANNED
    assert (await shop.call("POST", "/api/messages/plan/", {**MESSAGE, "text": ""})).json()["price"] is None
    assert (await shop.call("POST", "/api/messages/plan/", {**MESSAGE, "recipient": "x"})).json()["price"] is None


async def test_what_a_test_key_sends_has_no_price(client):
    """Nor would it have one."""
    shop = await client(is_test=True)
    assert (await shop.call("POST", "/api/messages/", MESSAGE)).json()["price"] is None
    assert (await shop.call("POST", "/api/messages/plan/", MESSAGE)).json()["price"] is None


async def test_a_spent_budget_is_a_402(client):
    """It is no 429, after which clients wait by themselves. A repeat is answered all the same."""
    shop = await client(budget=Decimal("0.04"), budget_currency="EUR")
    first = await shop.call("POST", "/api/messages/", MESSAGE, **{"Idempotency-Key": "k"})
    refused = await shop.call("POST", "/api/messages/", MESSAGE)
    assert (first.status, refused.status, refused.json()["code"]) == (202, 402, "BUDGET_SPENT")
    assert refused.headers["content-type"] == "application/problem+json"
    assert 0 < int(refused.headers["retry-after"]) <= 31 * 86_400
    assert not {"ratelimit", "ratelimit-policy"} & (first.headers.keys() | refused.headers.keys())
    again = await shop.call("POST", "/api/messages/", MESSAGE, **{"Idempotency-Key": "k"})
    assert (again.status, again.headers["idempotency-replayed"]) == (202, "true")
    batch = {"messages": [MESSAGE, {**MESSAGE, "text": "short"}, {**MESSAGE, "text": "y" * 200}]}
    some = await shop.call("POST", "/api/messages/batch/", batch, **{"Idempotency-Key": "b"})
    assert (some.status, some.json()["accepted"]) == (202, 1)
    assert [one.get("refusal", {}).get("code") for one in some.json()["results"]] == [
        *("BUDGET_SPENT", None, "BUDGET_SPENT"),
    ]
    none = await shop.call("POST", "/api/messages/batch/", batch, **{"Idempotency-Key": "c"})
    assert (none.status, none.json()["code"], none.json()["refused"]) == (402, "BUDGET_SPENT", 3)
    assert await in_thread(Message.objects.count) == 2


async def test_graphql_tells_a_spent_budget_as_data(client):
    """With the seconds until the next month."""
    shop = await client(budget=Decimal("0.03"), budget_currency="EUR")
    await shop.graphql(SEND, input=CAMEL)
    refused = (await shop.graphql(SEND, input=CAMEL))["sendMessage"]
    assert (refused["__typename"], refused["code"], refused["field"]) == ("LimitExceeded", "BUDGET_SPENT", None)
    assert 0 < refused["retryAfter"] <= 31 * 86_400
    none = (await shop.graphql(SEND_MANY, input={"messages": [CAMEL], "idempotencyKey": "a"}))["sendMessages"]
    assert none == {"__typename": "LimitExceeded", "code": "BUDGET_SPENT"}
    whole = {"messages": [{**CAMEL, "text": "short"}, CAMEL], "idempotencyKey": "b", "errorPolicy": "ALL_OR_NOTHING"}
    assert (await shop.graphql(SEND_MANY, input=whole))["sendMessages"]["code"] == "BUDGET_SPENT"
    assert await in_thread(Message.objects.count) == 1


async def test_spending_is_told_by_day_and_route(client):
    """The same by both doors: of this month so far, or of the days that are given."""
    shop = await client()
    for _ in range(2):
        await shop.call("POST", "/api/messages/", MESSAGE)
    await in_thread(lambda: rows("UPDATE sms_spend SET day = '2026-11-07'"))
    rest = await shop.call("GET", f"/api/spending/{DAYS_OF_NOVEMBER}")
    assert rest.headers["cache-control"] == "no-store"
    line = {"day": "2026-11-07", "route": "nile", "messages": 2, "segments": 4, "amount": "0.05", "currency": "EUR"}
    expected = {"from": "2026-11-01", "to": "2026-11-30", "total": [{"amount": "0.05", "currency": "EUR"}]}
    assert rest.json() == {**expected, "lines": [line]}
    graphql = await shop.graphql(SPENDING, **{"from": "2026-11-01", "to": "2026-11-30"})
    assert graphql["spending"] == rest.json()
    today = datetime.now(UTC).date()
    usual = (await shop.call("GET", "/api/spending")).json()
    assert (usual["from"], usual["to"]) == (today.replace(day=1).isoformat(), today.isoformat())
    assert (await shop.graphql(SPENDING))["spending"] == usual


async def test_nobody_sees_what_another_account_spends(client, port):
    """Whatever days are asked for."""
    shop = await client()
    await shop.call("POST", "/api/messages/", MESSAGE)
    await in_thread(lambda: accounts.create("other"))
    stranger = Client(port, (await in_thread(lambda: keys.create("other"))).secret)
    assert (await stranger.call("GET", "/api/spending/")).json()["lines"] == []
    assert (await stranger.graphql(SPENDING))["spending"]["lines"] == []
    assert (await shop.call("GET", "/api/spending/")).json()["lines"] != []


async def test_spending_needs_the_scope_of_reading(client):
    """By both doors."""
    shop = await client(granted=[scopes.SEND])
    refused = await shop.call("GET", "/api/spending/")
    assert (refused.status, refused.json()["code"]) == (403, "PERMISSION_DENIED")
    (error,) = await shop.graphql(SPENDING)
    assert error["extensions"]["code"] == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("?from=yesterday", "INVALID_REQUEST", "from"),
        ("?from=20261101", "INVALID_REQUEST", "from"),
        ("?to=2026-02-30", "INVALID_REQUEST", "to"),
        ("?month=2026-11", "INVALID_REQUEST", "month"),
        ("?from=2026-11-02&to=2026-11-01", "FILTER_INVALID", "from"),
        ("?from=2025-11-01&to=2026-11-02", "FILTER_INVALID", "from"),
    ],
)
async def test_days_that_are_none_are_refused(client, query, code, field):
    """With what to mend."""
    shop = await client()
    refused = await shop.call("GET", f"/api/spending/{query}")
    assert (refused.status, refused.json()["code"], refused.json()["field"]) == (400, code, field)
