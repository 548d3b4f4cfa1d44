"""Cursors: written and read back, and refused when they are anything else."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.errors import InvalidCursor
from sms.feed_cursors import LARGEST, Cursor

KNOWN = Cursor(1234567890123, 42)
NUMBERS = st.integers(0, LARGEST)


@given(NUMBERS, NUMBERS)
def test_a_cursor_survives_being_written(position, event_id):
    """In letters that need no quoting in a URL."""
    written = str(Cursor(position, event_id))
    assert Cursor.parse(written) == (position, event_id)
    assert len(written) == 28
    assert set(written) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_the_form_stays_as_it_is():
    """Clients keep cursors for years: this one has to be understood for ever."""
    assert Cursor.parse("AQAAAR9x-wTLAAAAAAAAACq9_nHt") == KNOWN


@pytest.mark.parametrize(
    "written",
    [
        "",
        "0",
        "null",
        "not a cursor at all, but long",
        str(KNOWN)[:-1],
        str(KNOWN) + "AAAA",
        " " + str(KNOWN),
        str(KNOWN).replace("A", "B", 1),
        str(KNOWN)[::-1],
        "é" * 28,
        "A" * 28,
        base64.urlsafe_b64encode(b"\2" + bytes(20)).decode(),
        "\0" * 28,
        "x" * 100_000,
    ],
)
def test_what_is_no_cursor_is_refused(written):
    """With one code, whatever it is."""
    with pytest.raises(InvalidCursor) as refused:
        Cursor.parse(written)
    assert (refused.value.code, refused.value.field) == ("CURSOR_INVALID", "after")


@given(st.integers(0, 27), st.sampled_from("AZaz09-_"))
def test_a_changed_letter_is_noticed(at, letter):
    """Nobody continues by mistake from where they never were."""
    written = str(KNOWN)
    changed = written[:at] + letter + written[at + 1 :]
    if changed != written:
        with pytest.raises(InvalidCursor):
            Cursor.parse(changed)


@given(st.text(max_size=40))
def test_any_text_is_a_cursor_or_refused(written):
    """Nothing else can happen."""
    with suppress(InvalidCursor):
        assert str(Cursor.parse(written)) == written
