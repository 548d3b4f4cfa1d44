"""Look-alikes for what GSM-7 has not: the judgement of other libraries, the cases that matter, and the laws."""

# ruff: noqa: RUF001  letters that look alike are the very matter here

import json
import re
import unicodedata
from operator import itemgetter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.segments import Encoding, measure
from sms.transliterate import MOST_KINDS, MOST_POSITIONS, Suggestion, suggestions, to_gsm7

VECTORS = Path(__file__).parent / "vectors"
AGREED = json.loads((VECTORS / "latin_letters.json").read_text())["agreed"]
SEGMENTS = json.loads((VECTORS / "segments.json").read_text())["vectors"]
BASIC = next(vector["text"] for vector in SEGMENTS if vector["name"] == "all_basic")
EXTENSION = next(vector["text"] for vector in SEGMENTS if vector["name"] == "all_ext")

# Where we write something else than both libraries: all in capitals, the dot not lost, one letter for one letter.
OURS = {"Þ": "TH", "Ŀ": "L.", "ŀ": "l.", "ŋ": "n"}

GSM7_CHARACTERS = st.sampled_from(BASIC + EXTENSION + "\f")
FORCING = st.sampled_from("“”’–…\u00a0\u200bêçÁ½²₂①ﬁＡ℃≠😀яΑ•\u0301\u0302\u0336\ufe0f\u20e3´¨")
TEXTS = st.text(st.one_of(GSM7_CHARACTERS, FORCING, st.characters(codec=None)))
REPLACEABLE = st.sampled_from("“”’–…\u00a0\u200bêçÁﬁＡ•Ω")


def without_accents(text):
    """ASCII for the accented letters that GSM-7 has, so that they can be compared with ASCII."""
    plain = "".join(one for one in unicodedata.normalize("NFD", text) if not unicodedata.combining(one))
    for letter, ascii_letters in {"Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "ß": "ss"}.items():
        plain = plain.replace(letter, ascii_letters)
    return plain


@pytest.mark.parametrize("letters", AGREED)
def test_latin_letters_are_what_other_libraries_write(letters):
    """Whatever is replaced is replaced by the letters that two independent libraries agree on."""
    for character in AGREED[letters]:
        if (ours := to_gsm7(character)) != character:
            assert without_accents(ours) == OURS.get(character, letters), character


def test_every_accented_latin_letter_is_replaced():
    """None whose name tells a letter of A to Z is left, so no name of a person or a place forces UCS-2."""
    accented = re.compile(r"LATIN (SMALL|CAPITAL) LETTER [A-Z] WITH ").match
    letters = [one for group in AGREED.values() for one in group if accented(unicodedata.name(one))]
    assert len(letters) > 500
    assert [one for one in letters if to_gsm7(one) == one] == []


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("“It’s ready” – finally…", '"It\'s ready" - finally...'),
        ("‘a’ ‚b‛ „c‟ «d» ‹e› 5′10″", "'a' 'b' \"c\" \"d\" 'e' 5'10\""),
        ("a‐b‑c‒d–e—f―g−h", "a-b-c-d-e-f-g-h"),
        ("a\u00a0b\u2009c\u202fd\u3000e\tf", "a b c d e f"),
        ("a\u2028b\u2029c\x85d", "a\nb\nc\nd"),
        ("a\u200bb\u200cc\u200dd\ufeffe\u00adf\u2060g\u200eh", "abcdefgh"),
        ("• one · two", "* one . two"),
        ("ﬁne oﬃce", "fine office"),
        ("Ｈｅｌｌｏ，　１２３", "Hello, 123"),
        ("𝗕𝗼𝗹𝗱 𝓈𝒸𝓇𝒾𝓅𝓉", "Bold script"),
        ("½ kg, 1½ kg", "1/2 kg, 1 1/2 kg"),
        ("m², 10², 10¹², H₂O, log 10₂", "m2, 10^2, 10^12, H2O, log 10_2"),
        ("① ⑳ Ⓐ ⑴", "(1) (20) (A) (1)"),
        ("© ® ™ № ℡", "(C) (R) TM No TEL"),
        ("2×3÷4 ≤ 5 ≥ 6 ±7 → 8", "2x3/4 <= 5 >= 6 +/-7 -> 8"),
        ("5 µg, 5 μg", "5 ug, 5 ug"),
        ("1️⃣ 2️⃣", "1 2"),
        ("¿Cómo está? Mañana", "¿Como esta? Mañana"),
        ("À la façade, être, noël, cœur", "A la facade, etre, noel, coeur"),
        ("São Tomé, ação", "Sao Tomé, acao"),
        ("Łódź, Đorđe, Þór, İstanbul ışık", "Lodz, Dorde, THor, Istanbul isik"),
        ("Kɔkɔɔkɔ, Eʋe, Ŋutsu, ɖe, ƙasa", "Kokooko, Eve, Nutsu, de, kasa"),
        ("Xin chào, cảm ơn", "Xin chào, cam on"),
        ("ΚΑΛΗΜΕΡΑ ΣΑΣ", "KAΛHMEPA ΣAΣ"),
        ("Pаypаl", "Paypal"),  # two Cyrillic letters
        ("e\u0301 e\u0302 A\u030a n\u0303 x\u0302", "é e Å ñ x"),
        ("ǻ ǖ ế", "å ü é"),
        ("\N{OHM SIGN} \N{ANGSTROM SIGN} \N{KELVIN SIGN}", "Ω Å K"),
    ],
)
def test_look_alikes(text, written):
    """What a person would type who had only the GSM-7 alphabet."""
    assert to_gsm7(text) == written
    assert measure(written).encoding is Encoding.GSM7


@pytest.mark.parametrize(
    "text",
    [
        "“Great” 😀",
        "Привет – “мир”",
        "Γειά σου…",
        "你好，“世界”",
        "25 °C – warm",
        "50 ₵ “only”",
        "a ≠ b …",  # an equals sign would say the opposite
        "x⁻¹ …",  # and a minus something else
        "3\u0302 …",  # only letters have accents that may go
        "a\u20e3 …",
        "f\u0336r\u0336e\u0336e\u0336 …",  # crossed out
        "¨ … ¸",  # accents by themselves
        "ring \x07 …",
    ],
)
def test_one_character_without_a_look_alike_leaves_the_text_alone(text):
    """It is UCS-2 in any case, and keeps its typography."""
    assert to_gsm7(text) == text
    assert measure(text).encoding is Encoding.UCS2
    assert None in {one.replacement for one in suggestions(text)}


def test_each_character_is_told_of_once_with_its_places():
    """In the order of their first places; a letter and its accent are one character."""
    assert suggestions("“ê” e\u0302, “x” 😀") == [
        Suggestion("“", "LEFT DOUBLE QUOTATION MARK", 2, (0, 8), '"'),
        Suggestion("ê", "LATIN SMALL LETTER E WITH CIRCUMFLEX", 1, (1,), "e"),
        Suggestion("”", "RIGHT DOUBLE QUOTATION MARK", 2, (2, 10), '"'),
        Suggestion("ê", "LATIN SMALL LETTER E WITH CIRCUMFLEX", 1, (4,), "e"),
        Suggestion("😀", "GRINNING FACE", 1, (12,), None),
    ]


def test_what_is_left_out_and_what_has_no_name():
    """An empty replacement is not the same as none."""
    left_out, nameless, two = suggestions("\u200b\x07x\u0302")
    assert (left_out.name, left_out.replacement) == ("ZERO WIDTH SPACE", "")
    assert (nameless.name, nameless.replacement) == ("U+0007", None)
    assert (two.name, two.replacement) == ("LATIN SMALL LETTER X, COMBINING CIRCUMFLEX ACCENT", "x")


def test_what_is_told_has_bounds():
    """A page of Chinese does not come back as a list of a thousand characters, nor a quote with a thousand places."""
    assert len(suggestions("".join(map(chr, range(0x4E00, 0x4E00 + 1000))))) == MOST_KINDS
    (one,) = suggestions("“" * 1000)
    assert (one.count, one.positions) == (1000, tuple(range(MOST_POSITIONS)))


@pytest.mark.parametrize(
    "vector", [one for one in SEGMENTS if one["expect"]["encoding"] == "GSM7"], ids=itemgetter("name")
)
def test_gsm7_texts_of_the_vectors_are_left_alone(vector):
    """What other libraries count as GSM-7 has nothing to replace."""
    assert to_gsm7(vector["text"]) == vector["text"]
    assert suggestions(vector["text"]) == []


@given(text=st.text(GSM7_CHARACTERS))
def test_gsm7_text_is_never_changed(text):
    """No character of the alphabet is touched."""
    assert to_gsm7(text) == text
    assert suggestions(text) == []


@given(text=TEXTS)
def test_the_result_is_gsm7_exactly_when_everything_has_a_look_alike(text):
    """Otherwise it is the text itself."""
    written = to_gsm7(text)
    if all(one.replacement is not None for one in suggestions(text)):
        assert measure(written).encoding is Encoding.GSM7
    else:
        assert written == text


@given(text=TEXTS)
def test_doing_it_again_changes_nothing(text):
    """The result has nothing left to replace, or is left alone again."""
    assert to_gsm7(to_gsm7(text)) == to_gsm7(text)


@given(text=TEXTS)
def test_there_is_something_to_tell_exactly_for_ucs2(text):
    """What forces a text into UCS-2 is on the list, and nothing else is."""
    assert bool(suggestions(text)) == (measure(text).encoding is Encoding.UCS2)


@given(parts=st.lists(st.tuples(st.text(GSM7_CHARACTERS.filter(lambda one: not one.isdecimal())), REPLACEABLE)))
def test_the_characters_of_the_alphabet_stay_in_their_places(parts):
    """Each other one is replaced where it stands, by what it is replaced by alone."""
    text = "".join(kept + other for kept, other in parts)
    assert to_gsm7(text) == "".join(kept + to_gsm7(other) for kept, other in parts)


@given(text=TEXTS)
def test_places_are_those_in_the_text(text):
    """At each of them the character begins, composed or not."""
    for one in suggestions(text):
        for at in one.positions:
            assert unicodedata.normalize("NFC", text[at:]).startswith(unicodedata.normalize("NFC", one.character)[0])
