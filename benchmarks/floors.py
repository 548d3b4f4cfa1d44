"""The floors: what the parts below the service can do by themselves, here and now."""

import os
import re
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import psycopg2.extensions
from uuid_utils.compat import uuid7

from benchmarks.plan import Plan
from benchmarks.requests import RECIPIENT, TEXT
from benchmarks.stack import Stack
from devstack import signals
from devstack.processes import Child, free_port

BATCH = 1_000
CLIENTS = 16
# A table like the service's own, with its indexes and checks, so that none of its statements is disturbed.
MAKE_TABLE = """
DROP TABLE IF EXISTS floor_message;
CREATE TABLE floor_message (LIKE sms_message INCLUDING ALL);
"""
COLUMNS = "id, account_id, sender_id, recipient, text, encoding, segment_count, delivery_policy, status, sequence"
ONE_ROW = f"""
INSERT INTO floor_message ({COLUMNS})
VALUES (uuidv7(), uuidv7(), 'MyCorp', '+{RECIPIENT}', '{TEXT}', 'GSM7', 1, 'AT_MOST_ONCE', 'QUEUED', 1);
"""
MANY_ROWS = f"""
INSERT INTO floor_message ({COLUMNS})
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[],
                     %s::text[], %s::text[], %s::int[])
"""


@contextmanager
def raw_asgi(stack: Stack) -> Iterator[Child]:
    """Run the raw ASGI application; its port is its last argument."""
    port = free_port()
    child = stack.child("floor", "-m", "benchmarks.floor_asgi", str(port))
    child.start()
    try:
        end = time.monotonic() + 20
        while not listens(port):
            assert time.monotonic() < end, child.log_tail()
            signals.pause(0.05)
        yield child
    finally:
        child.stop(within=2)


def port_of(child: Child) -> int:
    """Return the port of the raw ASGI application."""
    return int(str(child.argv[-1]))


def listens(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def single_commits(stack: Stack, plan: Plan) -> float:
    """Return how many rows a second pgbench commits one by one, from as many clients as a benchmark has connections."""
    stack.query(MAKE_TABLE)
    script = stack.directory / "one_row.sql"
    script.write_text(ONE_ROW)
    postgres = stack.postgres
    where = ["-h", "127.0.0.1", "-p", str(postgres.port), "-U", "sms", "sms"]
    long = ["-t", "5"] if plan.quick else ["-T", str(round(plan.seconds))]
    how = ["-n", "-M", "prepared", "-c", str(CLIENTS), *long, "-f", str(script)]
    done = subprocess.run(
        [postgres.programs.folder / "pgbench", *how, *where],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PGPASSWORD": postgres.password},
    )
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout
    return float(found[1])


def batched_inserts(stack: Stack, plan: Plan) -> float:
    """Return how many rows a second one client commits in statements of 1,000 rows that were rendered ahead."""
    stack.query(MAKE_TABLE)
    connection = psycopg2.connect(stack.environment["DATABASE_URL"])
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            statements = [_many_rows(cursor) for _ in range(100 if not plan.quick else 5)]
            begun = time.perf_counter()
            done = 0
            for statement in statements:
                cursor.execute(statement)
                done += BATCH
                if time.perf_counter() - begun > plan.seconds:
                    break
            return done / (time.perf_counter() - begun)
    finally:
        connection.close()


def _many_rows(cursor: psycopg2.extensions.cursor) -> bytes:
    ids = [str(uuid7()) for _ in range(BATCH)]
    same = [str(uuid.uuid4()), "MyCorp", f"+{RECIPIENT}", TEXT, "GSM7", 1, "AT_MOST_ONCE", "QUEUED", 1]
    statement: bytes = cursor.mogrify(MANY_ROWS, [ids, *([value] * BATCH for value in same)])
    return statement
