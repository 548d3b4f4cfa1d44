"""The same text twice is one where the SMSC may have missed our answer, and two where a person wrote it twice."""

import pytest

from sms.smpp import repeats
from sms.smpp.repeats import Repeats


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes when it is told to."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    made = Clock()
    monkeypatch.setattr(repeats, "time", made)
    return made


@pytest.fixture
def known(clock):
    """What remembers texts."""
    return Repeats()


def take(known, body=b"YES", *, is_stored=True):
    """Take a text, answer it, and return its reference; whether the answer is read, nobody knows."""
    arrival = known.arrive(body)
    known.answered(arrival, is_stored=is_stored)
    return arrival.reference


def test_a_person_may_write_the_same_twice(known):
    """Both were answered on a connection that lives: both count, however quick."""
    assert take(known) != take(known)


def test_two_at_once_are_two(known):
    """An SMSC does not bring a text again while we are storing it."""
    assert known.arrive(b"YES").reference != known.arrive(b"YES").reference


def test_what_could_not_be_stored_comes_again(known):
    """The SMSC was told "later", and does as it was told; the next one is another."""
    first = take(known, is_stored=False)
    assert take(known) == first
    assert take(known) != first


def test_an_answer_may_be_lost_with_the_connection(known):
    """What was not answered yet, or just so, may come again on the next connection."""
    answered = take(known)
    waiting = known.arrive(b"NO").reference
    known.lost()
    assert (take(known), take(known, b"NO")) == (answered, waiting)
    assert take(known) != answered


def test_an_answer_that_cannot_leave_any_more(known):
    """The connection was lost while the text was being stored."""
    arrival = known.arrive(b"YES")
    known.lost()
    known.answered(arrival, is_stored=True)
    assert take(known) == arrival.reference


def test_several_of_a_kind_come_again_each_as_itself(known):
    """Two that were brought twice are two."""
    both = {take(known), take(known)}
    known.lost()
    assert {take(known), take(known)} == both


def test_an_answer_that_was_read_is_the_end_of_it(known):
    """Whatever becomes of the connection: a person has written the same again."""
    arrival = known.arrive(b"YES")
    known.answered(arrival, is_stored=True)
    known.read(arrival)
    known.lost()
    assert take(known) != arrival.reference


def test_the_answer_to_the_first_time_is_not_that_to_the_second(known):
    """Who has read "later" brings it again, and may miss the next answer."""
    first = known.arrive(b"YES")
    known.answered(first, is_stored=False)
    again = known.arrive(b"YES")
    known.read(first)
    known.answered(again, is_stored=True)
    known.lost()
    assert take(known) == first.reference


def test_an_smsc_loses_patience(known, clock):
    """It brings a text again that we were too slow with, answered or not."""
    slow = known.arrive(b"YES")
    clock.now += repeats.PATIENCE + 1
    assert known.arrive(b"YES").reference == slow.reference
    clock.now += repeats.PATIENCE + 1
    known.answered(slow, is_stored=True)
    assert take(known) == slow.reference


def test_other_texts_are_other_texts(known):
    """One octet makes the difference."""
    first = take(known, is_stored=False)
    assert take(known, b"YES!") != first


def test_nothing_is_remembered_for_ever(known, clock, monkeypatch):
    """Neither for long nor without bound, and what is forgotten is gone."""
    first = take(known, is_stored=False)
    clock.now += repeats.REMEMBERED + 1
    assert take(known) != first
    monkeypatch.setattr(repeats, "MOST", 3)
    for number in range(10):
        take(known, b"%d" % number)
    assert len(known._arrivals) == len(known._by_digest) == 3
