"""`python -m benchmarks.seed MILLIONS`: fill the database of DATABASE_URL with messages that have had their whole life.

Made by PostgreSQL itself, in sets, as the service would have left them: four events, an attempt and a processed receipt
each, and an idempotency key as long as those are kept. The ids are spread evenly over the last thirty days. One message
in fifty is a neighbour's, another account; those have one recipient, the others one of a million. Some have a client
reference: one of their own, or one that they share. Needs PostgreSQL 18, and tables that `manage.py prepare` made.
"""

import argparse
import os
import time
from collections.abc import Callable

import psycopg2

from benchmarks.requests import API_KEY, TEXT

MILLION = 1_000_000
SET = 100_000  # messages a transaction
# The seed may be lost with the machine; what is measured afterwards may not.
SESSION = "SET synchronous_commit = off; SET work_mem = '256MB'; SET statement_timeout = 0"

NEIGHBOUR_KEY = f"{API_KEY}-next-door"
NEIGHBOURS_RECIPIENT = "+233209999999"
SHARED_REFERENCE = "reminders"
NEIGHBOUR = """
WITH account AS (
    INSERT INTO sms_account (id, name, blocked_keywords, opt_out_keywords, opt_in_keywords, opt_out_reply,
                             budget_currency)
    VALUES (uuidv7(), 'neighbour', '{}', '{}', '{}', '', '')
    ON CONFLICT DO NOTHING RETURNING id
)
INSERT INTO sms_apikey (id, account_id, name, prefix, secret_sha256, is_test, scopes, allowed_networks)
SELECT uuidv7(), id, '', 'seed', sha256(convert_to(%s, 'UTF8')), false, '{messages:read}', '{}' FROM account
"""
STORE = """
WITH new AS MATERIALIZED (
    SELECT uuidv7(shift) AS id, uuidv7(shift + interval '1 second') AS attempt, now() + shift AS at, n,
           (SELECT id FROM sms_account WHERE name = CASE n %% 50 WHEN 0 THEN 'neighbour' ELSE 'demo' END) AS account,
           CASE n %% 50 WHEN 0 THEN %(recipient)s ELSE '+23320' || 1000000 + n::int8 * 7919 %% 999983 END AS recipient,
           CASE n %% 10 WHEN 1 THEN 'order-' || n WHEN 2 THEN %(reference)s END AS client_reference
    FROM generate_series(%(first)s, %(last)s) n,
         LATERAL (SELECT interval '30 days' * (n::float8 / %(all)s - 1) AS shift)
), messages AS (
    INSERT INTO sms_message (id, account_id, sender_id, recipient, text, encoding, segment_count, client_reference,
                             delivery_policy, status, sequence, provider, provider_reference, created_at, updated_at)
    SELECT id, account, 'MyCorp', recipient, %(text)s, 'GSM7', 1, client_reference, 'AT_MOST_ONCE', 'DELIVERED', 4,
           'simulator', 'seed-' || attempt, at, at + interval '2 seconds' FROM new ORDER BY id
), keys AS (
    INSERT INTO sms_idempotencykey (digest, fingerprint, message_id, created_at)
    SELECT gen_random_uuid(), sha256('seed'), id, at FROM new WHERE at > now() - interval '7 days 12 hours'
), events AS (
    INSERT INTO sms_messageevent (message_id, account_id, sequence, status, late, conflict, provider_status,
                                  occurred_at)
    SELECT id, account, sequence, status, false, false, word, at + sequence * interval '0.5 seconds'
    FROM new, (VALUES (1, 'QUEUED', NULL), (2, 'SENDING', NULL), (3, 'SENT', NULL), (4, 'DELIVERED', 'DELIVERED'))
         AS told (sequence, status, word)
    ORDER BY id, sequence
), attempts AS (
    INSERT INTO sms_submitattempt (id, message_id, number, provider, started_at, finished_at, outcome,
                                   provider_reference)
    SELECT attempt, id, 1, 'simulator', at, at + interval '1 second', 'SENT', 'seed-' || attempt FROM new ORDER BY id
)
INSERT INTO sms_receipt (provider, provider_reference, client_reference, provider_status, status, body, received_at,
                         due_at, tries, processed_at, outcome, message_id)
SELECT 'simulator', 'seed-' || attempt, attempt, 'DELIVERED', 'DELIVERED',
       convert_to(%(text)s, 'UTF8') || uuid_send(id), at, at, 0, at + interval '2 seconds', 'APPLIED', id
FROM new ORDER BY id
"""
# What time would have done: visibility and statistics, so that plans are those of a database that has grown.
FINISH = "VACUUM (ANALYZE)"


def seed(url: str, messages: int, *, tell: Callable[[str], None]) -> None:
    """Store that many messages."""
    connection = psycopg2.connect(url)
    begun = time.monotonic()
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(SESSION)
            cursor.execute(NEIGHBOUR, [NEIGHBOUR_KEY])
            for first in range(1, messages + 1, SET):
                last = min(first + SET - 1, messages)
                span = {"first": first, "last": last, "all": messages}
                fields = {"recipient": NEIGHBOURS_RECIPIENT, "reference": SHARED_REFERENCE, "text": TEXT}
                cursor.execute(STORE, {**span, **fields})
                tell(f"{last:,} of {messages:,} messages after {time.monotonic() - begun:.0f} s")
            cursor.execute(FINISH)
            tell(f"vacuumed and analysed after {time.monotonic() - begun:.0f} s")
    finally:
        connection.close()


def main() -> None:
    """Fill the database of the environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("millions", type=float)
    given = parser.parse_args()
    seed(os.environ["DATABASE_URL"], round(given.millions * MILLION), tell=print)


if __name__ == "__main__":
    main()
