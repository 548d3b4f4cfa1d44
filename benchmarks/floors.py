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
def raw_asgi(stack: Stack, *, stores: bool = False) -> Iterator[Child]:
    """Run a raw ASGI application, one that stores a row or none; its port is its last argument."""
    port = free_port()
    if stores:
        stack.query(MAKE_TABLE)
    child = stack.child("floor", "-m", "benchmarks.floor_asgi", *(["--store"] if stores else []), str(port))
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


LIFE_SET = 500  # messages a commit
# Tables like the service's own, and what each step of a life leaves in them; a commit after each.
MAKE_LIFE = "".join(
    f"DROP TABLE IF EXISTS floor_{name}; CREATE TABLE floor_{name} (LIKE sms_{name} INCLUDING ALL);"
    for name in ("message", "messageevent", "dispatchentry", "submitattempt", "receipt")
)
# What LIKE leaves out: room for updates in place, as the service's tables have it.
MAKE_LIFE += "".join(
    f"ALTER TABLE floor_{name} SET (fillfactor = {filled});"
    for name, filled in (("message", 60), ("dispatchentry", 50), ("receipt", 80))
)
IDS = "unnest(%(ids)s::uuid[]) AS id"
EVENT = f"""
INSERT INTO floor_messageevent (message_id, account_id, sequence, status, late, conflict, occurred_at)
SELECT id, id, {{sequence}}, '{{status}}', false, false, now() FROM {IDS};
UPDATE floor_message SET status = '{{status}}', sequence = {{sequence}}, updated_at = now()
WHERE id = ANY(%(ids)s::uuid[]);
"""
LIFE = (
    f"""
    INSERT INTO floor_message ({COLUMNS})
    SELECT id, id, 'MyCorp', '+{RECIPIENT}', '{TEXT}', 'GSM7', 1, 'AT_MOST_ONCE', 'QUEUED', 1 FROM {IDS};
    INSERT INTO floor_messageevent (message_id, account_id, sequence, status, late, conflict, occurred_at)
    SELECT id, id, 1, 'QUEUED', false, false, now() FROM {IDS};
    INSERT INTO floor_dispatchentry (message_id, purpose, priority, expires_at, attempts)
    SELECT id, 1, 5, now() + interval '1 day', 0 FROM {IDS};
    """,
    EVENT.format(sequence=2, status="SENDING")
    + f"""
    INSERT INTO floor_submitattempt (id, message_id, number, provider) SELECT id, id, 1, 'simulator' FROM {IDS};
    UPDATE floor_dispatchentry SET lease = message_id, attempts = 1, due_at = now()
    WHERE message_id = ANY(%(ids)s::uuid[]);
    """,
    EVENT.format(sequence=3, status="SENT")
    + """
    UPDATE floor_submitattempt SET finished_at = now(), outcome = 'SENT', provider_reference = id::text
    WHERE id = ANY(%(ids)s::uuid[]);
    UPDATE floor_dispatchentry SET purpose = 2, lease = NULL, due_at = now() WHERE message_id = ANY(%(ids)s::uuid[]);
    """,
    f"""
    INSERT INTO floor_receipt (provider, provider_reference, client_reference, provider_status, status, body, tries)
    SELECT 'simulator', id::text, id, 'DELIVERED', 'DELIVERED', uuid_send(id), 0 FROM {IDS};
    """,
    EVENT.format(sequence=4, status="DELIVERED")
    + """
    UPDATE floor_receipt SET processed_at = now(), outcome = 'APPLIED', message_id = client_reference
    WHERE id IN (SELECT id FROM floor_receipt WHERE processed_at IS NULL ORDER BY due_at, id LIMIT 500);
    DELETE FROM floor_dispatchentry WHERE message_id = ANY(%(ids)s::uuid[]);
    """,
)


def lives(stack: Stack, plan: Plan) -> float:
    """Return how many messages a second one client takes through their whole lives, in sets of 500 and by SQL alone."""
    connection = psycopg2.connect(stack.environment["DATABASE_URL"])
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(MAKE_LIFE)
            begun, done = time.perf_counter(), 0
            while time.perf_counter() - begun < plan.seconds / 2:
                ids = [str(uuid7()) for _ in range(LIFE_SET)]
                for step in LIFE:
                    cursor.execute(step, {"ids": ids})
                done += LIFE_SET
            return done / (time.perf_counter() - begun)
    finally:
        connection.close()
