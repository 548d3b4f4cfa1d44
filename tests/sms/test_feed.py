"""The feed of an account: what it has, in which order, how far, and for whom."""

import asyncio
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
from django.db import connection

from sms import feed
from sms.database import rows, transact
from sms.errors import InvalidCursor, InvalidMessage
from sms.feed import EVERYTHING, START, Wanted, newest_only, read_now
from sms.feed_cursors import Cursor
from sms.models import MessageEvent
from sms.services import moves
from sms.statuses import Status
from tests.accounts import make_caller
from tests.messages import apply, move, store

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def another_connection():
    """A connection of its own, whose transaction ends when the test says so."""
    with closing(connection.get_new_connection(connection.get_connection_params())) as own:
        yield own


def told(events):
    """What the events say, in short."""
    return [(one.change.message_id, one.change.sequence, one.change.status) for one in events]


def test_the_feed_has_all_changes_of_all_messages_in_their_order(caller):
    """With what is the same for all changes of a message; notes are no changes."""
    one, two = store(caller, client_reference="order-7"), store(caller, recipient="+233200000902")
    apply(move(one, "SENDING"))
    apply(move(two, "SENDING"), move(one, "SENT"))
    apply(move(one, None, provider_status="ENROUTE"))
    apply(move(one, "DELIVERED", provider_status="DELIVERED", error_code="x"))
    page = read_now(caller.account_id, START, 100)
    assert told(page.events) == [
        (one.id, 1, "QUEUED"),
        (two.id, 1, "QUEUED"),
        (one.id, 2, "SENDING"),
        (two.id, 2, "SENDING"),
        (one.id, 3, "SENT"),
        (one.id, 4, "DELIVERED"),
    ]
    first, last = page.events[0], page.events[-1]
    assert (first.sender_id, first.recipient, first.client_reference) == ("MyCorp", "+233200000901", "order-7")
    assert page.events[1].client_reference is None
    stored = MessageEvent.objects.get(message=one, sequence=4)
    assert last.cursor == (stored.position, stored.id)
    assert (last.change.provider_status, last.change.error_code) == ("DELIVERED", "x")
    assert last.change.occurred_at == stored.occurred_at
    assert page.is_last


def test_it_continues_from_every_place(caller):
    """Whatever the size of the pieces: all of it, each once."""
    for _ in range(7):
        store(caller)
    everything = read_now(caller.account_id, START, 100).events
    for size in (1, 2, 3, 7, 8):
        place, found, pages = START, [], 0
        while True:
            page = read_now(caller.account_id, place, size)
            found += page.events
            place, pages = page.end, pages + 1
            if page.is_last:
                break
        assert told(found) == told(everything)
        assert pages == 7 // size + 1
    for number, one in enumerate(everything, start=1):
        assert told(read_now(caller.account_id, one.cursor, 100).events) == told(everything[number:])


def test_without_a_cursor_it_tells_where_it_ends(caller):
    """Nothing that was there before, and everything after."""
    store(caller)
    now = read_now(caller.account_id, None, 100)
    assert (now.events, now.is_last) == ([], True)
    later = store(caller)
    assert told(read_now(caller.account_id, now.end, 100).events) == [(later.id, 1, "QUEUED")]


def test_it_goes_no_further_than_the_oldest_open_transaction(caller):
    """What an open transaction may still put before it has to wait; then all of it comes, in order."""
    early, late = store(caller), store(caller)
    start = read_now(caller.account_id, None, 100)
    with another_connection() as slow, slow.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")
        apply(move(late, "SENDING"))
        held_back = read_now(caller.account_id, start.end, 100)
        assert (held_back.events, held_back.is_last) == ([], True)
        assert held_back.horizon <= held_back.newest
        cursor.execute(
            "INSERT INTO sms_messageevent (message_id, account_id, sequence, status, late, conflict) "
            "VALUES (%s, %s, 2, 'SENDING', false, false)",
            [early.id, caller.account_id],
        )
        assert read_now(caller.account_id, held_back.end, 100).events == []
        slow.commit()
    page = read_now(caller.account_id, held_back.end, 100)
    assert {one.change.message_id for one in page.events} == {early.id, late.id}
    assert page.horizon > held_back.newest


@pytest.mark.parametrize("elsewhere", ["this database", "another database"])
def test_a_transaction_that_is_rolled_back_holds_nothing_back(caller, elsewhere):
    """Wherever in the cluster it wrote: as soon as it has ended."""
    message = store(caller)
    start = read_now(caller.account_id, None, 100)
    parameters = connection.get_connection_params()
    if elsewhere == "another database":
        parameters["dbname"] = "postgres"
    with closing(connection.get_new_connection(parameters)) as slow, slow.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")
        apply(move(message, "SENDING"))
        assert read_now(caller.account_id, start.end, 100).events == []
        slow.rollback()
    assert told(read_now(caller.account_id, start.end, 100).events) == [(message.id, 2, "SENDING")]


def test_a_transaction_that_only_reads_holds_nothing_back(caller):
    """A backup or a report may take hours."""
    message = store(caller)
    start = read_now(caller.account_id, None, 100)
    with another_connection() as reader, reader.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT count(*) FROM sms_message")
        apply(move(message, "SENDING"))
        assert len(read_now(caller.account_id, start.end, 100).events) == 1


def test_a_change_never_stands_before_what_its_writer_saw(caller):
    """Although its transaction had begun, and had its number, before that."""
    message = store(caller)

    def overtaken():
        rows("SELECT pg_current_xact_id()")
        with another_connection() as other, other.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")
            cursor.execute(
                "INSERT INTO sms_messageevent (message_id, account_id, sequence, status, late, conflict) "
                "VALUES (%s, %s, 2, 'SENDING', false, false)",
                [message.id, caller.account_id],
            )
            cursor.execute("UPDATE sms_message SET sequence = 2, status = 'SENDING' WHERE id = %s", [message.id])
            other.commit()
        moves.apply(moves.lock([message.id]), [move(message, "SENT")])

    transact(overtaken)
    assert told(read_now(caller.account_id, START, 100).events) == [
        (message.id, 1, "QUEUED"),
        (message.id, 2, "SENDING"),
        (message.id, 3, "SENT"),
    ]


def test_nobody_reads_anothers_feed(caller):
    """Whatever the cursor: it is a place, and no right to anything."""
    other = make_caller("other")
    theirs, mine = store(other), store(caller)
    cursor = read_now(other.account_id, START, 100).events[0].cursor
    assert told(read_now(caller.account_id, START, 100).events) == [(mine.id, 1, "QUEUED")]
    assert told(read_now(caller.account_id, cursor, 100).events) == [(mine.id, 1, "QUEUED")]
    assert told(read_now(other.account_id, START, 100).events) == [(theirs.id, 1, "QUEUED")]


def test_a_cursor_from_the_future_is_refused(caller):
    """A database that was put back to an earlier time would otherwise be silent until it comes there again."""
    store(caller)
    now = read_now(caller.account_id, None, 100).end
    read_now(caller.account_id, now, 100)
    with pytest.raises(InvalidCursor, match="ahead of everything"):
        read_now(caller.account_id, Cursor(now.position + 1000, 1), 100)


@pytest.fixture
def mixed(caller):
    """The events of three messages that differ in everything; one of them is delivered."""
    one = store(caller, client_reference="a")
    two = store(with_sender(caller, "Other"), sender_id="Other", recipient="+233200000902", client_reference="b")
    three = store(caller, recipient="+233200000903")
    for status in ("SENDING", "SENT", "DELIVERED"):
        apply(move(one, status))
    apply(move(two, "SENDING"))
    return one, two, three


def with_sender(caller, value):
    """The same caller with one more sender ID."""
    return replace(caller, sender_ids=caller.sender_ids | {value})


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [(0, 1), (1, 1), (2, 1), (0, 2), (0, 3), (0, 4), (1, 2)]),
        ({"statuses": []}, [(0, 1), (1, 1), (2, 1), (0, 2), (0, 3), (0, 4), (1, 2)]),
        ({"statuses": [Status.SENDING]}, [(0, 2), (1, 2)]),
        ({"statuses": [Status.SENT, Status.DELIVERED]}, [(0, 3), (0, 4)]),
        ({"final": True}, [(0, 4)]),
        ({"final": False}, [(0, 1), (1, 1), (2, 1), (0, 2), (0, 3), (1, 2)]),
        ({"sender_id": "Other"}, [(1, 1), (1, 2)]),
        ({"recipient": "+233200000903"}, [(2, 1)]),
        ({"recipient": "020 000 0902"}, [(1, 1), (1, 2)]),
        ({"client_reference": "a", "final": True}, [(0, 4)]),
        ({"client_reference": "b", "sender_id": "MyCorp"}, []),
        ({"client_reference": ""}, []),
    ],
)
def test_only_what_is_wanted_is_told(caller, mixed, wanted, expected):
    """All that was asked for has to be true of an event; the end is the same for all."""
    page = asyncio.run(taken(caller, START, Wanted.of(**wanted), limit=100))
    assert [(number_of(mixed, one), one.change.sequence) for one in page.events] == expected
    assert page.is_last


def number_of(messages, event):
    """Which of the messages an event is about."""
    return [one.id for one in messages].index(event.change.message_id)


async def taken(caller, after, wanted, *, limit):
    """Take, on a loop of the test's own."""
    return await feed.take(caller.account_id, after, wanted, limit=limit)


def test_a_filter_may_be_taken_in_pieces(caller, mixed, monkeypatch):
    """However the reads fall: each wanted event once, and the end behind what was looked at."""
    monkeypatch.setattr(feed, "AT_ONCE", 2)
    wanted = Wanted(statuses=frozenset({Status.SENDING, Status.DELIVERED}))
    for limit in (1, 2, 3, 4):
        place, found = START, []
        while True:
            page = asyncio.run(taken(caller, place, wanted, limit=limit))
            assert len(page.events) <= limit
            found += page.events
            place = page.end
            if page.is_last:
                break
        assert [(number_of(mixed, one), one.change.sequence) for one in found] == [(0, 2), (0, 4), (1, 2)]


def test_a_take_ends_however_little_it_finds(caller, monkeypatch):
    """Then it says that there may be more, and where to go on."""
    monkeypatch.setattr(feed, "AT_ONCE", 2)
    monkeypatch.setattr(feed, "MOST_LOOKED_AT", 4)
    for _ in range(9):
        store(caller)
    found = asyncio.run(taken(caller, START, Wanted(client_reference="none"), limit=100))
    assert (found.events, found.is_last) == ([], False)
    assert len(read_now(caller.account_id, found.end, 100).events) == 5


def test_a_number_that_is_none_cannot_be_asked_for():
    """It is refused, as it is when sending."""
    with pytest.raises(InvalidMessage):
        Wanted.of(recipient="nobody")


def test_the_newest_of_each_message(caller, mixed):
    """In the order of the feed."""
    events = read_now(caller.account_id, START, 100).events
    assert [(number_of(mixed, one), one.change.sequence) for one in newest_only(events)] == [(2, 1), (0, 4), (1, 2)]
    assert newest_only([]) == []
    assert EVERYTHING.among(events) == events
