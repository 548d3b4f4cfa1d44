"""The feed's order: nothing is skipped, told twice or out of order, however the transactions of others overlap."""

from contextlib import contextmanager

import pytest
from django.db import connection

from sms import feed
from sms.database import execute, rows
from sms.feed_cursors import Cursor
from sms.models import MessageEvent
from tests.sms.storm import storm

pytestmark = pytest.mark.django_db(transaction=True)

DEFAULT = """
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
WHERE adrelid = %s::regclass AND attname = 'position'
"""
ONLY_ITS_OWN_NUMBER = "sms_position(pg_current_xact_id())"


def read(account_id, after, limit):
    """Read as the service does."""
    page = feed.read_now(account_id, after, limit)
    return [(one.cursor, one.change.message_id, one.change.sequence) for one in page.events], page.end


def _events(where, order, *parameters):
    found = rows(
        f"SELECT position, id, message_id, sequence FROM sms_messageevent WHERE {where} ORDER BY {order} LIMIT %s",
        *parameters,
    )
    return [(Cursor(position, event_id), message, sequence) for position, event_id, message, sequence in found]


def by_id(account_id, after, limit):
    """Read in the order of the ids, which are given before the commit."""
    found = _events("account_id = %s AND id > %s", "id", account_id, after.event_id, limit)
    return found, found[-1][0] if found else after


def without_horizon(account_id, after, limit):
    """Read in the feed's order, but whatever can be seen."""
    found = _events("account_id = %s AND (position, id) > (%s, %s)", "position, id", account_id, *after, limit)
    return found, found[-1][0] if found else after


def with_a_later_horizon(account_id, after, limit):
    """Take the horizon from a snapshot of its own, right after the events', and continue from it."""
    found = _events("account_id = %s AND (position, id) > (%s, %s)", "position, id", account_id, *after, limit)
    ((horizon,),) = rows("SELECT sms_position(pg_snapshot_xmin(pg_current_snapshot()))")
    below = [one for one in found if one[0].position < horizon]
    if len(found) == limit:
        return below, below[-1][0] if below else after
    return below, max(after, Cursor(horizon, 0))


@contextmanager
def default_position(sql):
    """Let events be written with another position."""
    ((usual,),) = rows(DEFAULT, "sms_messageevent")
    execute(f"ALTER TABLE sms_messageevent ALTER COLUMN position SET DEFAULT {sql}")
    try:
        yield
    finally:
        execute(f"ALTER TABLE sms_messageevent ALTER COLUMN position SET DEFAULT {usual}")


@pytest.mark.parametrize("seed", range(4))
def test_every_reader_sees_what_was_committed(seed):
    """All of it, each once, in one order for all, and a message's changes in the order in which they were made."""
    assert storm(seed, read) == []


@pytest.mark.parametrize("naive", [by_id, without_horizon, with_a_later_horizon])
def test_a_naive_reader_is_found_out(naive):
    """The storm above is strong enough to see what the simpler ways get wrong."""
    assert any("missing" in problem for problem in storm(naive.__name__, naive))


def test_a_naive_writer_is_found_out():
    """A transaction's own number does not do: one that waited for another's lock may have the lower one."""
    with default_position(ONLY_ITS_OWN_NUMBER):
        found = storm("naive writer", read)
    assert any(problem.startswith("change") for problem in found), found
    assert not any("missing" in problem for problem in found)


def test_the_position_is_what_the_model_says(transactional_db):
    """It stands in a migration and in the model; the database tells which it has."""
    sql, _ = connection.schema_editor().db_default_sql(MessageEvent._meta.get_field("position"))
    execute(f"CREATE TEMPORARY TABLE wanted (position bigint DEFAULT {sql})")
    found = {table: rows(DEFAULT, table)[0][0] for table in ("sms_messageevent", "wanted")}
    execute("DROP TABLE wanted")
    assert found["sms_messageevent"] == found["wanted"]
