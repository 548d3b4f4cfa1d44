"""A long queue: what is urgent goes first, and finding it does not get slower."""

import json

import pytest

from sms.database import execute, rows
from sms.routing.records import SIMULATOR
from sms.services import clock
from sms.services.dispatch import CLAIM, claim
from sms.services.moves import RECEIPT_WINDOW
from sms.services.submit import BATCH

pytestmark = pytest.mark.django_db(transaction=True)

BACKLOG = 100_000
FILL = """
WITH numbers AS (
    SELECT n, md5(n::text)::uuid AS id FROM generate_series(1, %s) n
), messages AS (
    INSERT INTO sms_message (id, account_id, sender_id, recipient, text, encoding, segment_count, delivery_policy,
                             status, sequence)
    SELECT id, %s, 'MyCorp', '+233200000901', 'Hello', 'GSM7', 1, 'AT_MOST_ONCE', 'QUEUED', 1 FROM numbers
)
INSERT INTO sms_dispatchentry (message_id, purpose, priority, due_at, expires_at, attempts)
SELECT id, 1, CASE WHEN n > %s THEN 1 ELSE 9 END, now() - make_interval(secs => 1000 - n / 1000.0),
       now() + interval '1 day', 0
FROM numbers
"""


@pytest.fixture
def backlog(caller):
    """A hundred thousand bulk messages, and ten urgent ones that came last."""
    execute(FILL, BACKLOG + 10, str(caller.account_id), BACKLOG)
    execute("ANALYZE sms_message, sms_dispatchentry")


def priorities(claimed):
    """The priorities of what was claimed."""
    ids = [str(one.message_id) for one in claimed]
    return sorted(
        row[0] for row in rows("SELECT priority FROM sms_dispatchentry WHERE message_id = ANY(%s::uuid[])", ids)
    )


def test_what_is_urgent_overtakes_a_backlog_and_is_found_at_once(backlog):
    """It is in the very next set, also while others are under way; and a claim reads no more than it takes."""
    assert priorities(claim(limit=500)) == [1] * 10 + [9] * 490
    execute("UPDATE sms_dispatchentry SET priority = 1 WHERE message_id = md5(%s)::uuid", str(BACKLOG))
    assert priorities(claim(limit=500)) == [1] + [9] * 499
    ((plan,),) = rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {CLAIM}", RECEIPT_WINDOW, clock.watch(), SIMULATOR.id, BATCH)
    steps = list(_steps((plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]))
    assert not [step for step in steps if step["Node Type"] in {"Sort", "Seq Scan", "Incremental Sort"}]
    (queue,) = [step for step in steps if step.get("Index Name") == "dispatch_due"]
    assert queue["Actual Rows"] == BATCH


def _steps(step):
    yield step
    for below in step.get("Plans", ()):
        yield from _steps(below)
