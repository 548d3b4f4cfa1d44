"""Ids tell their time."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.ids import HIGHEST, LOWEST, first_id_of

# RFC 9562, appendix A.6: a UUIDv7 of Tuesday, February 22, 2022 2:22:22.00 PM GMT-05:00.
EXAMPLE = UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
ITS_TIME = datetime(2022, 2, 22, 14, 22, 22, tzinfo=timezone(timedelta(hours=-5)))
MILLISECOND = timedelta(milliseconds=1)


def test_the_example_of_the_rfc_is_of_its_millisecond():
    """It lies between the first id of its time and that of the next millisecond."""
    assert first_id_of(ITS_TIME) <= EXAMPLE < first_id_of(ITS_TIME, offset=MILLISECOND)
    assert first_id_of(ITS_TIME + MILLISECOND) > EXAMPLE


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.timezones()))  # noqa: DTZ001  the zones are drawn
def test_the_first_id_of_a_moment_is_a_uuid7_of_its_millisecond(moment):
    """Whatever the zone, and to the millisecond."""
    first = first_id_of(moment)
    milliseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // MILLISECOND
    assert (first.version, first.variant) == (7, "specified in RFC 4122")
    assert first.int >> 80 == max(milliseconds, 0)
    assert first.int & ((1 << 62) - 1) == 0


@pytest.mark.parametrize(
    ("moment", "offset"),
    [
        (datetime.min.replace(tzinfo=UTC), -timedelta(days=1)),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), timedelta()),
        (datetime.max.replace(tzinfo=UTC), timedelta(days=1)),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=14))), timedelta()),
        (datetime.max.replace(tzinfo=UTC), timedelta(days=10**6)),
    ],
)
def test_no_moment_is_too_far_away(moment, offset):
    """What a calendar can tell has a first id, if need be the nearest."""
    assert LOWEST <= first_id_of(moment, offset=offset) <= HIGHEST
