"""A lost connection is replaced, and nothing is done twice."""

import time

import pytest
from django.db import connection

from sms.database import query, rows, transact
from sms.errors import Unavailable

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
