"""When a route has failed too often."""

import pytest

from sms.routing.tally import Tally

YES, NO = False, True


def failing(outcomes, *, apart=0.01, wait=0.0):
    """Which countries fail after outcomes for one of them."""
    tally = Tally()
    for number, failed in enumerate(outcomes):
        tally.note(1, "GH", failed=failed, now=number * apart)
    return set(tally.failing(1, now=len(outcomes) * apart + wait))


@pytest.mark.parametrize(
    ("outcomes", "is_too_much"),
    [
        ([], False),
        ([NO] * 4, False),
        ([NO] * 5, True),
        ([NO, NO, NO, NO, YES, NO], False),
        ([YES] * 20 + [NO] * 5, True),
        ([NO, YES] * 9, False),
        ([NO, YES] * 10, True),
        ([NO, YES] * 10 + [YES], False),
        ([NO, NO, YES] * 6, True),
        ([NO, YES, YES] * 20, False),
    ],
)
def test_five_in_a_row_or_half_of_the_last_twenty(outcomes, is_too_much):
    """Not less."""
    assert failing(outcomes) == ({"GH"} if is_too_much else set())


def test_what_is_a_minute_old_does_not_count():
    """Five failures in a day are not five in a row."""
    assert failing([NO] * 5, apart=20.0) == set()
    assert failing([NO] * 5, wait=61.0) == set()


def test_routes_and_countries_are_counted_apart():
    """And what is forgotten begins anew."""
    tally = Tally()
    for _ in range(5):
        tally.note(1, "GH", failed=True, now=0.0)
        tally.note(1, "KE", failed=False, now=0.0)
        tally.note(2, "NG", failed=True, now=0.0)
    assert (set(tally.failing(1, now=0.0)), set(tally.failing(2, now=0.0))) == ({"GH"}, {"NG"})
    assert not tally.is_clean(1)
    tally.forget(1)
    assert (set(tally.failing(1, now=0.0)), tally.knows(1), tally.is_clean(1)) == (set(), False, True)
