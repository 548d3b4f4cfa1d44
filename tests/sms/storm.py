"""Writers whose transactions overlap in every way, readers who come and go, and what the readers should have seen."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from django.db import connection

from sms.database import rows
from sms.feed import START
from tests.accounts import make_caller
from tests.feeds import COMMITTED, problems
from tests.messages import store

WRITERS, READERS = 6, 5
TRANSACTIONS = 30  # of each writer
SHARED = 4  # messages that all writers change
NAP = 0.006  # seconds, at most: between what a transaction does and its end
ROLLED_BACK = 0.2  # of all transactions
SLOW = 0.05  # seconds that one of the readers takes for each read

INSERT = """
INSERT INTO sms_messageevent ({more}message_id, account_id, sequence, status, late, conflict)
SELECT {ids}m.id, m.account_id, m.sequence + 1, 'QUEUED', false, false FROM sms_message m WHERE m.id = %(id)s
"""
IDS = "SELECT nextval(pg_get_serial_sequence('sms_messageevent', 'id'))"


class Writer:
    """One connection that changes messages, some of them its own, as a worker does: under the message's lock."""

    def __init__(self, rng, shared, own):
        self._rng, self._shared, self._own = rng, shared, own

    def run(self):
        """Write, and end each transaction when others have begun theirs."""
        with closing(connection.get_new_connection(connection.get_connection_params())) as own:
            for _ in range(TRANSACTIONS):
                with own.cursor() as cursor:
                    self._transaction(cursor)
                self._nap()
                own.rollback() if self._rng.random() < ROLLED_BACK else own.commit()

    def _transaction(self, cursor):
        cursor.execute("SET LOCAL synchronous_commit = off")
        early = None
        if self._rng.random() < 0.5:  # a number, and an id, that others are given later ones than
            cursor.execute("SELECT pg_current_xact_id()")
            cursor.execute(IDS)
            early = cursor.fetchone()[0]
            self._nap()
        for message in sorted(self._rng.sample(self._shared, self._rng.randint(1, 2))):
            self._change(cursor, message)
            self._nap()
        if early is not None:
            self._change(cursor, self._own, early)

    def _change(self, cursor, message_id, event_id=None):
        cursor.execute("SELECT FROM sms_message WHERE id = %s FOR UPDATE", [message_id])
        more, ids = ("", "") if event_id is None else ("id, ", "%(event)s, ")
        cursor.execute(INSERT.format(more=more, ids=ids), {"id": message_id, "event": event_id})
        cursor.execute("UPDATE sms_message SET sequence = sequence + 1 WHERE id = %s", [message_id])

    def _nap(self):
        time.sleep(self._rng.random() * NAP)


class Reader:
    """Reads as far as it can, in pieces of any size, and is cut off in the middle of some."""

    def __init__(self, rng, read, account_id, *, pause=0.0):
        self._rng, self._read, self._account_id, self._pause = rng, read, account_id, pause
        self.seen = []  # (cursor, message id, sequence)

    def run(self, is_over):
        """Read until everything is read that there was when it was over."""
        place = START
        try:
            while True:
                was_over = is_over.is_set()
                limit = self._rng.randint(1, 40)
                events, end = self._read(self._account_id, place, limit)
                if was_over and len(events) < limit:
                    self.seen += events
                    return
                taken = len(events) if self._rng.random() < 0.7 else self._rng.randint(0, len(events))
                self.seen += events[:taken]
                place = end if taken == len(events) else (events[taken - 1][0] if taken else place)
                time.sleep(self._pause)
        finally:
            connection.close()


def storm(seed, read):
    """Let readers follow while writers write, and return what is wrong with what they saw."""
    rng = random.Random(seed)
    caller, other = make_caller(f"storm {seed}"), make_caller(f"another {seed}")
    shared = [store(caller).id for _ in range(SHARED)] + [store(other).id]
    writers = [Writer(random.Random(rng.random()), shared, store(caller).id) for _ in range(WRITERS)]
    pauses = [SLOW] + [0.0] * (READERS - 1)
    readers = [Reader(random.Random(rng.random()), read, caller.account_id, pause=pause) for pause in pauses]
    is_over = threading.Event()
    with ThreadPoolExecutor(WRITERS + READERS) as threads:
        reading = [threads.submit(reader.run, is_over) for reader in readers]
        try:
            for writing in [threads.submit(writer.run) for writer in writers]:
                writing.result()
        finally:
            is_over.set()
        for one in reading:
            one.result()
    committed = rows(COMMITTED, caller.account_name)
    assert len(committed) > WRITERS * TRANSACTIONS * 0.7
    return [problem for reader in readers for problem in problems(reader.seen, committed)]
