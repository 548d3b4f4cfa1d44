"""What a key is to the service while it is used: remembered, noted, and never good by mistake."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from django.db import connection
from structlog.testing import capture_logs

from sms import api_keys
from sms.database import in_thread
from sms.errors import Unauthenticated
from sms.models import ApiKey
from sms.networks import parse_address
from sms.services import authenticate, keys
from tests.commands import database_url
from tests.messages import age


@pytest.fixture
async def made(caller):
    """A key of an account, and its secret."""
    return await in_thread(lambda: keys.create("tests", allowed_networks=["203.0.113.0/24"]))


async def use(made):
    """Come with the key, to a process that has forgotten it."""
    authenticate.forget()
    return await authenticate.authenticate(f"Bearer {made.secret}")


async def last_use(made):
    """When the key was used, as far as it was noted."""
    return await in_thread(lambda: ApiKey.objects.get(id=made.key.id).last_used_at)


async def test_a_caller_knows_its_key(made):
    """And where it may be used."""
    caller = await use(made)
    assert caller.key_id == made.key.id
    caller.require_address(parse_address("203.0.113.7"))
    with capture_logs() as logs:
        for address in (parse_address("203.0.114.7"), parse_address("2001:db8::1"), None):
            with pytest.raises(Unauthenticated, match=r"^This API key is not valid\.$"):
                caller.require_address(address)
    assert [(one["event"], one["key"], one["account"], one["address"]) for one in logs] == [
        ("api_key_at_wrong_address", str(made.key.id), "tests", address)
        for address in ("203.0.114.7", "2001:db8::1", "None")
    ]


async def test_its_use_is_noted_once_a_minute(made):
    """Not at every look: a busy key would be written all the time."""
    assert await last_use(made) is None
    await use(made)
    first = await last_use(made)
    assert abs(first - datetime.now(UTC)) < timedelta(minutes=1)
    await use(made)
    assert await last_use(made) == first
    await in_thread(lambda: age("sms_apikey", "last_used_at", "61 seconds", id=made.key.id))
    await use(made)
    assert await last_use(made) >= first


async def test_a_clock_that_was_ahead_does_not_stop_the_notes(made):
    """A time to come is written over."""
    await in_thread(lambda: ApiKey.objects.update(last_used_at=datetime.now(UTC) + timedelta(days=1)))
    await use(made)
    assert await last_use(made) < datetime.now(UTC) + timedelta(minutes=1)


def load(made):
    """Come with the key, while this thread's connection can only read."""
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        try:
            return authenticate._load(api_keys.digest(made.secret))
        finally:
            cursor.execute("SET default_transaction_read_only = off")


async def test_a_database_that_can_only_be_read_refuses_nobody(made):
    """The key is good; that its use cannot be noted is said in the log."""
    with capture_logs() as logs:
        assert (await in_thread(load, made)).key_id == made.key.id
    assert [one["event"] for one in logs] == ["last_use_not_written"]
    assert await last_use(made) is None


async def test_a_key_that_somebody_is_changing_is_good_at_once(made):
    """To note its use does not wait for the row."""
    with closing(psycopg2.connect(database_url())) as other, other.cursor() as cursor:
        cursor.execute("SELECT FROM sms_apikey FOR UPDATE")
        async with asyncio.timeout(4):  # less than anyone waits for an answer
            assert (await use(made)).key_id == made.key.id
        assert await last_use(made) is None
        other.rollback()
    await use(made)
    assert await last_use(made) is not None


@pytest.mark.parametrize("networks", [["nonsense"], ["203.0.113.0/24", "10.0.0.1/8"]])
async def test_networks_that_make_no_sense_open_nothing(made, networks):
    """Written past our own checks: better no key than one that is good everywhere."""
    await in_thread(lambda: ApiKey.objects.update(allowed_networks=networks))
    with capture_logs() as logs, pytest.raises(Unauthenticated):
        await use(made)
    assert [one["event"] for one in logs] == ["api_key_networks_malformed"]
