"""Look-alikes that GSM-7 has, for characters that it has not. Pure: no Django here.

One curly quote makes a whole text UCS-2, and a segment then holds 70 characters instead of 160. What is replaced, and
by what, follows from:
- the alphabet: 3GPP TS 23.038, 6.2.1, as `sms.segments` has it. What is in it is never changed;
- the compatibility decomposition (NFKD) of Unicode: ligatures, full-width forms, spaces, fractions, letters with
  accents. These go, unless the alphabet has the letter with one of them;
- the names of Unicode: LATIN SMALL LETTER L WITH STROKE is an l;
- for what has neither, the tables below: punctuation, letters of their own, and the letters of Greek and Cyrillic that
  are drawn like Latin ones (UTS #39, confusables).

A character without a look-alike (an emoji, a Cyrillic word) keeps the text in UCS-2 whatever is done to the others, so
then nothing is replaced: the reader would lose the typography for nothing.
"""

# ruff: noqa: RUF001  characters that look alike are the very matter here

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sms.segments import BASIC, EXTENSION

MOST_KINDS: Final = 100  # of characters that are told of
MOST_POSITIONS: Final = 10  # that are told of each

_ALPHABET: Final = frozenset(BASIC + EXTENSION)

# Accents. Not the strokes through a letter (U+0334 to U+0338): who crosses a word out means another thing by it.
_ACCENTS: Final = "\u0300-\u0333\u0339-\u0362"
_VARIATION_SELECTORS: Final = "\ufe00-\ufe0f"  # say how the character before them is drawn
_KEYCAP: Final = "\u20e3"
_MARKS: Final = _ACCENTS + _VARIATION_SELECTORS + _KEYCAP
_MOST_MARKS: Final = 30  # on one character: Stream-Safe Text Format, UAX #15
_GSM7: Final = re.escape(BASIC + EXTENSION)

# A character outside the alphabet with its marks, or one of the alphabet made another by its marks.
_forcing = re.compile(f"[{_GSM7}][{_MARKS}]{{1,{_MOST_MARKS}}}|[^{_GSM7}][{_MARKS}]{{0,{_MOST_MARKS}}}").finditer
_clusters = re.compile(f".[{_MARKS}]*", re.DOTALL).findall
_is_selector = re.compile(f"[{_VARIATION_SELECTORS}\u034f]").match
_base_letter = re.compile("LATIN (CAPITAL|SMALL) LETTER ([A-Z]) WITH ").match

# Look-alikes that no decomposition tells, or that one tells badly, each with the characters that it stands for.
_TABLE: Final = {
    "'": "‘’‚‛′‵ʹʻʼʽʾʿˈˊˋ`´‹›❛❜",
    '"': "“”„‟″‶ʺˮ˝«»❝❞〝〞〟",
    "-": "‐‒–—―⸺⸻−˗",
    "*": "•‣⁃◦∙▪●∗⁎",
    ".": "·⋅",
    "...": "⋯",
    "/": "⁄∕÷",  # the first is in every fraction
    "|": "¦∣│❘",
    "||": "‖",
    "~": "˜∼〜≈",
    "^": "ˆ",
    "<": "⟨〈",
    ">": "⟩〉",
    "<=": "≤",
    ">=": "≥",
    "+/-": "±",
    "->": "→",
    "<-": "←",
    "<->": "↔",
    "=>": "⇒",
    "x": "×",
    "(C)": "©",
    "(P)": "℗",
    "(R)": "®",
    " ": "\t\u1680",
    "\n": "\v\x85\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}",
    # Without a width: spaces and joiners, soft hyphens, marks of direction that turn nothing around.
    "": "\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff",
    # Letters of their own. Those of African alphabets (Akan, Ewe, Ga …) as they are typed on keyboards without them.
    "d": "ð",
    "D": "ÐƉ",
    "e": "ɛəǝ",
    "E": "ƐƏƎ",
    "g": "ɣ",
    "G": "Ɣ",
    "i": "ıɩ",
    "I": "Ɩ",
    "j": "ȷ",
    "k": "ĸ",
    "n": "ŋ",
    "N": "Ŋ",
    "o": "ɔ",
    "O": "Ɔ",
    "oe": "œ",
    "OE": "Œ",
    "SS": "ẞ",
    "th": "þ",
    "TH": "Þ",
    "u": "ʊμ",  # μ is micro where there is no µ (ISO 2955), which decomposes into it
    "U": "Ʊ",
}
_GREEK: Final = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True))
_CYRILLIC: Final = dict(zip("АВЕЅІЈКМНОРСТХаеѕіјорсух", "ABESIJKMHOPCTXaesijopcyx", strict=True))
_ALIKE: Final = {one: alike for alike, characters in _TABLE.items() for one in characters} | _GREEK | _CYRILLIC

# What keeps the digits of a replacement from those before it: 1½ is not 11/2, nor 10² the same as 102.
_BETWEEN: Final = {"VULGAR": " ", "FRACTION": " ", "SUPERSCRIPT": "^", "SUBSCRIPT": "_"}
_RAISED_MINUS: Final = "⁻₋"  # stays: x⁻¹ is not x-1


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A character that forces a text into UCS-2."""

    character: str  # with its accents, composed (NFC)
    name: str  # in Unicode
    count: int
    positions: tuple[int, ...]  # of the first ones, in characters; the first character of a text is 0
    replacement: str | None  # empty: it may be left out. None: nothing looks like it


def to_gsm7(text: str) -> str:
    """Return `text` with look-alikes for all that GSM-7 has not; `text` itself if there is none for one of them."""
    written: list[str] = []
    end = 0
    for found in _forcing(text):
        replacement = _replace(found[0])
        if replacement is None:
            return text
        start = found.start()
        written += text[end:start], _between(text, start), replacement
        end = found.end()
    return "".join([*written, text[end:]]) if end else text


def suggestions(text: str) -> list[Suggestion]:
    """Return what forces `text` into UCS-2, each character once, in the order of their first places; at most 100."""
    places: dict[str, list[int]] = {}
    counts: dict[str, int] = {}
    for found in _forcing(text):
        kind = found[0]
        if kind not in counts and len(counts) == MOST_KINDS:
            continue
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= MOST_POSITIONS:
            places.setdefault(kind, []).append(found.start())
    return [
        Suggestion(composed, ", ".join(_names(composed)), count, tuple(places[kind]), _replace(kind))
        for kind, count in counts.items()
        for composed in [unicodedata.normalize("NFC", kind)]
    ]


def _names(characters: str) -> Iterator[str]:
    return (unicodedata.name(one, f"U+{ord(one):04X}") for one in characters)


def _between(text: str, at: int) -> str:
    """Return what goes between a digit and the replacement of what follows it at a place."""
    if at == 0 or not text[at - 1].isdecimal():
        return ""
    return _BETWEEN.get(unicodedata.name(text[at], "").partition(" ")[0], "")


@lru_cache(maxsize=2048)
def _replace(forcing: str) -> str | None:
    """Return what GSM-7 has for a character with its marks, or None."""
    if forcing[0] in _ALIKE:
        return _written(forcing)
    if forcing[0] in _RAISED_MINUS:
        return None
    decomposed = unicodedata.normalize("NFKD", forcing)
    parts = [_written(cluster) for cluster in _clusters(decomposed)]
    if None in parts:
        return None
    whole = "".join(filter(None, parts))
    return f"({whole})" if unicodedata.decomposition(forcing[0]).startswith("<circle>") else whole


def _written(cluster: str) -> str | None:
    """Return what GSM-7 has for a character that cannot be taken apart, and its marks; or None."""
    base, marks = cluster[0], cluster[1:]
    plain = base if base in _ALPHABET else _ALIKE.get(base, _letter_in_name(base))
    if plain is None:
        return None
    for mark in marks:
        if (composed := unicodedata.normalize("NFC", base + mark)) in _ALPHABET:
            return composed
    return plain if all(_may_go(mark, base) for mark in marks) else None


def _letter_in_name(character: str) -> str | None:
    found = _base_letter(unicodedata.name(character, ""))
    if found is None:
        return None
    case, letter = found.groups()
    return letter if case == "CAPITAL" else letter.lower()


def _may_go(mark: str, base: str) -> bool:
    """Whether a character without the mark still reads the same: not an accent by itself, which is one on a space."""
    if _is_selector(mark):
        return True
    return base in "0123456789#*" if mark == _KEYCAP else base.isalpha()
