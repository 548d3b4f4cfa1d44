"""Positions go on growing where PostgreSQL counts its transactions from the beginning again."""

import threading
from contextlib import closing

import pytest
from django.core.management import call_command
from django.db import connection

from sms.database import execute, rows
from sms.feed import START, read_now
from sms.feed_cursors import Cursor
from sms.models import MessageEvent, Retention
from sms.services.positions import LEAP, raise_positions
from tests.accounts import make_caller
from tests.messages import apply, move, store

pytestmark = pytest.mark.django_db(transaction=True)

FAR = 10**15  # where another cluster had come to


@pytest.fixture(autouse=True)
def _as_it_was():
    """The function is the database's, and not a row that is deleted after the test."""
    yield
    execute(
        "CREATE OR REPLACE FUNCTION sms_position(xid8) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE "
        "RETURN $1::text::bigint + 0"
    )


def constant():
    """What is added to the number of a transaction."""
    return rows("SELECT sms_position('0'::xid8)")[0][0]


def restored(message, position=FAR):
    """Let a message's events be from another cluster, as a restored dump has them."""
    MessageEvent.objects.filter(message=message).update(position=position)


def test_where_all_is_in_order_nothing_is_done(caller):
    """Also with no event at all, and however often it is asked."""
    assert not raise_positions()
    apply(move(store(caller), "SENDING"))
    assert not raise_positions()
    assert constant() == 0


def test_after_a_restore_new_events_come_behind_the_old_ones(caller):
    """For every account's feed: whichever of them had come furthest."""
    other = make_caller("other")
    old, others = store(caller), store(other)
    restored(old, FAR - 5)
    restored(others)
    assert raise_positions()
    assert constant() > FAR
    new = store(caller)
    found = read_now(caller.account_id, START, 100).events
    assert [one.change.message_id for one in found] == [old.id, new.id]
    later = read_now(caller.account_id, found[0].cursor, 100).events
    assert [one.change.message_id for one in later] == [new.id]


def test_how_far_retention_has_come_counts_too(caller):
    """Where its mark is ahead of all events: what is written below it would never be discarded."""
    Retention.objects.create(account_id=caller.account_id, position=FAR)
    assert raise_positions()
    assert constant() > FAR


def test_it_is_done_once(caller):
    """A second time finds all in order."""
    restored(store(caller))
    assert raise_positions()
    raised = constant()
    store(caller)
    assert not raise_positions()
    assert constant() == raised


def test_a_cursor_from_the_time_that_was_lost_is_continued_from(caller):
    """It was given out after the dump was made. What comes now is behind it; what was lost, nobody can tell."""
    restored(store(caller))
    raise_positions()
    new = store(caller)
    found = read_now(caller.account_id, Cursor(FAR + LEAP // 2, 77), 100).events
    assert [one.change.message_id for one in found] == [new.id]


@pytest.mark.parametrize("distance", [-1, 0, 1])
def test_the_edge_is_exact(caller, distance):
    """The next position to be given out is not yet one that is stored; the one before is."""
    store(caller)
    execute("UPDATE sms_messageevent SET position = sms_position(pg_current_xact_id()) + 1 + %s", distance)
    assert raise_positions() is (distance >= 0)


def test_prepare_does_it(caller, capsys):
    """The operator's command says so, and only when there was something to do."""
    restored(store(caller))
    call_command("prepare", verbosity=0)
    assert "positions" in capsys.readouterr().out
    raised = constant()
    call_command("prepare", verbosity=0)
    assert "positions" not in capsys.readouterr().out
    assert constant() == raised


def test_a_cluster_that_was_put_back_is_raised_when_the_operator_says_so(caller, capsys):
    """Nothing in it tells: its newest event is where it should be."""
    message = store(caller)
    call_command("prepare", "--put-back", verbosity=0)
    assert constant() == LEAP
    apply(move(message, "SENDING"))
    found = read_now(caller.account_id, START, 100).events
    assert [one.change.sequence for one in found] == [1, 2]


def test_it_waits_for_who_is_just_writing(caller):
    """An event that was given its position by the old constant has to be committed before anyone reads by the new."""
    message = store(caller)
    restored(store(caller))
    done = []
    with closing(connection.get_new_connection(connection.get_connection_params())) as writer:
        with writer.cursor() as cursor:
            cursor.execute(
                "INSERT INTO sms_messageevent (message_id, account_id, sequence, status, late, conflict) "
                "VALUES (%s, %s, 2, 'SENDING', false, false)",
                [message.id, caller.account_id],
            )

        def raise_and_close():
            done.append(raise_positions())
            connection.close()

        thread = threading.Thread(target=raise_and_close)
        thread.start()
        thread.join(0.3)
        assert not done
        assert constant() == 0
        writer.commit()
        thread.join(10)
    assert done == [True]
