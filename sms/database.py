"""PostgreSQL from threads that keep their connection.

psycopg2 is synchronous. Under ASGI each request's own thread would open a connection of its own, so the web process
runs every query on one small pool of threads instead; a worker's threads are long-lived already.
"""

import select
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from sms import arrays, prepared
from sms.errors import Unanswered, Unavailable
from sms.threads import Threads

T = TypeVar("T")
Statement = tuple[str, Sequence[Any]]  # with its parameters, by position

# How a lost connection is said; an InternalError when the server ended a transaction that stood idle.
LOST = (OperationalError, InterfaceError, InternalError)

_threads = Threads("database", count=settings.SMS_DATABASE_THREADS, waiting=2_000)


async def in_thread(work: Callable[..., T], *args: Any) -> T:
    """Run `work` on a thread that keeps its database connection.

    Raises Overloaded if no thread is free in time, Unanswered if `work` takes too long; then it runs on by itself.
    """
    return await _threads.run(work, *args)


def transact(work: Callable[..., T], *args: Any) -> T:
    """Run `work` in one transaction on this thread's connection, and return its result after the commit.

    A connection found dead is replaced and `work` runs again, once, but only if the commit had not begun: from then on
    nobody can tell whether it happened. Raises Unavailable; Unanswered if the commit had begun.
    """
    try:
        return _transact(work, *args)
    except _DeadBeforeCommit:
        return _transact(work, *args)


def at_once(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Execute one statement that is a transaction by itself, and return its rows, if it has any.

    Cheaper than `transact`, which asks the database three times. A connection found dead is replaced, and what the
    server itself refused (a deadlock, a timeout) is done again, once. Raises Unavailable; Unanswered if the connection
    was lost, as the statement may have been committed.
    """
    try:
        return _at_once(sql, parameters)
    except _DeadBeforeCommit:
        return _at_once(sql, parameters)


def _at_once(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    assert not connection.in_atomic_block
    try:
        if _was_hung_up():
            connection.close()
        connection.ensure_connection()
    except LOST as error:
        connection.close()
        raise _DeadBeforeCommit from error
    try:
        return rows(sql, *parameters)
    except LOST as error:
        connection.close()
        raise (_DeadBeforeCommit() if _is_refusal(error) else Unanswered()) from error


def _was_hung_up() -> bool:
    """Whether this thread's connection was ended while nobody used it: then there is something to be read from it."""
    if connection.connection is None or connection.connection.closed:
        return False
    waiting = select.poll()
    waiting.register(connection.connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _is_refusal(error: Exception) -> bool:
    """Whether the server itself said that it did not do it. One that is told to stop may say so after a commit."""
    code = getattr(error.__cause__, "pgcode", None)
    return code is not None and (not code.startswith("57P") and not code.startswith("08"))


def query(work: Callable[..., T], *args: Any) -> T:
    """Run `work`, which only reads, on this thread's connection; once more if that was dead. Raises Unavailable."""
    try:
        return work(*args)
    except LOST:
        connection.close()
    try:
        return work(*args)
    except LOST as error:
        connection.close()
        raise Unavailable from error


class _DeadBeforeCommit(Unavailable):
    """The connection was lost, and certainly nothing was committed."""


def _transact(work: Callable[..., T], *args: Any) -> T:
    committing = False
    try:
        with transaction.atomic():
            result = work(*args)
            committing = True
    except LOST as error:
        connection.close()
        raise (Unanswered() if committing else _DeadBeforeCommit()) from error
    return result


def _execute(cursor: CursorWrapper, sql: str, parameters: Sequence[Any], named: Mapping[str, Any]) -> None:
    if named:
        cursor.execute(sql, named)
    else:
        prepared.execute(cursor, sql, [arrays.literal(one) if type(one) is list else one for one in parameters])


def rows(sql: str, *parameters: Any, **named: Any) -> list[tuple[Any, ...]]:
    """Execute one statement, with parameters by position or by name, and return all its rows, if it has any.

    A list, by position, becomes an array of the type that the statement casts it to; and a statement whose parameters
    come by position is prepared: see `sms.prepared`.
    """
    with connection.cursor() as cursor:
        _execute(cursor, sql, parameters, named)
        fetched: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description is not None else []
        return fetched


def execute_all(statements: Sequence[Statement]) -> list[tuple[Any, ...]]:
    """Execute statements, in their order, in one go, and return the rows of the last one.

    Each way to the database and back costs as much as many rows.
    """
    return rows(";".join(sql for sql, _ in statements), *(one for _, given in statements for one in given))


def execute(sql: str, *parameters: Any, **named: Any) -> int:
    """Execute one statement, with parameters as for `rows`, and return how many rows it touched."""
    with connection.cursor() as cursor:
        _execute(cursor, sql, parameters, named)
        touched: int = cursor.rowcount
        return touched
