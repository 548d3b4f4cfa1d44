"""`python -m benchmarks.storage`: what a message's whole life writes and leaves in PostgreSQL."""

from benchmarks import command
from benchmarks.figures import Figure
from benchmarks.living import SENDING_MANY, send_and_wait
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Provider, Stack
from devstack import signals

MESSAGES = 30_000
STATISTICS_WITHIN = 12.0  # seconds that a connection may keep its counters to itself
TABLES = ("message", "messageevent", "submitattempt", "receipt", "idempotencykey", "dispatchentry")
UPDATED = ("message", "dispatchentry", "receipt", "submitattempt")
WAL = "SELECT pg_current_wal_insert_lsn()"
WAL_SINCE = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %(since)s)::float8"
SIZE = "SELECT pg_table_size('sms_{table}')::float8, pg_indexes_size('sms_{table}')::float8"
UPDATES = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'sms_{table}'"


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure what is left after batches of messages came to their end."""
    count = MESSAGES // plan.small
    sizes = {table: sum(stack.query(SIZE.format(table=table))[0]) for table in TABLES}
    updates = {table: stack.query(UPDATES.format(table=table))[0] for table in TABLES}
    stack.query("CHECKPOINT")
    ((since,),) = stack.query(WAL)
    with SENDING_MANY.load(stack) as generator:
        count = send_and_wait(stack, SENDING_MANY, generator, count)["answered"]
    ((written,),) = stack.query(WAL_SINCE, {"since": since})
    signals.pause(STATISTICS_WITHIN)
    figures = [Figure(name="write-ahead log", unit="bytes/message", runs=[written / count])]
    for table in TABLES:
        grown = sum(stack.query(SIZE.format(table=table))[0]) - sizes[table]
        figures.append(Figure(name=f"sms_{table}, with its indexes", unit="bytes/message", runs=[grown / count]))
    return [*figures, *(_in_place(stack, table, before=updates[table]) for table in UPDATED)]


def _in_place(stack: Stack, table: str, *, before: tuple[int, int]) -> Figure:
    ((updated, in_place),) = stack.query(UPDATES.format(table=table))
    share = 100 * (in_place - before[1]) / max(updated - before[0], 1)
    return Figure(name=f"sms_{table}: updates in place (HOT)", unit="%", runs=[share])


BENCHMARK = Benchmark(measure=measure, provider=Provider(batches=True, receipts=True, receipts_a_request=100))

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
