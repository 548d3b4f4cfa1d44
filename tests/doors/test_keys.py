"""Which keys open the doors, and how far: the same at each of them."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from sms import scopes
from sms.database import in_thread
from sms.models import ApiKey, Message
from sms.services import accounts, authenticate, keys

MESSAGE = {"sender_id": "MyCorp", "recipient": "+233200000901", "text": "Hello"}
HERE, ELSEWHERE = "127.0.0.0/8", "203.0.113.0/24"
REFUSED = "This API key is not valid."


@pytest.fixture
async def account(transactional_db):
    """The name of an account that may send as MyCorp."""
    await in_thread(lambda: accounts.create("shop", sender_ids=["MyCorp"]))
    return "shop"


async def new_key(account, **properties):
    """Make a key and return its secret."""
    return (await in_thread(lambda: keys.create(account, **properties))).secret


async def count():
    """How many messages are stored."""
    return await in_thread(Message.objects.count)


async def shut(door, secret, **headers):
    """Check that a key opens nothing, and say how it was refused."""
    before = await count()
    said = await door.send(secret, MESSAGE, **headers)
    assert said.code == "UNAUTHENTICATED"
    assert said.status in {401, None}
    assert await count() == before
    return said.detail


async def test_a_key_sends_and_sees(door, account):
    """With the usual scopes, from anywhere, for ever."""
    secret = await new_key(account)
    sent = await door.send(secret, MESSAGE)
    assert sent.data is not None, sent
    seen = await door.see(secret, sent.data["id"])
    assert seen.data["id"] == sent.data["id"]


async def test_no_key_and_an_unknown_one_open_nothing(door, account):
    """Nor does one that differs in a letter."""
    secret = await new_key(account)
    await shut(door, None)
    assert await shut(door, secret[:-1] + ("a" if secret[-1] != "a" else "b")) in {REFUSED, None}


async def test_a_revoked_key_opens_nothing(door, account):
    """As soon as the memory of it is gone; the account's others still do."""
    secret, other = await new_key(account), await new_key(account)
    assert (await door.send(secret, MESSAGE)).code is None
    await in_thread(keys.revoke, secret)
    authenticate.forget()  # or 3 seconds later: see tests/end_to_end/test_keys.py
    assert await shut(door, secret) in {REFUSED, None}
    assert (await door.send(other, MESSAGE)).code is None


async def test_an_expired_key_opens_nothing(door, account):
    """From its last moment on."""
    secret = await new_key(account, expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert (await door.send(secret, MESSAGE)).code is None
    await in_thread(lambda: ApiKey.objects.update(expires_at=datetime.now(UTC)))
    authenticate.forget()
    assert await shut(door, secret) in {REFUSED, None}


async def test_a_key_is_good_only_where_it_may_be_used(door, account, settings):
    """From elsewhere it is refused just as one that does not exist."""
    here = await new_key(account, allowed_networks=["2001:db8::/32", HERE])
    assert (await door.send(here, MESSAGE)).code is None
    elsewhere = await new_key(account, allowed_networks=[ELSEWHERE])
    assert await shut(door, elsewhere) == await shut(door, "sms_live_nobody_has_this")


async def test_what_a_client_says_of_its_address_counts_only_behind_our_proxies(door, account, settings):
    """Else whoever found a key could name an address that may use it."""
    elsewhere = await new_key(account, allowed_networks=[ELSEWHERE])
    told = {"X-Forwarded-For": "203.0.113.7"}
    await shut(door, elsewhere, **told)
    settings.SMS_TRUSTED_PROXIES = (ip_network(HERE),)
    assert (await door.send(elsewhere, MESSAGE, **told)).code is None
    await shut(door, elsewhere, **{"X-Forwarded-For": "203.0.113.7, 198.51.100.1"})
    await shut(door, elsewhere, **told, Forwarded="for=198.51.100.1")
    await shut(door, elsewhere)


@pytest.mark.parametrize(
    ("granted", "may_send", "may_see"),
    [
        ([scopes.SEND], True, False),
        ([scopes.READ], False, True),
        ([scopes.SEND, scopes.READ], True, True),
        ([scopes.ADMIN], True, True),
    ],
)
async def test_a_key_may_do_what_its_scopes_say(door, account, granted, may_send, may_see):
    """And nothing beside it; only `admin` may do all."""
    shown = (await door.send(await new_key(account), MESSAGE)).data["id"]
    secret = await new_key(account, granted=granted)
    before = await count()
    sent, seen = await door.send(secret, MESSAGE), await door.see(secret, shown)
    assert (sent.code, sent.status) in ([(None, None)] if may_send else [("PERMISSION_DENIED", s) for s in (403, None)])
    assert (seen.code, seen.status) in ([(None, None)] if may_see else [("PERMISSION_DENIED", s) for s in (403, None)])
    assert await count() == before + may_send


async def test_a_test_key_sends_test_messages(door, account):
    """And a live key live ones; neither can say otherwise."""
    for is_test in (True, False):
        sent = await door.send(await new_key(account, is_test=is_test), MESSAGE)
        assert sent.data["test"] is is_test
        assert await in_thread(lambda i=sent.data["id"]: Message.objects.get(id=i).is_test) is is_test
