"""What a migration may do to the connection that it runs on."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import pytest
from django.db.migrations import RunSQL, SeparateDatabaseAndState

import sms.migrations

MIGRATIONS = sorted(one.stem for one in Path(sms.migrations.__file__).parent.glob("0*.py"))
OF_THE_TRANSACTION = ("SET LOCAL ", "SET CONSTRAINTS ")


def statements(operations) -> Iterable[str]:
    """Return all SQL that is written out in operations, forwards and back."""
    for one in operations:
        if isinstance(one, SeparateDatabaseAndState):
            yield from statements(one.database_operations)
        elif isinstance(one, RunSQL):
            for sql in (one.sql, one.reverse_sql):
                assert sql is None or isinstance(sql, str)
                yield from (part.strip() for part in (sql or "").split(";"))


@pytest.mark.parametrize("name", MIGRATIONS)
def test_no_setting_outlives_its_transaction(name):
    """Behind PgBouncer it would stay with a connection that the service uses next: for ever without a timeout, say."""
    migration = import_module(f"sms.migrations.{name}").Migration
    of_the_session = [
        one
        for one in statements(migration.operations)
        if one.upper().startswith(("SET ", "RESET ")) and not one.upper().startswith(OF_THE_TRANSACTION)
    ]
    assert of_the_session == []
