"""What counts as STOP and START: the whole text, however it is dressed, and nothing within a sentence."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sms.opt_outs import LONGEST_ASKED, USUAL_STARTS, USUAL_STOPS, Keyword, Keywords, bare

USUAL = Keywords()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "STOP",
            "stop",
            " Stop. ",
            "Stop please!",
            "stop. thank you",
            "Please stop",
            "STOP ALL",
            "stopall",
            "S.T.O.P",
        ),
        *("Arrêt", "ARRÊT", "arre\u0302t svp", "arret, s'il vous plaît", "arret s’il te plait", "Unsubscribe!!!"),  # noqa: RUF001
        *(
            "un-subscribe",
            "CANCEL",
            "end",
            "Quit",
            "STOP STOP STOP",
            "stop\n",
            "\u201cSTOP\u201d",
            "\uff33\uff34\uff2f\uff30",  # full-width
            "🛑 STOP 🛑",
        ),
        *("Stop, thanks. Please!", "pls stop thx", "STOP\N{ZERO WIDTH SPACE}", "(stop)", "thank you. END"),
    ],
)
def test_who_says_nothing_but_stop_is_understood(text):
    """In any case, with punctuation, accents and courtesies, and with spaces within the word."""
    assert USUAL.find(text) is Keyword.STOP


@pytest.mark.parametrize("text", ["START", "start please", "Unstop!", "un stop", "START START"])
def test_who_says_nothing_but_start_is_understood(text):
    """In the same way."""
    assert USUAL.find(text) is Keyword.START


@pytest.mark.parametrize(
    "text",
    [
        *("don't stop by today", "stop by today", "I will stop", "please don't stop", "non stop", "nonstop", "stopped"),
        *("stop it", "when does it end?", "the end", "cancel my order", "start again", "thanks", "please", "", "!!!"),
        *("YES", "yes", "stop start", "stops", "unsubscribed", "STOP " + "." * LONGEST_ASKED, "quit smoking", "स्टॉप"),
    ],
)
def test_who_says_anything_else_is_not(text):
    """A word within a sentence is part of what somebody says."""
    assert USUAL.find(text) is None


def test_an_accounts_own_words_count_beside_the_usual_ones():
    """Phrases too, in any script; and a mark makes another word where it does so in that script."""
    own = Keywords(stops=["Stop Promo", "रोक", "إيقاف", "!"], starts=["YES", "Oui merci"])
    assert [
        own.find(text) for text in ("STOP PROMO!", "stoppromo", "रोक", "إيقاف", "stop", "Yes, please", "oui merci")
    ] == [
        *[Keyword.STOP] * 5,
        *[Keyword.START] * 2,
    ]
    assert [own.find(text) for text in ("रोका", "promo", "!", "no")] == [None] * 4


def test_what_asks_for_both_asks_for_no_more_texts():
    """A slip of the operator costs a text, and not a person's patience."""
    assert Keywords(starts=["stop"]).find("stop") is Keyword.STOP


KEYWORDS = st.sampled_from([*USUAL_STOPS, *USUAL_STARTS])
CASES = st.sampled_from([str.upper, str.lower, str.title, str.swapcase])
NOISE = st.text(st.characters(categories=["P", "Zs", "So"], include_characters="\n\t"), max_size=8)
COURTESY = st.sampled_from(["", "please", "Thank you", "THX", "pls", "merci"])


@given(KEYWORDS, CASES, st.tuples(NOISE, NOISE, NOISE, NOISE), st.tuples(COURTESY, COURTESY))
def test_dressing_changes_nothing(word, case, noise, courtesies):
    """Whatever punctuation, signs, case and courtesies stand around a keyword, it is that keyword."""
    before, after = courtesies
    text = f"{noise[0]}{before} {noise[1]}{case(word)}{noise[2]} {after}{noise[3]}"
    assert USUAL.find(text) is (Keyword.STOP if word in USUAL_STOPS else Keyword.START)


WORDS = st.text("bcdfghjkmw", min_size=1, max_size=8)  # no keyword and no courtesy is made of these


@given(KEYWORDS, CASES, st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4))
def test_a_keyword_among_other_words_is_none(word, case, before, after):
    """However many, and on whichever side they are."""
    assume(before or after)
    assert USUAL.find(" ".join([*before, case(word), *after])) is None


@given(st.text(max_size=200))
def test_any_text_can_be_looked_at(text):
    """Nothing that a person can send breaks it, and its words say the same as itself."""
    found = USUAL.find(text)
    words = " ".join(bare(text))
    if len(words) <= LONGEST_ASKED and len(text) <= LONGEST_ASKED:
        assert USUAL.find(words) is found


@given(st.lists(st.text(min_size=1, max_size=32), max_size=5), st.text(max_size=40))
def test_only_what_is_a_keyword_without_its_courtesies_is_found(own, text):
    """A text that asks to stop has all letters of a keyword, whatever the account's own ones are."""
    found = Keywords(stops=own).find(text)
    if found is Keyword.STOP:
        letters = set("".join(bare(text)))
        assert any(set("".join(bare(one))) <= letters for one in [*own, *USUAL_STOPS] if bare(one))
