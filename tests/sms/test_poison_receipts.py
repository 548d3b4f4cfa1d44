"""Receipts that cannot be applied: charged with their own error, set aside after a few tries, and in nobody's way."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Barrier

import pytest
from django.db import connection

from sms import retry
from sms.models import Message, MessageEvent, Receipt, SubmitAttempt
from sms.services import report
from sms.statuses import Status
from tests.messages import age, history
from tests.receipts import NO_WORD, process, receive, receive_poison, sent_message

PROCESSORS = 4


@pytest.fixture(autouse=True)
def _tries_an_hour_apart(monkeypatch):
    """However slow the machine is, no test meets a second try that it did not ask for."""
    monkeypatch.setattr(retry, "RECEIPT", replace(retry.RECEIPT, first=3600.0, longest=3600.0))


def make_due(receipt):
    """Let a receipt that waits be due now."""
    age("sms_receipt", "due_at", "1 hour", id=receipt.id)


def in_a_thread(work, *args):
    """Run `work` on a thread that lets its connection go."""
    try:
        return work(*args)
    finally:
        connection.close()


@contextmanager
def locked(message):
    """Hold a message's row, as another transaction does."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT id FROM sms_message WHERE id = %s FOR UPDATE", [message.id])
        yield
    finally:
        other.close()


def wait_until_somebody_waits_for_a_lock():
    """Wait until another session stands still before a row."""
    with connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.02)")
    pytest.fail("nobody came to wait for the message")


def deadlocks():
    """How many circles PostgreSQL has had to break; a session tells of its own when it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


def test_it_is_tried_a_few_times_and_then_stands_aside(caller):
    """Each try is counted and keeps the error; the last one ends it, with that error for an operator to see."""
    sent_message(caller, reference="r-1")
    poison = receive_poison(reference="r-1")
    seen = []
    for _ in range(retry.RECEIPT.attempts + 1):
        process()
        poison.refresh_from_db()
        seen.append((poison.tries, poison.outcome))
        make_due(poison)
    assert seen == [(1, None), (2, None), (3, None), (4, None), (5, "FAILED"), (5, "FAILED")]
    assert poison.error == f"ValueError: '{NO_WORD}' is not a valid Status"


def test_its_neighbours_are_applied_in_the_same_commit(caller):
    """In a full set the poison is found and charged, and everything else is applied at once, in its order."""
    messages = [sent_message(caller, reference=f"r-{n}") for n in range(40)]
    receipts = []
    for n in range(40):
        receipts.append(receive(reference=f"r-{n}", status=Status.SENT, word="ENROUTE"))
        make = receive_poison if n in {0, 17, 39} else receive
        receipts.append(make(reference=f"r-{n}"))
    assert report.process_set(limit=report.BATCH) == len(receipts)
    assert report.process_set(limit=report.BATCH) == 0  # nothing is left to be done again
    outcomes = dict(Receipt.objects.values_list("id", "outcome"))
    poisoned = {n for n in range(40) if outcomes[receipts[2 * n + 1].id] is None}
    assert poisoned == {0, 17, 39}
    assert {outcomes[receipts[2 * n].id] for n in range(40)} == {"NOTED"}
    for n, message in enumerate(messages):
        expected = [(1, "SENT"), (None, "SENT")] + ([] if n in poisoned else [(2, "DELIVERED")])
        assert history(message) == expected


def test_a_set_of_nothing_but_poison_is_charged_whole(caller):
    """Each of them once, each with its own word."""
    sent_message(caller, reference="r-1")
    words = [f"BAD{n}" for n in range(50)]
    for word in words:
        receive_poison(reference="r-1", word=word)
    assert report.process_set(limit=report.BATCH) == 50
    charged = list(Receipt.objects.order_by("id").values_list("tries", "error"))
    assert charged == [(1, f"ValueError: '{word}' is not a valid Status") for word in words]


def test_what_the_database_refuses_is_charged_too(caller):
    """An error that aborts the transaction is undone up to the savepoint, and neighbours are applied."""
    broken, whole = sent_message(caller, reference="r-1"), sent_message(caller, reference="r-2")
    MessageEvent.objects.create(message=broken, sequence=2, status="SENT")  # what must not be there
    receipt, neighbour = receive(reference="r-1"), receive(reference="r-2")
    process()
    receipt.refresh_from_db()
    neighbour.refresh_from_db()
    assert (receipt.tries, receipt.outcome) == (1, None)
    assert receipt.error == (
        'UniqueViolation: 23505 duplicate key value violates unique constraint "event_sequence_once"'
    )
    assert (neighbour.outcome, neighbour.error) == ("APPLIED", None)
    assert (history(whole)[-1], Message.objects.get(id=broken.id).status) == ((2, "DELIVERED"), "SENT")


def test_once_the_cause_is_gone_it_is_applied_and_has_no_error(caller):
    """A failure that passes leaves nothing behind."""
    sent_message(caller, reference="r-1")
    poison = receive_poison(reference="r-1")
    process()
    Receipt.objects.filter(id=poison.id).update(status=Status.DELIVERED)
    make_due(poison)
    process()
    poison.refresh_from_db()
    assert (poison.outcome, poison.error) == ("APPLIED", None)


def test_waiting_for_its_message_does_not_use_up_its_tries(caller):
    """A receipt that waited long and then fails once is tried again like any other."""
    poison = receive_poison(reference="r-1")
    for _ in range(retry.RECEIPT.attempts + 3):
        process()
        make_due(poison)
    sent_message(caller, reference="r-1")
    process()
    poison.refresh_from_db()
    assert (poison.tries, poison.outcome) == (1, None)


def test_a_message_that_vanished_leaves_its_receipt_waiting(caller):
    """Its row is gone and its attempt is still there: the receipt waits, and its neighbours are applied."""
    gone, message = sent_message(caller, reference="r-1"), sent_message(caller, reference="r-2")
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # no foreign key notices
        cursor.execute("DELETE FROM sms_message WHERE id = %s", [gone.id])
        cursor.execute("SET session_replication_role = DEFAULT")
    receipt, neighbour = receive(reference="r-1"), receive(reference="r-2")
    process()
    receipt.refresh_from_db()
    neighbour.refresh_from_db()
    assert (receipt.processed_at, receipt.tries, receipt.error, receipt.message_id) == (None, 1, None, None)
    assert (neighbour.outcome, history(message)[-1]) == ("APPLIED", (2, "DELIVERED"))
    age("sms_receipt", "received_at", "73 hours", id=receipt.id)
    make_due(receipt)
    process()
    receipt.refresh_from_db()
    assert receipt.outcome == "UNMATCHED"
    SubmitAttempt.objects.all().delete()


def test_many_processors_at_once_charge_nobody_with_anothers_error(caller):
    """However they share the work: each good receipt is applied, each poison is charged once, with its own word."""
    for n in range(120):
        sent_message(caller, reference=f"r-{n}")
        receive(reference=f"r-{n}")
        receive_poison(reference=f"r-{n}", word=f"BAD{n}")
    start = Barrier(PROCESSORS)

    def process_with_the_others():
        start.wait(10)
        while report.process_set(limit=7):
            pass

    with ThreadPoolExecutor(PROCESSORS) as pool:
        for done in [pool.submit(in_a_thread, process_with_the_others) for _ in range(PROCESSORS)]:
            done.result()
    good = Receipt.objects.filter(status=Status.DELIVERED).values_list("outcome", "error", "tries")
    assert set(good) == {("APPLIED", None, 0)}
    assert len(good) == 120
    bad = set(Receipt.objects.exclude(status=Status.DELIVERED).values_list("error", "tries"))
    assert bad == {(f"ValueError: 'BAD{n}' is not a valid Status", 1) for n in range(120)}


def test_a_processor_that_waits_keeps_its_poison_to_itself(caller):
    """While one holds a set with poison in it, another applies and charges what is left, and nothing of that set."""
    message = sent_message(caller, reference="r-1")
    theirs = [receive_poison(reference="r-1", word="THEIRS"), receive(reference="r-1")]
    with ThreadPoolExecutor(1) as pool, locked(message):
        first = pool.submit(in_a_thread, lambda: report.process_set(limit=2))
        wait_until_somebody_waits_for_a_lock()
        sent_message(caller, reference="r-2")
        ours = [receive_poison(reference="r-2", word="OURS"), receive(reference="r-2")]
        assert report.process_set(limit=10) == 2
    assert first.result() == 2
    found = list(Receipt.objects.order_by("id").values_list("id", "outcome", "tries", "error"))
    assert found == [
        (theirs[0].id, None, 1, "ValueError: 'THEIRS' is not a valid Status"),
        (theirs[1].id, "APPLIED", 0, None),
        (ours[0].id, None, 1, "ValueError: 'OURS' is not a valid Status"),
        (ours[1].id, "APPLIED", 0, None),
    ]


def test_poisoned_sets_do_not_wait_for_each_other_in_a_circle(caller):
    """Each locks all its messages before it halves, so sets that share messages in any order never deadlock."""
    messages = [sent_message(caller, reference=f"r-{n}") for n in range(6)]
    start = Barrier(PROCESSORS)

    def process_one_set():
        start.wait(10)
        return report.process_set(limit=12)

    before = deadlocks()
    for _ in range(4):
        Receipt.objects.all().delete()
        for _ in range(PROCESSORS):
            for n in reversed(range(12)):  # the first half of a set is about the messages with the highest ids
                make = receive_poison if n in {2, 9} else receive
                make(reference=f"r-{n // 2}")
        with ThreadPoolExecutor(PROCESSORS) as pool:
            done = [pool.submit(in_a_thread, process_one_set) for _ in range(PROCESSORS)]
            assert [one.result() for one in done] == [12] * PROCESSORS
    assert deadlocks() == before
    assert {Message.objects.get(id=one.id).status for one in messages} == {"DELIVERED"}
