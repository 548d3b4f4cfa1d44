"""Processes keep their database connections: to make one costs more than a message."""

import time

MESSAGES = 40
THREADS = 14  # of web and of a worker, each of which may connect once, late
SESSIONS = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
COUNTED_WITHIN = 2.0  # seconds: PostgreSQL's statistics are a little behind


def test_a_message_makes_no_connection(stack):
    """Accept, dispatch, receipt and three nudges each: far more tasks than connections."""
    time.sleep(COUNTED_WITHIN)
    ((before,),) = stack.query(SESSIONS)
    for _ in range(MESSAGES):
        stack.wait_for(stack.send().json()["id"], "DELIVERED")
    time.sleep(COUNTED_WITHIN)
    ((after,),) = stack.query(SESSIONS)
    assert after - before <= THREADS + 2
