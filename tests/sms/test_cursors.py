"""Cursors hold a position, and whatever else a client gives is told to be none."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms import cursors
from sms.errors import ErrorCode, InvalidList

ID = UUID("01a20a71-b93e-7119-962f-5b266e781ea7")
CURSOR = "AQGiCnG5PnEZli9bJm54Hqc"  # base64 of 01 and the id, made with coreutils


def refused(cursor):
    """Whether a cursor is refused, with its code."""
    with pytest.raises(InvalidList) as refusal:
        cursors.decode(cursor)
    assert refusal.value.field == "after"
    return refusal.value.code is ErrorCode.CURSOR_INVALID


def test_a_cursor_is_a_version_and_an_id():
    """In base64url, without padding."""
    assert cursors.encode(ID) == CURSOR
    assert cursors.decode(CURSOR) == ID


@given(st.uuids())
def test_every_position_comes_back(position):
    """What is encoded is decoded."""
    assert cursors.decode(cursors.encode(position)) == position


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        CURSOR[:-1],
        CURSOR + "A",
        CURSOR + "=",
        CURSOR[:-1] + "d",  # the same bytes, with the bits set that stand for none
        "AgGiCnG5PnEZli9bJm54Hqc",  # of a version that there is not
        CURSOR.replace("G", "+"),
        f" {CURSOR}",
        f"{CURSOR}\n",
        "ÄQGiCnG5PnEZli9bJm54Hqc",
        str(ID),
        "\0" * 23,
        "A" * 100_000,
    ],
)
def test_what_is_no_cursor_is_refused(cursor):
    """Truncated, lengthened, in another spelling or of another version: with a code and a sentence."""
    assert refused(cursor)


@given(st.text(max_size=40))
def test_no_text_is_more_than_refused(text):
    """Whatever comes is a cursor that `encode` makes, or refused."""
    try:
        position = cursors.decode(text)
    except InvalidList:
        return
    assert cursors.encode(position) == text
