"""Who am I: the same answer by REST and by GraphQL."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sms import scopes
from sms.database import in_thread
from sms.services import accounts, keys
from tests.http import call
from tests.routes import make_route

MESSAGE = {"sender_id": "MyCorp", "recipient": "+233200000901", "text": "Hello"}
ME = """{ me {
  account { id name senderIds blockedKeywords
    limits { rateLimit dailyQuota budget { amount currency } } discardBodyAfter }
  key { prefix name test scopes expiresAt allowedNetworks }
  usage { today { accepted remaining resetsAt }
    month { spent { amount currency } remaining { amount currency } resetsAt } } } }"""


def snake(value):
    """What GraphQL says, as REST spells it."""
    if isinstance(value, dict):
        return {re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name): snake(one) for name, one in value.items()}
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        return datetime.fromisoformat(value)
    return value


@pytest.fixture
def ask(port):
    """Ask both doors who a key is; they say the same."""

    async def ask(secret=None):
        given = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        url = f"http://127.0.0.1:{port}"
        rest = await asyncio.to_thread(call, "GET", f"{url}/api/me/", None, given)
        graphql = await asyncio.to_thread(call, "POST", f"{url}/graphql/", {"query": ME}, given)
        if rest.status == 200:
            assert snake(rest.json()) == snake(graphql.json()["data"]["me"])
        else:
            assert rest.json()["code"] == graphql.json()["errors"][0]["extensions"]["code"]
            assert rest.status == graphql.status
        return rest

    return ask


async def send(port, secret, count):
    """Send some messages."""
    for _ in range(count):
        await asyncio.to_thread(
            call, "POST", f"http://127.0.0.1:{port}/api/messages/", MESSAGE, {"Authorization": f"Bearer {secret}"}
        )


async def test_a_caller_sees_its_account_its_key_and_what_is_left(port, ask, transactional_db):
    """Whatever its scopes are."""
    account = await in_thread(
        lambda: accounts.create(
            *("shop",),
            sender_ids=["Other", "MyCorp"],
            rate_limit=50,
            daily_quota=10,
            discard_body_after=48,
            budget=Decimal(100),
            budget_currency="EUR",
        )
    )
    expires = datetime.now(UTC) + timedelta(days=9)
    made = await in_thread(
        lambda: keys.create(
            *("shop",), label="till", granted=[scopes.SEND], expires_at=expires, allowed_networks=["127.0.0.0/8"]
        )
    )
    await in_thread(lambda: make_route("nile", price="0.0125"))
    await send(port, made.secret, 3)
    answer = await ask(made.secret)
    said = snake(answer.json())
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    midnight, next_month = today + timedelta(days=1), (today.replace(day=1) + timedelta(days=31)).replace(day=1)
    assert said == {
        "account": {
            "id": str(account.id),
            "name": "shop",
            "sender_ids": ["MyCorp", "Other"],
            "blocked_keywords": ["STOP"],
            "limits": {"rate_limit": 50, "daily_quota": 10, "budget": {"amount": "100.00", "currency": "EUR"}},
            "discard_body_after": 48,
        },
        "key": {
            "prefix": made.secret[:16],
            "name": "till",
            "test": False,
            "scopes": ["messages:send"],
            "expires_at": expires,
            "allowed_networks": ["127.0.0.0/8"],
        },
        "usage": {
            "today": {"accepted": 3, "remaining": 7, "resets_at": midnight},
            "month": {
                "spent": [{"amount": "0.0375", "currency": "EUR"}],
                "remaining": {"amount": "99.9625", "currency": "EUR"},
                "resets_at": next_month,
            },
        },
    }
    assert made.secret not in answer.body.decode()
    assert answer.headers["cache-control"] == "no-store"


async def test_without_limits_nothing_is_said_to_be_left(port, ask, transactional_db):
    """What a test key sends is not counted."""
    await in_thread(lambda: accounts.create("shop", sender_ids=["MyCorp"]))
    live, test = [await in_thread(lambda t=is_test: keys.create("shop", is_test=t)) for is_test in (False, True)]
    await send(port, live.secret, 2)
    await send(port, test.secret, 1)
    said = (await ask(test.secret)).json()
    assert said["account"]["limits"] == {"rate_limit": None, "daily_quota": None, "budget": None}
    assert (said["key"]["test"], said["key"]["expires_at"], said["key"]["allowed_networks"]) == (True, None, [])
    assert (said["usage"]["today"]["accepted"], said["usage"]["today"]["remaining"]) == (2, None)
    assert (said["usage"]["month"]["spent"], said["usage"]["month"]["remaining"]) == ([], None)


async def test_the_anonymous_caller_has_no_key(ask, transactional_db, settings):
    """In the quickstart."""
    await in_thread(lambda: accounts.create("demo"))
    settings.SMS_ANONYMOUS_ACCOUNT = "demo"
    said = (await ask()).json()
    assert (said["account"]["name"], said["key"]) == ("demo", None)


async def test_who_is_nobody_is_told_so(ask, transactional_db):
    """As everywhere."""
    assert (await ask("sms_live_nobody")).status == 401
    assert (await ask()).status == 401
