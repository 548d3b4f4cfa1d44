"""A statement is planned once a connection, never with a plan that has gone bad, and never where it may get lost."""

import importlib
import pkgutil
import re
from contextlib import nullcontext

import pytest
from django.db import NotSupportedError, ProgrammingError, connection, transaction

import sms
from sms import prepared
from sms.database import execute_all, rows
from tests.plans import plan_of

pytestmark = pytest.mark.django_db(transaction=True)

STATEMENTS = "SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements"
TEMPLATE = re.compile(r"%\(|\{[a-z_]+\}")  # parameters by name, or a piece that is filled in
GROWS = "SELECT n FROM grows WHERE n = %s::int"


@pytest.fixture(autouse=True)
def fresh():
    """Begin with a connection that has prepared nothing, and leave none that has."""
    connection.close()
    yield
    connection.close()


@pytest.fixture
def grows():
    """Make a table that is empty, and has an index."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE grows (n int PRIMARY KEY)")


def known():
    """Return what the connection has prepared, and how often it ran."""
    with connection.cursor() as cursor:
        cursor.execute(STATEMENTS)
        return {sql.partition(" AS ")[2]: times for sql, times in cursor.fetchall()}


def plan():
    """Return how PostgreSQL runs the one statement that is prepared."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements")
        ((name,),) = cursor.fetchall()
    return plan_of(f"EXECUTE {name}(1)")


def test_a_statement_is_prepared_once():
    """However often it comes, alone or among others, and whatever its values; a percent sign is one."""
    for value in (1, 2, 3):
        assert rows("SELECT %s::int %% 2, 'per %%'", value) == [(value % 2, "per %")]
    assert execute_all([("SELECT %s::int", [1]), ("SELECT %s::int", [2]), ("SELECT %s::text[]", [["a"]])]) == [(["a"],)]
    assert known() == {"SELECT $1::int % 2, 'per %'": 3, "SELECT $1::int": 2, "SELECT $1::text[]": 1}


def test_what_comes_behind_a_lock_is_prepared():
    """The lock itself goes as it is, each time, and before it."""
    with transaction.atomic():
        for value in (1, 2):
            assert rows("LOCK TABLE sms_clock IN ROW SHARE MODE; SELECT %s::int", value) == [(value,)]
            assert rows("SELECT mode FROM pg_locks WHERE relation = 'sms_clock'::regclass") == [("RowShareLock",)]
    assert known() == {
        " SELECT $1::int": 2,
        "SELECT mode FROM pg_locks WHERE relation = 'sms_clock'::regclass": 2,
    }


def test_what_cannot_be_prepared_is_executed():
    """Commands, and what has its parameters by name."""
    rows("SET LOCAL statement_timeout = 0")
    assert rows("SELECT %(one)s", one=1) == [(1,)]
    assert known() == {}


def test_through_a_pool_nothing_is_prepared(monkeypatch):
    """The next statement may go to another process of the server, which would not know it."""
    monkeypatch.setattr(prepared.Prepared, "_run", lambda *_: [(-1,)])  # the pid that the server tells
    assert rows("SELECT %s::int", 7) == [(7,)]
    assert known() == {}


def test_a_table_that_grows_is_not_read_whole(grows):
    """The plan of an empty table is replaced before long, without an ANALYZE."""
    with connection.cursor() as cursor:
        cursor.execute("SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan")
        cursor.execute("SET enable_indexscan = off; SET enable_indexonlyscan = off")
        rows(GROWS, 1)
        assert "Seq Scan" in plan()
        cursor.execute("SET enable_indexscan = on; SET enable_indexonlyscan = on")
        cursor.execute("INSERT INTO grows SELECT generate_series(1, 10000)")
    for _ in range(prepared.RENEWED_AFTER - 1):
        rows(GROWS, 1)
        assert "Seq Scan" in plan()
    rows(GROWS, 1)
    assert "Index" in plan()


def test_plans_are_renewed_seldom_while_much_is_done_and_soon_after_a_rest(monkeypatch):
    """What a thousand a second do for an hour is planned a dozen times a minute, and what begins anew as at first."""
    now, renewed, run = [0.0], [], prepared.Prepared._run

    def noted(sql):
        if sql == "DISCARD PLANS":
            renewed.append(now[0])
        return run(sql)

    monkeypatch.setattr(prepared.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(prepared.Prepared, "_run", staticmethod(noted))
    for _ in range(900):
        rows("SELECT 1")
        now[0] += 0.001
    assert len(renewed) == 4  # after 32, 64, 128, 256
    for _ in range(3):
        now[0] += prepared.RENEWED_WITHIN * 1.01
        rows("SELECT 1")
        assert renewed[-1] == now[0]
    assert len(renewed) == 7
    for _ in range(prepared.RENEWED_AFTER + 1):
        rows("SELECT 1")
    assert len(renewed) == 8


@pytest.mark.parametrize("inside", [nullcontext, transaction.atomic])
def test_a_migration_under_a_statement_is_felt_once(grows, inside):
    """The type of a column changed: the next time it is prepared anew, in whatever transaction it failed."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO grows VALUES (7)")
        assert rows("SELECT n FROM grows") == [(7,)]
        cursor.execute("ALTER TABLE grows ALTER n TYPE text")
    with pytest.raises(NotSupportedError), inside():
        rows("SELECT n FROM grows")
    with inside():
        assert rows("SELECT n FROM grows") == [("7",)]


def test_there_is_a_bound(monkeypatch):
    """Statements that are made up anew each time do not fill the server's memory."""
    monkeypatch.setattr(prepared, "MOST", 3)
    for n in range(9):
        assert rows(f"SELECT {n}, %s::int", n) == [(n, n)]
    assert len(known()) == 3


def statements():
    """Return every statement that a module of the domain has as a constant, with parameters by position."""
    found = {}
    for module in pkgutil.walk_packages(sms.__path__, "sms."):
        if ".migrations" in module.name:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            for one in value.values() if isinstance(value, dict) else [value]:
                if isinstance(one, str) and prepared.is_preparable(one) and not TEMPLATE.search(one):
                    found.setdefault(one, f"{module.name}.{name}")
    return found


def test_every_statement_can_be_prepared():
    """PostgreSQL can tell the types of all parameters."""
    found = {sql: name for sql, name in statements().items() if "%s" in sql}
    assert len(found) > 80
    refused = []
    for sql, name in found.items():
        connection.close()
        try:
            rows("SELECT 1")
            prepared.Prepared().call_of(sql)
        except ProgrammingError as error:
            refused.append((name, str(error).partition("\n")[0]))
    assert refused == []
