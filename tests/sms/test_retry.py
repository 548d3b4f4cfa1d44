"""When to try again: a table, and the ends of it."""

import pytest

from sms.retry import Backoff

BACKOFF = Backoff(attempts=5, first=1.0, longest=5.0)


@pytest.mark.parametrize(
    ("attempt", "shortest", "longest"), [(1, 0.5, 1.0), (2, 1.0, 2.0), (3, 2.0, 4.0), (4, 2.5, 5.0)]
)
def test_the_wait_doubles_up_to_the_longest(attempt, shortest, longest):
    """Each wait lies in the upper half of twice the last one."""
    waits = {BACKOFF.delay(attempt) for _ in range(200)}
    assert all(shortest <= wait <= longest for wait in waits)
    assert max(waits) - min(waits) > (longest - shortest) / 2  # spread, so that nobody comes back together


@pytest.mark.parametrize("attempt", [5, 6, 1000])
def test_the_last_attempt_is_the_last(attempt):
    """After the allowed attempts there is no next one, whatever the other side wishes."""
    assert BACKOFF.delay(attempt) is None
    assert BACKOFF.delay(attempt, wish=1.0) is None


@pytest.mark.parametrize(("wish", "wait"), [(0.0, 0.0), (1.0, 1.0), (3600.0, 3600.0), (1e9, 86_400.0)])
def test_a_wish_is_honoured_within_reason(wish, wait):
    """Retry-After decides, however long our own waits are; up to a day."""
    assert BACKOFF.delay(1, wish=wish) == wait


def test_a_huge_attempt_number_does_not_overflow():
    """A thousandth attempt still has a finite wait."""
    assert Backoff(attempts=10_000, first=1.0, longest=600.0).delay(5_000) <= 600.0
