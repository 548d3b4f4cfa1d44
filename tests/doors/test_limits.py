"""What a client sees of its account's limits, by REST and by GraphQL."""

import asyncio
import re

import pytest

from sms.database import in_thread
from sms.models import Message
from sms.services import accounts, keys
from tests.http import call
from tests.messages import age

MESSAGE = {"sender_id": "MyCorp", "recipient": "+233200000901", "text": "Hello"}
CAMEL = {"senderId": "MyCorp", "recipient": "+233200000901", "text": "Hello"}
SEND = """mutation ($input: SendMessageInput!) { sendMessage(input: $input) { __typename
  ... on SendMessageSuccess { replayed } ... on Refusal { code field detail } ... on LimitExceeded { retryAfter } } }"""
SEND_MANY = """mutation ($input: SendMessagesInput!) { sendMessages(input: $input) { __typename
  ... on SendMessagesPayload { accepted refused results {
    replayed refusal { __typename code ... on LimitExceeded { retryAfter } } } }
  ... on Refusal { code } ... on LimitExceeded { retryAfter } } }"""
HEADERS = {"ratelimit", "ratelimit-policy"}


class Client:
    """An application with a key."""

    def __init__(self, port, account, secret):
        self.url, self.account, self.secret = f"http://127.0.0.1:{port}", account, secret

    async def post(self, path, body, **headers):
        """Make a request."""
        given = {"Authorization": f"Bearer {self.secret}", **headers}
        return await asyncio.to_thread(call, "POST", self.url + path, body, given)

    async def rest(self, *, key=None, **fields):
        """Send a message by REST."""
        given = {} if key is None else {"Idempotency-Key": key}
        return await self.post("/api/messages/", {**MESSAGE, **fields}, **given)

    async def rest_batch(self, count, *, key, **fields):
        """Send some messages by REST."""
        return await self.post(
            "/api/messages/batch/",
            {"messages": [MESSAGE] * count, "duplicates": "ALLOW", **fields},
            **{"Idempotency-Key": key},
        )

    async def graphql(self, query, **given):
        """Run a mutation."""
        return await self.post("/graphql/", {"query": query, "variables": {"input": given}})

    async def wait(self, seconds):
        """Let time pass for the bucket; what is less than nothing holds it as it is for so long."""
        await in_thread(lambda: age("sms_allowance", "filled_at", f"{seconds} seconds", account_id=self.account.id))

    async def exhaust(self, send):
        """Send until nothing is left, however long that takes; return the first and the last answer."""
        answers = []
        while not answers or answers[-1].headers["ratelimit"].startswith('"rate";r=1;'):
            answers.append(await send())
            await self.wait(-60)
        return answers[0], answers[-1]


@pytest.fixture
def client(port, transactional_db):
    """Make a client of an account with limits."""

    async def make(**limits):
        account = await in_thread(lambda: accounts.create("shop", sender_ids=["MyCorp"], **limits))
        made = await in_thread(lambda: keys.create("shop"))
        return Client(port, account, made.secret)

    return make


async def count():
    """How many messages are stored."""
    return await in_thread(Message.objects.count)


async def test_rest_tells_what_is_left_and_when_to_come_back(client):
    """As draft-ietf-httpapi-ratelimit-headers writes it; a refusal is a 429 with Retry-After."""
    shop = await client(rate_limit=1, daily_quota=100)
    first, second = await shop.exhaust(shop.rest)
    assert [one.status for one in (first, second)] == [202, 202]
    third = await shop.rest()
    assert first.headers["ratelimit-policy"] == '"rate";q=2;w=2, "day";q=100;w=86400'
    assert re.fullmatch(r'"rate";r=1;t=1, "day";r=99;t=\d+', first.headers["ratelimit"])
    assert (third.status, third.json()["code"], third.headers["retry-after"]) == (429, "RATE_LIMITED", "1")
    assert third.headers["content-type"] == "application/problem+json"
    assert third.headers["ratelimit-policy"] == first.headers["ratelimit-policy"]
    assert re.fullmatch(r'"rate";r=0;t=2, "day";r=98;t=\d+', third.headers["ratelimit"])
    assert await count() == 2
    await shop.wait(61)
    assert (await shop.rest()).status == 202


async def test_rest_tells_that_the_day_is_used_up(client):
    """Until the next one begins, by UTC. Who repeats a request gets its message all the same."""
    shop = await client(daily_quota=1)
    assert (await shop.rest(key="k")).status == 202
    refused = await shop.rest()
    assert (refused.status, refused.json()["code"]) == (429, "QUOTA_EXCEEDED")
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert refused.headers["ratelimit"] == f'"day";r=0;t={refused.headers["retry-after"]}'
    again = await shop.rest(key="k")
    assert (again.status, again.headers["idempotency-replayed"]) == (202, "true")
    assert await count() == 1


async def test_a_batch_by_rest_says_for_each_what_became_of_it(client):
    """202 where some were accepted; 429 where none was because of a limit."""
    shop = await client(daily_quota=2)
    some = await shop.rest_batch(3, key="a")
    assert (some.status, some.json()["accepted"], some.json()["refused"]) == (202, 2, 1)
    refusal = some.json()["results"][2]["refusal"]
    assert (refusal["code"], refusal["field"]) == ("QUOTA_EXCEEDED", None)
    assert 0 < refusal["retry_after"] <= 86_400
    assert re.fullmatch(r'"day";r=0;t=\d+', some.headers["ratelimit"])
    none = await shop.rest_batch(2, key="b")
    assert (none.status, none.json()["code"], len(none.json()["results"])) == (429, "QUOTA_EXCEEDED", 2)
    assert int(none.headers["retry-after"]) == none.json()["results"][0]["refusal"]["retry_after"]
    assert none.headers.keys() >= HEADERS
    again = await shop.rest_batch(2, key="a")
    assert (again.status, again.headers["idempotency-replayed"]) == (202, "true")
    assert await count() == 2


async def test_graphql_tells_it_as_data(client):
    """With the same headers, and the seconds beside the code."""
    shop = await client(rate_limit=1)
    accepted = await shop.exhaust(lambda: shop.graphql(SEND, **CAMEL))
    assert [one.json()["data"]["sendMessage"]["__typename"] for one in accepted] == ["SendMessageSuccess"] * 2
    assert accepted[0].headers["ratelimit"] == '"rate";r=1;t=1'
    refused = await shop.graphql(SEND, **CAMEL)
    assert refused.status == 200
    assert {"data": refused.json()["data"]} == {
        "data": {
            "sendMessage": {
                "__typename": "LimitExceeded",
                "code": "RATE_LIMITED",
                "field": None,
                "detail": "This account may send 1 messages a second; come back in 1 s.",
                "retryAfter": 1,
            }
        }
    }
    assert refused.headers["ratelimit"] == '"rate";r=0;t=2'
    assert await count() == 2


async def test_a_batch_by_graphql_says_for_each_what_became_of_it(client):
    """A refusal of its own for each where some were accepted, and one for all where none was."""
    shop = await client(daily_quota=2)
    some = await shop.graphql(SEND_MANY, messages=[CAMEL] * 3, duplicates="ALLOW", idempotencyKey="a")
    said = some.json()["data"]["sendMessages"]
    refusal = said["results"][2]["refusal"]
    assert (said["accepted"], said["refused"], [one["refusal"] for one in said["results"][:2]]) == (2, 1, [None, None])
    assert (refusal["__typename"], refusal["code"]) == ("LimitExceeded", "QUOTA_EXCEEDED")
    assert 0 < refusal["retryAfter"] <= 86_400
    assert some.headers.keys() >= HEADERS
    none = await shop.graphql(SEND_MANY, messages=[CAMEL] * 2, duplicates="ALLOW", idempotencyKey="b")
    said = none.json()["data"]["sendMessages"]
    assert (said["__typename"], said["code"]) == ("LimitExceeded", "QUOTA_EXCEEDED")
    assert none.headers.keys() >= HEADERS
    wrong = {**CAMEL, "text": ""}
    mixed = await shop.graphql(SEND_MANY, messages=[CAMEL, wrong], idempotencyKey="a")
    said = mixed.json()["data"]["sendMessages"]
    assert [one["refusal"] and one["refusal"]["__typename"] for one in said["results"]] == [None, "MessageRefusal"]
    assert await count() == 2


async def test_an_account_without_limits_is_told_of_none(client):
    """Neither by REST nor by GraphQL."""
    shop = await client()
    answers = [
        await shop.rest(),
        await shop.rest_batch(2, key="a"),
        await shop.graphql(SEND, **CAMEL),
        await shop.graphql(SEND_MANY, messages=[CAMEL], idempotencyKey="b"),
    ]
    assert [one.status for one in answers] == [202, 202, 200, 200]
    assert not any(HEADERS & one.headers.keys() for one in answers)
    assert await count() == 5
