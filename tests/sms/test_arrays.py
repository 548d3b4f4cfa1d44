"""What goes into an array comes out of the database as it was."""

import pytest
from django.db import DataError
from hypothesis import given, settings
from hypothesis import strategies as st

from sms.arrays import literal
from sms.database import rows
from sms.statuses import Status

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
AWKWARD = st.sampled_from(
    ["", "NULL", "null", '"', "\\", "{}", ",", "'", " ", "\n", "%s", "E'\\n'", '","', "{", "\\x00"]
)
KINDS = {
    "text": TEXTS | AWKWARD,
    "bytea": st.binary(),
    "uuid": st.uuids(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "float8": st.floats(allow_nan=False),
    "numeric": st.decimals(allow_nan=False, allow_infinity=False, places=6),
    "bool": st.booleans(),
}


def round_trip(kind, values):
    """What a real statement makes of a list."""
    ((found,),) = rows(f"SELECT %s::{kind}[]", values)
    return [bytes(one) if isinstance(one, memoryview) else one for one in found]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(deadline=None)
def test_lists_come_back_as_they_were(kind, data):
    """Every kind that the services use, with and without NULLs."""
    values = data.draw(st.lists(KINDS[kind]) | st.lists(st.none() | KINDS[kind]))
    assert round_trip(kind, values) == values


@pytest.mark.django_db
def test_members_of_an_enum_are_texts():
    """Statuses are written as their words, among plain texts and among nothing."""
    assert round_trip("text", [Status.SENT, None, "SENT"]) == ["SENT", None, "SENT"]
    assert round_trip("text", [Status.SENT, Status.QUEUED]) == ["SENT", "QUEUED"]


@pytest.mark.django_db
def test_nul_is_refused_and_not_cut_off():
    """PostgreSQL has no NUL in texts; psycopg2 says so before anything is sent."""
    with pytest.raises((ValueError, DataError)):
        rows("SELECT %s::text[]", ["a\0b"])


@pytest.mark.parametrize("value", [object(), ["nested"], {"a": 1}, 1 + 1j])
def test_what_no_array_is_made_of_is_refused(value):
    """Rather than written as whatever `str` makes of it."""
    with pytest.raises(TypeError):
        literal([value])
