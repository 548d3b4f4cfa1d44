"""Another account's ids are as those that do not exist: in what is said, what is asked, and what is waited for."""

import asyncio
import statistics
import time
from uuid import UUID

import psycopg2
import pytest
from django.db import connection
from django.db.backends.utils import CursorWrapper

from sms import selectors
from sms.database import in_thread
from sms.errors import MessageNotFound, Unauthenticated
from sms.services import authenticate
from sms.services.cancel import cancel
from tests.accounts import make_caller
from tests.messages import store

UNKNOWN = UUID("01a20a71-b93e-7119-962f-5b266e781ea7")


@pytest.fixture
def theirs(transactional_db):
    """A message of another account."""
    return store(make_caller("another"))


@pytest.fixture
def statements(monkeypatch):
    """What PostgreSQL is asked, on whatever thread."""
    asked = []
    execute = CursorWrapper._execute

    def note(self, sql, *rest):
        asked.append(sql)
        return execute(self, sql, *rest)

    monkeypatch.setattr(CursorWrapper, "_execute", note)
    return asked


async def show(caller, message_id):
    """Read, as queries and GET do."""
    with pytest.raises(MessageNotFound) as refusal:
        await selectors.message(account_id=caller.account_id, message_id=message_id)
    return str(refusal.value)


async def follow(caller, message_id):
    """Look for changes, as subscriptions do."""
    return await selectors.changes({(caller.account_id, message_id): 0})


async def withdraw(caller, message_id):
    """Cancel."""
    with pytest.raises(MessageNotFound) as refusal:
        await cancel(caller=caller, message_id=message_id)
    return str(refusal.value)


DOORS = [show, follow, withdraw]


@pytest.mark.parametrize("door", DOORS)
async def test_the_database_is_asked_the_same(caller, theirs, statements, door):
    """The same statements, which find nothing in either case: there is nothing that could take longer."""
    told, asked = [], []
    for message_id in (theirs.id, UNKNOWN):
        statements.clear()
        told.append(await door(caller, message_id))
        asked.append(list(statements))
    assert told[0] == told[1] or (door is follow and not any(told[0].values()) and not any(told[1].values()))
    assert asked[0] == asked[1] != []


@pytest.mark.parametrize("door", DOORS)
async def test_nothing_takes_longer(caller, theirs, door):
    """Within a factor of three, by medians taken in turns: a lock, a read of its history or a commit would be more."""
    took = {theirs.id: [], UNKNOWN: []}
    for _ in range(60):
        for message_id, times in took.items():
            begun = time.perf_counter()
            await door(caller, message_id)
            times.append(time.perf_counter() - begun)
    one, other = sorted(map(statistics.median, took.values()))
    assert other < 3 * one


async def test_a_stranger_waits_for_no_lock(caller, theirs):
    """A worker holds a message while it changes it: who is made to wait has learnt that it exists."""
    given = connection.get_connection_params()
    where = {name: given[name] for name in ("dbname", "user", "password", "host", "port") if given.get(name)}
    holder = await asyncio.to_thread(lambda: psycopg2.connect(**where))
    try:
        with holder.cursor() as cursor:
            cursor.execute("SELECT FROM sms_message WHERE id = %s FOR UPDATE", [str(theirs.id)])
            async with asyncio.timeout(5):
                await withdraw(caller, theirs.id)
    finally:
        holder.close()


async def test_it_is_there_for_its_owner(caller, theirs):
    """So what is compared above is not nothing."""
    found = await selectors.message(account_id=theirs.account_id, message_id=theirs.id)
    assert found.id == theirs.id


async def test_a_near_miss_of_a_key_is_a_miss(transactional_db, statements):
    """The same statement for a key that differs in its last letter and for one that shares nothing."""
    await in_thread(lambda: make_caller("owner", key="sms_live_abcdefgh"))
    asked = []
    for secret in ("sms_live_abcdefgi", "x"):
        statements.clear()
        with pytest.raises(Unauthenticated, match="This API key is not valid"):
            await authenticate.authenticate(f"Bearer {secret}")
        asked.append(list(statements))
    assert asked[0] == asked[1] != []


async def test_invented_keys_fill_no_memory(transactional_db, monkeypatch):
    """Each is remembered for seconds, and so many at most."""
    monkeypatch.setattr(authenticate, "REMEMBERED", 10)
    for number in range(50):
        with pytest.raises(Unauthenticated):
            await authenticate.authenticate(f"Bearer {number}")
        assert len(authenticate._known) <= 10
