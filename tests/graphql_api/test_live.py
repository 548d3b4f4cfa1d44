"""What a watcher makes of what it is told: in order, each once; the database is asked where something is missing."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from graphql_api.live import MOST_TOLD, Watcher
from sms import selectors
from sms.database import transact
from sms.models import MessageEvent
from sms.providers.base import Outcome
from sms.providers.errors import ProviderError
from sms.records import EventRecord
from sms.services import dispatch, moves
from sms.statuses import Status
from tests.messages import attempt, make_due, move, store, store_as

ACCOUNT, MESSAGE = uuid4(), uuid4()


def change(sequence):
    """A change of the message."""
    return EventRecord(MESSAGE, sequence, Status.SENT, datetime.now(UTC))


class Stored:
    """A database with some changes, which counts how often it is asked."""

    def __init__(self, *sequences):
        self.changes = [change(one) for one in sequences]
        self.asked = 0

    async def changes_after(self, about, sequence):
        """Return the changes after a sequence."""
        self.asked += 1
        assert about == (ACCOUNT, MESSAGE)
        return [one for one in self.changes if one.sequence > sequence]


def watcher(stored, *, at):
    """A watcher that has taken all changes up to one."""
    made = Watcher(ACCOUNT, MESSAGE, stored)
    made.sequence = at
    return made


async def taken(one):
    """The sequences of what comes next."""
    return [change.sequence for change in await asyncio.wait_for(one.next_changes(), 1)]


@pytest.mark.parametrize(
    ("told", "expected", "asked"),
    [
        ([2], [2], 0),
        ([2, 3, 4], [2, 3, 4], 0),
        ([1, 2, 2, 3], [2, 3], 0),  # what is known already, and what is said twice
        ([3], [2, 3, 4], 1),  # one was lost
        ([3, 2], [2, 3, 4], 1),  # two workers, whose words overtook each other
        ([2, 4], [2, 3, 4], 1),
    ],
    ids=str,
)
async def test_changes_come_in_order_whatever_is_told(told, expected, asked):
    """Where nothing is missing, what was told is passed on as it is; else the database is asked, once."""
    stored = Stored(1, 2, 3, 4)
    one = watcher(stored, at=1)
    for sequence in told:
        one.tell(change(sequence))
    assert await taken(one) == expected
    assert stored.asked == asked


async def test_what_a_reader_leaves_lying_is_bounded():
    """Of a message that changes on and on only some changes are kept; the rest is read later."""
    stored = Stored(*range(1, 101))
    one = watcher(stored, at=1)
    for sequence in range(2, 101):
        one.tell(change(sequence))
    first = await taken(one)
    assert first == list(range(2, 2 + MOST_TOLD))
    one.sequence = first[-1]
    assert await taken(one) == list(range(2 + MOST_TOLD, 101))
    assert stored.asked == 1


async def test_a_hint_without_the_change_makes_it_look():
    """So the regular look at the database finds what was lost."""
    stored = Stored(1, 2)
    one = watcher(stored, at=1)
    one.hint(2)
    assert await taken(one) == [2]
    assert stored.asked == 1


@pytest.fixture
def announced(monkeypatch):
    """What workers announce."""
    heard = []
    monkeypatch.setattr(dispatch, "announce", heard.extend)
    return heard


def test_what_is_announced_is_what_is_stored(caller, announced):
    """Word by word: a subscriber sees the same, whichever way it comes."""
    message = store(caller)
    make_due(message)
    claimed = dispatch.claim(limit=1)
    refused = Outcome.not_sent(ProviderError.NO_ROUTE, "no such operator", provider_error="E42")
    dispatch.record(claimed, [refused])
    late = store_as(caller, Status.EXPIRED)
    attempt(late, reference="r1")
    received = move(late, "DELIVERED", provider_status="DELIVRD", provider="simulator", provider_reference="r1")
    announced += transact(lambda: moves.apply(moves.lock([late.id]), [received]))
    told = [one.event for one in announced]
    stored = selectors._changes({(caller.account_id, message.id): 1, (caller.account_id, late.id): 1})
    assert told == [event for events in stored.values() for event in events]
    assert [(one.status, one.late) for one in told] == [("SENDING", False), ("FAILED", False), ("DELIVERED", True)]
    assert told[1] == replace(told[1], error_code="NO_ROUTE", provider_error="E42", detail="no such operator")
    assert MessageEvent.objects.filter(late=True).count() == 1
