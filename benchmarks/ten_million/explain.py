"""`python -m benchmarks.ten_million.explain`: the plan of every hot statement, with its real parameters.

The services run as they are, in one transaction that is rolled back; before each statement the database is asked to
EXPLAIN (ANALYZE, BUFFERS) it, in a savepoint that is rolled back too.
"""

import asyncio
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from sms import listing
from sms.database import execute, rows
from sms.feed import AT_ONCE, START, read_now
from sms.listing import MessageFilter
from sms.providers.base import DeliveryReport, Outcome
from sms.providers.registry import get_provider
from sms.services import clock, dispatch, health, receive, report
from sms.services import store as stores
from sms.services.authenticate import Caller, authenticate
from sms.services.new_message import NewMessage, check
from sms.statuses import Status

ROWS = 100
# What is asked for, in the words of `benchmarks.seed`: with an index of its own, and without one.
LISTS = {
    "of all messages": MessageFilter(),
    "of a status that none has": MessageFilter(statuses=[Status.FAILED]),
    "of a time": MessageFilter(created_before=datetime.now(UTC) - timedelta(days=15)),
    "to a number that only a neighbour sends to": MessageFilter(recipient="+233209999999"),
    "with a reference that many share, of a status that none has": MessageFilter(
        client_reference="reminders", statuses=[Status.FAILED]
    ),
}
HOT = re.compile(r"^\s*(WITH|SELECT|INSERT|UPDATE|DELETE|EXECUTE (\w+))", re.IGNORECASE)
TEXT = "SELECT statement FROM pg_prepared_statements WHERE name = %s"


class Explainer:
    """Prints a plan before each statement that is executed while it listens."""

    def __init__(self) -> None:
        self._is_asking = False

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: dict[str, Any]) -> Any:
        """Explain each statement, then execute them."""
        if not self._is_asking:
            self._is_asking = True
            try:
                self._explain_each(sql, params)
            finally:
                self._is_asking = False
        return execute(sql, params, many, context)

    def _explain_each(self, sql: str, params: Any) -> None:
        ahead = ""  # settings and locks, which the next statement needs
        by_position = iter(() if isinstance(params, Mapping) else params or ())
        for one in sql.split(";"):  # several in one go
            given = params if isinstance(params, Mapping) else [next(by_position) for _ in range(one.count("%s"))]
            if (found := HOT.match(one)) is not None:
                self._explain(ahead, one, given, prepared=found[2])
            else:
                ahead += f"{one};"

    def _explain(self, ahead: str, statement: str, given: Any, *, prepared: str | None) -> None:
        savepoint = transaction.savepoint()
        with connection.cursor() as cursor:
            cursor.execute(f"{ahead} EXPLAIN (ANALYZE, BUFFERS) {statement}", given)
            plan = [line for (line,) in cursor.fetchall()]
            if prepared is not None:
                cursor.execute(TEXT, [prepared])
                ((statement,),) = cursor.fetchall()
                statement = statement.partition(" AS ")[2]
        transaction.savepoint_rollback(savepoint)
        first = " ".join(statement.split())
        print(f"\n#### {first[:110]} …\n\n```\n" + "\n".join(plan) + "\n```")


@contextmanager
def explained(stage: str) -> Iterator[None]:
    """Explain what runs inside."""
    print(f"\n### {stage}")
    with connection.execute_wrapper(Explainer()):
        yield


def main() -> None:
    """Let a set of messages have its life, and leave no trace of it."""
    caller = asyncio.run(authenticate(f"Bearer {settings.SMS_DEMO_API_KEY}"))
    provider = get_provider()
    clock.watch()  # nobody may have looked for long; what that moves is not hot
    # What commits by itself is here part of the transaction that leaves no trace.
    for module in (stores, receive, dispatch, health):
        module.at_once = rows  # type: ignore[attr-defined]
    with transaction.atomic():  # of their own, as their settings stay until its end
        for name, wanted in LISTS.items():
            with explained(f"a page {name}"):
                listing.get_page(caller.account_id, wanted)
    with transaction.atomic():
        with explained(f"accept, {ROWS} messages"):
            stores.store([_new_message(caller) for _ in range(ROWS)])
        execute("UPDATE sms_dispatchentry SET due_at = now() WHERE purpose = 1")  # its `now()` stands still in here
        with explained(f"dispatch, {ROWS} messages"):
            claimed = dispatch.claim(limit=ROWS)
            dispatch.record(claimed, [Outcome.sent(f"ref-{one.message_id}") for one in claimed])
        with explained(f"receipts, {ROWS} messages, stored"):
            receive.store([_receipt(provider.name, one.submission.attempt_id) for one in claimed])
        execute("UPDATE sms_receipt SET due_at = now() WHERE processed_at IS NULL")  # as above
        with explained(f"receipts, {ROWS} messages, applied"):
            report.process_set(limit=ROWS)
        with explained("health of routes"):
            health.look()
        with explained("feed"):
            read_now(caller.account_id, START, AT_ONCE)
            read_now(caller.account_id, None, AT_ONCE)
        transaction.set_rollback(True)


def _new_message(caller: Caller) -> NewMessage:
    sender_id = next(iter(caller.sender_ids))
    key = f"explain-{uuid7()}"
    return check(caller, sender_id=sender_id, recipient="233200000901", text="Hello", idempotency_key=key)


def _receipt(provider: str, attempt_id: Any) -> receive.Incoming:
    told = DeliveryReport(f"ref-{attempt_id}", "DELIVERED", Status.DELIVERED, client_reference=attempt_id)
    return receive.Incoming(provider, told, b"{}")


if __name__ == "__main__":
    main()
