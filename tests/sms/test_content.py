"""What a message may say, and the form of the name it comes from."""

# ruff: noqa: RUF001  letters that look alike are the very matter here

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.content import BlockedKeywords, check_length, check_sender_id, check_text
from sms.errors import ErrorCode, InvalidMessage
from sms.segments import Encoding, Segmentation, measure

SENDER_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 -_.&+"
CODELESS = "without letters must be a short code of 3 to 8 digits, or a number with + and its country code"


def refusal(check, *args, **kwargs):
    """Return the error that `check` refuses its arguments with."""
    with pytest.raises(InvalidMessage) as caught:
        check(*args, **kwargs)
    return caught.value


def outcome(check, value):
    """Return the error that `check` refuses the value with, or None if it passes."""
    try:
        check(value)
    except InvalidMessage as error:
        return error
    return None


@pytest.mark.parametrize(
    "value",
    [
        "MyCorp",
        "A",
        "a1",
        "HelloWorld1",
        "AT&T",
        "My Corp",
        "A-b_c.d&e+f",
        "+Plus",
        "4U",
        "123",
        "12345678",
        "+233200000901",
        "+6834000",
        "+123456789012345",
    ],
)
def test_a_good_sender_id_is_returned_as_it_is(value):
    """Names, short codes and numbers are all sender IDs."""
    assert check_sender_id(value) == value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "is empty"),
        ("HelloWorld12", "has 12 characters; at most 11 are allowed"),
        ("Café", "contains 'é'"),
        ("Ghana₵", "contains '₵'"),
        ("My/Corp!", "contains '/'"),
        ("MyCorp\n", r"contains '\n'"),
        ("12345\n", r"contains '\n'"),
        ("My\0Corp", r"contains '\x00'"),
        ("M\N{CYRILLIC SMALL LETTER U}Corp", "contains '\N{CYRILLIC SMALL LETTER U}'"),
        ("\ud800", r"contains '\ud800'"),
        (" MyCorp", "starts or ends with a space"),
        ("MyCorp ", "starts or ends with a space"),
        ("   ", CODELESS),
        ("12", CODELESS),
        ("123456789", CODELESS),
        ("12 34", CODELESS),
        ("---", CODELESS),
        ("+233", CODELESS),
        ("+683400", CODELESS),
        ("+0233200000901", CODELESS),
        ("+1234567890123456", CODELESS),
        ("233200000901", CODELESS),
        ("１２３４５", "contains '１'"),
    ],
)
def test_a_bad_sender_id_is_refused_with_its_fault(value, said):
    """The sentence names the first thing that a person has to mend."""
    error = refusal(check_sender_id, value)
    assert (error.code, error.field) == (ErrorCode.SENDER_ID_INVALID, "sender_id")
    assert said in error.detail


@given(value=st.text(SENDER_CHARACTERS, max_size=13))
def test_a_name_passes_exactly_when_it_keeps_the_rules(value):
    """Of the allowed characters: 1 to 11 of them, a letter among them, no space at the ends; or digits as numbers."""
    digits = value.removeprefix("+")
    if digits.isdigit():
        good = 3 <= len(value) <= 8 if digits == value else 7 <= len(digits) <= 15 and digits[0] != "0"
    else:
        good = len(value) <= 11 and any(c.isalpha() for c in value) and value == value.strip()
    assert (outcome(check_sender_id, value) is None) == good


@given(value=st.text())
def test_a_refused_sender_id_never_floods_the_answer(value):
    """Whatever was given, the sentence is short and printable."""
    error = outcome(check_sender_id, value)
    assert error is None or (error.detail.isprintable() and len(error.detail) < 200)


@pytest.mark.parametrize("text", ["a", " a ", "Привет", "😀", "line\nline", "\t.", "\N{REPLACEMENT CHARACTER}"])
def test_text_passes(text):
    """Anything with something to see in it may be sent."""
    check_text(text)


def test_a_text_that_is_far_too_long_is_not_looked_at():
    """Whatever its characters are, each of them would cost time."""
    check_text("a" * 10_000)
    for text in ("a" * 10_001, " " * 10_001, "\0" * 10_001):
        assert outcome(check_text, text).code == "TEXT_TOO_LONG"


@pytest.mark.parametrize("text", ["", " ", "\n\r\t ", "\N{NO-BREAK SPACE}\N{IDEOGRAPHIC SPACE}\N{LINE SEPARATOR}"])
def test_text_of_white_space_is_empty(text):
    """Nobody wants to pay for nothing, in any script."""
    error = refusal(check_text, text)
    assert (error.code, error.field) == (ErrorCode.TEXT_EMPTY, "text")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("\0", "Character 1 of the text is NUL, which cannot be sent; leave it out."),
        ("code\0", "Character 5 of the text is NUL, which cannot be sent; leave it out."),
        ("ab\ud83d", "Character 3 of the text is U+D83D, half a surrogate pair."),
        ("😀\ude00!", "Character 2 of the text is U+DE00, half a surrogate pair."),
    ],
)
def test_what_cannot_be_stored_is_not_text(text, sentence):
    """PostgreSQL takes no NUL and UTF-8 no lone surrogate, and the caller learns where it is."""
    error = refusal(check_text, text)
    assert (error.code, error.field, error.detail) == (ErrorCode.TEXT_INVALID, "text", sentence)


@given(text=st.text(st.characters(codec=None)))
def test_a_text_that_passes_can_be_stored(text):
    """Exactly what is UTF-8 without NUL, and not just white space, passes."""
    lone_surrogates = any("\ud800" <= character <= "\udfff" for character in text)
    good = bool(text.strip()) and "\0" not in text and not lone_surrogates
    assert (outcome(check_text, text) is None) == good


def test_ten_segments_are_allowed():
    """The limit itself is within the limit."""
    check_length(measure("a" * 1530))
    check_length(Segmentation(Encoding.UCS2, (67, 67, 1)), maximum=3)


@pytest.mark.parametrize(
    ("text", "maximum", "sentence"),
    [
        ("a" * 1531, 10, "The text needs 11 segments; at most 10 are allowed."),
        ("я" * 737, 10, "The text needs 11 segments; at most 10 are allowed."),
        ("a" * 161, 1, "The text needs 2 segments; at most 1 are allowed."),
    ],
)
def test_a_longer_text_is_refused_with_its_count(text, maximum, sentence):
    """The caller learns how far over it is."""
    error = refusal(check_length, measure(text), maximum=maximum)
    assert (error.code, error.field, error.detail) == (ErrorCode.TEXT_TOO_LONG, "text", sentence)


@pytest.mark.parametrize(
    ("keywords", "text", "found"),
    [
        (["STOP"], "Please STOP sending", "STOP"),
        (["STOP"], "stop", "STOP"),
        (["STOP"], "please stop.", "STOP"),
        (["STOP"], "(Stop)", "STOP"),
        (["STOP"], "don't-StOp\n", "STOP"),
        (["STOP"], "nonstop, then stop", "STOP"),
        (["STOP"], "stop😀", "STOP"),
        (["stop"], "STOP", "stop"),
        (["STOP"], "STOP™", "STOP"),
        (["STOP", "END"], "the end, stop", "STOP"),
        (["opt out"], "You may OPT\n  out!", "opt out"),
        (["  opt   out "], "opt out", "  opt   out "),
        (["c++"], "I like C++.", "c++"),
        (["$100", "100%"], "100% free", "100%"),
        ([".*"], "a .* b", ".*"),
        (["[win]"], "you [WIN] now", "[win]"),
        (["СТОП"], "напишите стоп!", "СТОП"),
        (["STRASSE"], "Hauptstr. / Straße 5", "STRASSE"),
        (["ΤΕΛΟΣ"], "τέλος", None),
        (["τέλος"], "ΤΈΛΟΣ", "τέλος"),
        (["arr\u00eat"], "ARRE\u0302T", "arr\u00eat"),
        (["arre\u0302t"], "ARR\u00caT", "arre\u0302t"),
        (["\u1fb4"], "\u03b1\u0345\u0301", "\u1fb4"),  # a letter with two marks: why NFD comes before folding, too
        (["रोक"], "रोक दो", "रोक"),
        (["रोक"], "रोका", None),
        (["STOP"], "nonstop", None),
        (["STOP"], "stopped", None),
        (["STOP"], "unstoppable", None),
        (["STOP"], "stop_2 stop2 2stop _stop", None),
        (["STOP"], "arrêtstop", None),
        (["STOP"], "stop\u0301", None),
        (["STOP"], "ＳＴＯＰ", None),
        (["STOP"], "st op s.t.o.p", None),
        (["STOP"], "", None),
        (["cafe"], "café cafe\u0301", None),
        (["opt out"], "optout, opt-out, opt outs", None),
        ([".*"], "anything", None),
        (["c++"], "c++11", None),
        ([], "STOP", None),
        (["", "  "], "STOP  ", None),
    ],
)
def test_a_keyword_is_found_as_a_whole_word_in_any_case(keywords, text, found):
    """The word blocks the text wherever it stands by itself, and nowhere else; the answer is the keyword as listed."""
    assert BlockedKeywords(keywords).find(text) == found


def test_the_keywords_may_come_from_any_iterable():
    """A generator is read once and remembered."""
    blocked = BlockedKeywords(word for word in ("STOP", "END"))
    assert [blocked.find("the end"), blocked.find("stop it")] == ["END", "STOP"]


WORDS = st.text(st.characters(categories=["Lu", "Ll", "Nd"]), min_size=1)
KEYWORDS = st.one_of(WORDS, st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=8))
BREAKS = st.sampled_from(["", " ", "\n", ". ", "(", "😀", "-", "\N{ZERO WIDTH SPACE}"])


@given(keyword=KEYWORDS, before=BREAKS, after=BREAKS)
def test_any_keyword_is_found_between_breaks(keyword, before, after):
    """Letters of any script and characters with a meaning in regular expressions are plain characters here."""
    assert BlockedKeywords([keyword]).find(before + keyword + after) == keyword


@given(keyword=WORDS, before=BREAKS, after=BREAKS)
def test_any_case_is_found(keyword, before, after):
    """How a word is capitalised makes no difference."""
    for form in (keyword.upper(), keyword.lower(), keyword.title()):
        if form.casefold() == keyword.casefold():  # Unicode has letters whose upper and lower forms are other words
            assert BlockedKeywords([keyword]).find(before + form + after) == keyword


@given(
    keyword=st.from_regex(r"[a-z]{1,6}", fullmatch=True), attached=st.sampled_from(["x", "7", "_", "é", "я", "\u0301"])
)
def test_a_longer_word_is_another_word(keyword, attached):
    """A letter, digit, underscore or accent that touches the keyword makes it part of another word."""
    assert BlockedKeywords([keyword]).find(f"{keyword}{attached}") is None
    assert BlockedKeywords([keyword]).find(f"{attached}{keyword}") is None


@given(keywords=st.lists(st.text()), text=st.text())
def test_find_answers_for_anything(keywords, text):
    """No list and no text ends in an error, and what is found is on the list."""
    found = BlockedKeywords(keywords).find(text)
    assert found is None or found in keywords
