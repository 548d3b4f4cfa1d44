"""Percentiles by the nearest rank: each is a latency that somebody really had."""

import pytest

from benchmarks.percentiles import percentile, spread


@pytest.mark.parametrize(("percent", "expected"), [(0, 15), (5, 15), (30, 20), (40, 20), (50, 35), (99, 50), (100, 50)])
def test_the_textbook_example(percent, expected):
    """15, 20, 35, 40, 50 are the five values of the usual example."""
    assert percentile([15, 20, 35, 40, 50], percent) == expected


def test_p99_of_a_hundred_is_the_second_largest():
    """One in a hundred may be slower."""
    assert percentile(range(1, 101), 99) == 99


def test_seconds_become_milliseconds_in_any_order():
    """The largest, the middle, and what one in a hundred exceeds."""
    assert spread([0.004, 0.001, 0.003, 0.002]) == {"p50": 2.0, "p99": 4.0, "max": 4.0}


def test_no_latency_has_no_spread():
    """Rather no figure than a zero."""
    assert spread([]) is None
