"""A lost connection is replaced, and nothing is done twice."""

import os
import time

import psycopg2
import pytest
from django.db import IntegrityError, connection

from devstack.processes import free_port
from sms.database import at_once, execute_all, query, rows, transact
from sms.errors import Unanswered, Unavailable

LOSSES = {
    "terminated": lambda: rows("SELECT pg_terminate_backend(pg_backend_pid())"),
    # A worker that froze inside a transaction, as PostgreSQL sees it.
    "idle too long": lambda: (rows("SET LOCAL idle_in_transaction_session_timeout = 20; SELECT 1"), time.sleep(0.2)),
}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_connection_lost_before_the_commit_is_replaced(loss):
    """The work is done again, once, on a new connection."""
    runs = []

    def work():
        runs.append(rows("SELECT pg_backend_pid()")[0][0])
        if len(runs) == 1:
            LOSSES[loss]()
        return rows("SELECT 7")[0][0]

    assert transact(work) == 7
    assert len(set(runs)) == len(runs) == 2


def test_a_connection_that_is_always_lost_is_unavailable():
    """Once more is enough; then the caller hears of it, and the thread goes on with a new connection."""
    runs = []

    def work():
        runs.append(1)
        LOSSES["terminated"]()

    with pytest.raises(Unavailable):
        transact(work)
    assert len(runs) == 2
    assert query(rows, "SELECT 1") == [(1,)]


def test_a_read_is_done_again(caller):
    """A dead connection is found by the first read that uses it, and nobody notices."""
    rows("SELECT 1")
    connection.connection.close()
    assert query(rows, "SELECT 2") == [(2,)]


def lose():
    """End this thread's connection from outside, as a restart of the server does, and wait until that has come."""
    ((pid,),) = rows("SELECT pg_backend_pid()")
    with psycopg2.connect(os.environ["DATABASE_URL"]) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_a_statement_by_itself_is_committed():
    """What it returns is stored, and lists become arrays."""
    at_once("CREATE TABLE at_once (n int)")
    try:
        assert at_once("INSERT INTO at_once SELECT unnest(%s::int[]) RETURNING n", [1, 2]) == [(1,), (2,)]
        connection.close()
        assert rows("SELECT count(*) FROM at_once") == [(2,)]
    finally:
        at_once("DROP TABLE at_once")


def test_a_connection_that_was_hung_up_is_replaced_before_the_statement():
    """While nobody used it the server went away: nothing has been sent, so nobody is told to wonder."""
    lose()
    assert at_once("SELECT 7") == [(7,)]


def test_a_connection_lost_in_the_statement_leaves_it_open():
    """It may have been committed: that is said, it is not done again, and the thread goes on with a new connection."""
    at_once("CREATE SEQUENCE runs")
    try:
        with pytest.raises(Unanswered):
            at_once("SELECT nextval('runs'), pg_terminate_backend(pg_backend_pid())")
        assert at_once("SELECT nextval('runs')") == [(2,)]
    finally:
        at_once("DROP SEQUENCE runs")


def test_what_the_server_refused_is_done_again_once():
    """A statement that was canceled, as one is that runs out of time, was certainly not committed."""
    at_once("CREATE SEQUENCE runs")
    try:
        with pytest.raises(Unavailable) as refused:
            at_once("SELECT nextval('runs'), pg_cancel_backend(pg_backend_pid()), pg_sleep(1)")
        assert not isinstance(refused.value, Unanswered)
        assert at_once("SELECT nextval('runs')") == [(3,)]
    finally:
        at_once("DROP SEQUENCE runs")


def test_a_server_that_cannot_be_reached_is_unavailable(monkeypatch):
    """Nothing was sent to it."""
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", str(free_port()))
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    with pytest.raises(Unavailable) as refused:
        at_once("SELECT 1")
    assert not isinstance(refused.value, Unanswered)


def test_statements_in_one_go_have_one_time_and_the_last_ones_rows():
    """Each has its own parameters; what one of them may not do undoes them all in their transaction."""
    at_once("CREATE TABLE in_one_go (n int CHECK (n > 0), at timestamptz DEFAULT statement_timestamp())")
    insert = "INSERT INTO in_one_go (n) SELECT unnest(%s::int[])"
    try:
        time_of_all = ("SELECT DISTINCT at FROM in_one_go WHERE n < %s", [9])
        assert len(transact(execute_all, [(insert, [[1, 2]]), (insert, [[3]]), time_of_all])) == 1
        with pytest.raises(IntegrityError):
            transact(execute_all, [(insert, [[4]]), (insert, [[-1]])])
        assert rows("SELECT max(n) FROM in_one_go") == [(3,)]
    finally:
        at_once("DROP TABLE in_one_go")
