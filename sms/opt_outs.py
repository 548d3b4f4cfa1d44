"""What a person says to get no more texts, or to get them again. Pure: no Django here.

The usual words are those that carriers and providers act on (CTIA Messaging Principles, 5.1.3: STOP, STOPALL,
UNSUBSCRIBE, CANCEL, END, QUIT; ARRET in Canada). A text says one of them only if it says nothing else: "Stop, please!"
does, and "don't stop by today" does not.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final
from unicodedata import category, normalize

LONGEST_ASKED: Final = 160  # characters: whoever writes more has something else to say
LONGEST_KEYWORD: Final = 32
APOSTROPHES: Final = "'\N{RIGHT SINGLE QUOTATION MARK}"


class Keyword(StrEnum):
    """What a text asks for."""

    STOP = "STOP"  # no more texts
    START = "START"  # texts again


USUAL_STOPS: Final = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "ARRET")
# No YES: it answers a question more often than it undoes a STOP. An account may have it among its own.
USUAL_STARTS: Final = ("START", "UNSTOP")

# What people put before or after it to be polite.
_COURTESIES: Final = tuple(
    tuple(one.split())
    for one in (
        *("please", "pls", "plz", "kindly", "thanks", "thank you", "thankyou", "thank u", "thx", "tx", "ty", "cheers"),
        *("merci", "svp", "stp", "sil vous plait", "s il vous plait", "sil te plait", "s il te plait"),
    )
)


def bare(text: str) -> tuple[str, ...]:
    """Return the words of a text, without case, accents and punctuation: "ARRÊT!" is `("arret",)`.

    Compatibility forms are the same words (full-width letters). Of marks only those on Latin, Greek and Cyrillic
    letters go; in other scripts they make another word.
    """
    # Before they are taken apart: a sign such as ™ would leave letters.
    signless = "".join(c if _is_of_word(c) else " " for c in text if c not in APOSTROPHES)
    folded = normalize("NFKD", normalize("NFKD", signless).casefold())
    return tuple("".join(c if _is_of_word(c) else " " for c in folded if not "\u0300" <= c <= "\u036f").split())


def _is_of_word(character: str) -> bool:
    return category(character)[0] in "LMN"


class Keywords:
    """The words that an account listens to: the usual ones, and its own."""

    __slots__ = ("_starts", "_stops")

    def __init__(self, stops: Iterable[str] = (), starts: Iterable[str] = ()) -> None:
        self._stops = _joined((*USUAL_STOPS, *stops))
        self._starts = _joined((*USUAL_STARTS, *starts))

    def find(self, text: str) -> Keyword | None:
        """Return what a text asks for, or None if it says anything else. What asks for both asks for no more texts.

        The whole text counts, but for case, accents, punctuation and courtesies around it. A word may be said several
        times, and with spaces in it: "STOP ALL", "Stop stop".
        """
        if len(text) > LONGEST_ASKED:
            return None
        words = bare(text)
        while words:
            said = words[0] if len(set(words)) == 1 else "".join(words)
            if said in self._stops:
                return Keyword.STOP
            if said in self._starts:
                return Keyword.START
            if (shorter := _without_courtesy(words)) == words:
                break
            words = shorter
        return None


def _joined(keywords: Iterable[str]) -> frozenset[str]:
    return frozenset(filter(None, ("".join(bare(one)) for one in keywords)))


def _without_courtesy(words: tuple[str, ...]) -> tuple[str, ...]:
    for courtesy in _COURTESIES:
        if words[: len(courtesy)] == courtesy:
            return words[len(courtesy) :]
        if words[-len(courtesy) :] == courtesy:
            return words[: -len(courtesy)]
    return words
