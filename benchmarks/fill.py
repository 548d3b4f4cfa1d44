"""Messages that are just there, to measure one stage without paying for those before it. Needs PostgreSQL 18."""

import json
from collections.abc import Iterable
from pathlib import Path

from benchmarks import requests
from benchmarks.stack import Stack

NEW = """
WITH new AS (SELECT uuidv7() AS id, uuidv7() AS attempt, (SELECT id FROM sms_account WHERE name = 'demo') AS account
             FROM generate_series(1, %(count)s))
"""
MESSAGE = """, messages AS (
    INSERT INTO sms_message (id, account_id, sender_id, recipient, text, encoding, segment_count, delivery_policy,
                             status, sequence, provider, provider_reference)
    SELECT id, account, 'MyCorp', '+23320' || lpad((random() * 9999999)::int::text, 7, '0'), %(text)s, 'GSM7', 1,
           'AT_MOST_ONCE', {message} FROM new
), events AS (
    INSERT INTO sms_messageevent (message_id, account_id, sequence, status, late, conflict)
    SELECT id, account, sequence, status, false, false FROM new, (VALUES {events}) AS told (sequence, status)
)
"""
QUEUED = (
    NEW
    + MESSAGE.format(message="'QUEUED', 1, NULL, NULL", events="(1, 'QUEUED')")
    + """
INSERT INTO sms_dispatchentry (message_id, route_id, purpose, priority, expires_at, attempts)
SELECT id, %(route)s, 1, 5, now() + interval '72 hours', 0 FROM new
"""
)
SENT = (
    NEW
    + MESSAGE.format(
        message="'SENT', 3, 'simulator', 'bench-' || attempt", events="(1, 'QUEUED'), (2, 'SENDING'), (3, 'SENT')"
    )
    + """, attempts AS (
    INSERT INTO sms_submitattempt (id, message_id, number, provider, finished_at, outcome, provider_reference)
    SELECT attempt, id, 1, 'simulator', now(), 'SENT', 'bench-' || attempt FROM new
), entries AS (
    INSERT INTO sms_dispatchentry (message_id, purpose, priority, due_at, expires_at, attempts)
    SELECT id, 2, 5, now() + interval '72 hours', now() + interval '72 hours', 1 FROM new
)
SELECT id, attempt FROM new
"""
)


def queued(stack: Stack, count: int, *, route: int = 0) -> None:
    """Store accepted messages that wait for a worker. Nobody is told: the next nudge, or beat, finds them."""
    stack.query(QUEUED, {"count": count, "text": requests.TEXT, "route": route})


def sent(stack: Stack, count: int, path: Path) -> list[str]:
    """Store messages that wait for their receipts, write a request for each to `path`, and return their ids."""
    rows = stack.query(SENT, {"count": count, "text": requests.TEXT})
    write_receipts(path, [attempt for _, attempt in rows])
    return [str(message_id) for message_id, _ in rows]


def write_receipts(path: Path, client_references: Iterable[object]) -> None:
    """Write a signed request for each reference, for `benchmarks.load`."""
    with path.open("w") as stream:
        for one in client_references:
            request = requests.receipt(reference=f"bench-{one}", client_reference=str(one))
            stream.write(json.dumps(request) + "\n")
