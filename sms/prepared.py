"""Statements that PostgreSQL plans once a connection: to plan one for a small set takes it longer than to run it.

`PREPARE` and `EXECUTE` of SQL, as psycopg2 has nothing of its own for it. After some runs PostgreSQL keeps one plan for
all values where that is not dearer than a plan for the values at hand (its documentation, PREPARE). A plan that was
made while a table was empty reads it whole, and where many statements run, tables grow: so plans are made anew after
some runs, then after twice as many, and so on; and after a while in any case, when it begins again with few.
"""

import hashlib
import re
import time
from collections.abc import Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.db import NotSupportedError, connection
from django.db.backends.utils import CursorWrapper

PREPARABLE: Final = {"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"}
BESIDE_THEM: Final = "LOCK"  # goes as it is, and may have others behind it
MOST: Final = 300  # statements of a connection; the service has a hundred
RENEWED_AFTER: Final = 32  # runs of statements, then twice as many, and so on
RENEWED_WITHIN: Final = 60.0  # seconds; a table that grows PostgreSQL itself looks at so often (autovacuum_naptime)
_MARK: Final = re.compile("%s|%%")


class Prepared:
    """What one connection of this thread has prepared."""

    def __init__(self) -> None:
        ((pid,),) = self._run("SELECT pg_backend_pid()")
        # A pool between us and the server gives numbers of its own. It may lend the next statement to another server
        # process, which has prepared nothing.
        self._is_pooled = pid != connection.connection.info.backend_pid
        if not self._is_pooled:
            self._run("DEALLOCATE ALL")  # what was prepared before it was forgotten
        self._calls: dict[str, str] = {}
        self._runs, self._few = 0, RENEWED_AFTER  # since plans were made, and how many are few
        self._ends_at = time.monotonic() + RENEWED_WITHIN

    def call_of(self, sql: str) -> str:
        """Return what runs a statement, or several with semicolons between them: prepared, where that can be."""
        if self._is_pooled:
            return sql
        self._runs += 1
        if (now := time.monotonic()) > self._ends_at:
            self._ends_at = now + RENEWED_WITHIN
            self._renew(RENEWED_AFTER)
        elif self._runs > self._few:
            self._renew(2 * self._few)
        if (call := self._calls.get(sql)) is None:
            if len(self._calls) >= MOST:
                return sql
            calls = [self._calls.get(one) or self._prepare(one) for one in sql.split(";") if one.strip()]
            call = self._calls[sql] = ";".join(calls)
        return call

    def _renew(self, few: int) -> None:
        self._run("DISCARD PLANS")
        self._runs, self._few = 0, few

    def _prepare(self, sql: str) -> str:
        if _first_word(sql) == BESIDE_THEM:
            return sql
        name = f"sms_{hashlib.sha256(sql.encode()).hexdigest()[:16]}"
        numbers = iter(range(1, sql.count("%s") + 1))
        numbered = _MARK.sub(lambda mark: "%" if mark[0] == "%%" else f"${next(numbers)}", sql)
        self._run(f"PREPARE {name} AS {numbered}")
        values = ", ".join(["%s"] * sql.count("%s"))
        self._calls[sql] = f"EXECUTE {name}({values})" if values else f"EXECUTE {name}"
        return self._calls[sql]

    @staticmethod
    def _run(sql: str) -> list[tuple[Any, ...]]:
        with connection.wrap_database_errors, connection.connection.cursor() as cursor:
            cursor.execute(sql)
            fetched: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description is not None else []
            return fetched


def is_preparable(sql: str) -> bool:
    """Whether a statement is one that is prepared, or the first of several that are."""
    return _first_word(sql) in {*PREPARABLE, BESIDE_THEM}


def _first_word(sql: str) -> str:
    return next(iter(sql.split(maxsplit=1)), "")


_known: WeakKeyDictionary[Any, Prepared] = WeakKeyDictionary()


def execute(cursor: CursorWrapper, sql: str, parameters: Sequence[Any]) -> None:
    """Execute a statement, or several with semicolons between them, with parameters by position.

    What a table's columns are may change under a statement, by a migration: it fails once, and is prepared anew.
    """
    if not is_preparable(sql):
        cursor.execute(sql, parameters)
        return
    if (prepared := _known.get(connection.connection)) is None:
        prepared = _known[connection.connection] = Prepared()
    try:
        cursor.execute(prepared.call_of(sql), parameters)
    except NotSupportedError:
        del _known[connection.connection]
        raise
