"""What a text costs: the published alphabet, the vectors of independent libraries, and the laws of cutting."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.segments import Encoding, measure, split

# Each vector was confirmed by at least two independent libraries, which the file names.
VECTORS = {v["name"]: v for v in json.loads((Path(__file__).parent / "vectors/segments.json").read_text())["vectors"]}
BASIC = frozenset(VECTORS["all_basic"]["text"])
EXTENSION = frozenset(VECTORS["all_ext"]["text"]) | {"\f"}
ROOM = {Encoding.GSM7: (160, 153), Encoding.UCS2: (70, 67)}  # septets or code units: alone, joined

GSM7_CHARACTERS = st.sampled_from(sorted(BASIC | EXTENSION))
CHARACTERS = st.one_of(GSM7_CHARACTERS, st.sampled_from("я中`ç\t😀🇬🇭"), st.characters())


def runs(characters):
    """Texts of up to a few segments: runs find the edges that single random characters never reach."""
    return st.lists(st.builds(str.__mul__, characters, st.integers(1, 161)), max_size=6).map("".join)


TEXTS = st.one_of(runs(GSM7_CHARACTERS), runs(CHARACTERS), st.text())


def units(part, encoding):
    """Return what a text takes, counted from the vectors' alphabet and from UTF-16."""
    if encoding is Encoding.GSM7:
        return sum(2 if character in EXTENSION else 1 for character in part)
    return len(part.encode("utf-16-le")) // 2


@pytest.mark.parametrize("name", VECTORS)
def test_measure_agrees_with_independent_libraries(name):
    """Encoding, count and units of every segment are what other implementations found."""
    expected = VECTORS[name]["expect"]
    measured = measure(VECTORS[name]["text"])
    assert (measured.encoding.value, measured.count, list(measured.units_per_segment)) == (
        expected["encoding"],
        expected["segments"],
        expected["units_per_segment"],
    )


def test_a_page_break_is_in_the_extension_table():
    """0x1B 0x0A is the page break of TS 23.038, U+000C in Unicode's GSM0338.TXT, so it takes two septets."""
    assert (measure("\f").encoding, measure("\f").units_per_segment) == (Encoding.GSM7, (2,))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [""]),
        ("a" * 160, ["a" * 160]),
        ("a" * 161, ["a" * 153, "a" * 8]),
        ("a" * 152 + "€" + "a" * 10, ["a" * 152, "€" + "a" * 10]),
        ("я" * 66 + "😀" + "я" * 5, ["я" * 66, "😀" + "я" * 5]),
    ],
)
def test_split_keeps_pairs_whole(text, parts):
    """The character that does not fit whole opens the next segment."""
    assert split(text) == parts


@given(text=TEXTS)
def test_joined_parts_give_back_the_text(text):
    """Cutting loses and adds nothing."""
    assert "".join(split(text)) == text


@given(text=TEXTS)
def test_each_part_takes_the_units_that_were_measured(text):
    """`measure` and `split` tell the same story."""
    measured = measure(text)
    assert tuple(units(part, measured.encoding) for part in split(text)) == measured.units_per_segment


@given(text=TEXTS)
def test_every_part_fits(text):
    """No segment is longer than a short message carries."""
    encoding, parts = measure(text).encoding, split(text)
    alone, joined = ROOM[encoding]
    assert all(units(part, encoding) <= (alone if len(parts) == 1 else joined) for part in parts)


@given(text=TEXTS)
def test_no_room_is_wasted(text):
    """A new segment is opened only for a character that the one before cannot take, so no split has fewer parts."""
    encoding, parts = measure(text).encoding, split(text)
    alone, joined = ROOM[encoding]
    assert len(parts) == 1 or units(text, encoding) > alone
    assert all(units(part + following[0], encoding) > joined for part, following in pairwise(parts))


@given(text=TEXTS)
def test_the_encoding_follows_from_the_alphabet(text):
    """GSM7 is chosen exactly when every character is in the two tables."""
    assert (measure(text).encoding is Encoding.GSM7) == (BASIC | EXTENSION).issuperset(text)


@given(text=TEXTS, added=CHARACTERS, data=st.data())
def test_adding_a_character_never_lowers_the_count(text, added, data):
    """Wherever it is put in, one more character cannot make a text cheaper."""
    at = data.draw(st.integers(0, len(text)))
    assert measure(text[:at] + added + text[at:]).count >= measure(text).count


@given(text=runs(st.sampled_from("\ud83d\ude00a😀")))
def test_lone_surrogates_are_cut_like_other_units(text):
    """Text that is refused elsewhere can still be measured without an error."""
    assert "".join(split(text)) == text
