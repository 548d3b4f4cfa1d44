"""How a text is encoded and cut into segments. Pure: no Django here.

Sources of the facts:
- the default alphabet and its extension table: 3GPP TS 23.038, 6.2.1 and 6.2.1.1;
- 140 octets of user data in one short message, and the header that joins several: 3GPP TS 23.040, 9.2.3.16 and
  9.2.3.24.1. The header takes 6 octets: 7 septets, or 3 UTF-16 code units.

The standard says UCS-2; handsets and networks have long read it as UTF-16, and so do we.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Encoding(StrEnum):
    """How the characters of a text travel."""

    GSM7 = "GSM7"  # units are septets; a character of the extension table takes two
    UCS2 = "UCS2"  # units are UTF-16 code units; a character outside the BMP takes two


@dataclass(frozen=True, slots=True)
class Segmentation:
    """How many units each segment of a text takes, in the order of sending; even the empty text takes one segment."""

    encoding: Encoding
    units_per_segment: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of segments, at least 1."""
        return len(self.units_per_segment)


BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ"  # 0x00-0x1F; 0x1B is the escape to the extension table, not a character
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final = "\f^{}\\[~]|€"  # 0x0A, the page break, is U+000C in Unicode's mapping of this alphabet

# Septets or code units that fit in a text of one segment, and in each segment of a longer one.
SINGLE: Final = {Encoding.GSM7: 160, Encoding.UCS2: 70}
JOINED: Final = {Encoding.GSM7: 153, Encoding.UCS2: 67}
_ONE_GSM7: Final = SINGLE[Encoding.GSM7]

_ESCAPE: Final = "\x1b"
_HIGH_SURROGATES: Final = range(0xD8, 0xDC)  # first octets of the code units that open a pair
_is_basic = re.compile(f"[{re.escape(BASIC)}]*").fullmatch
_is_gsm7 = re.compile(f"[{re.escape(BASIC + EXTENSION)}]*").fullmatch
_EXTENDED: Final = re.compile(f"[{re.escape(EXTENSION)}]")


def measure(text: str, *, in_ucs2: bool = False) -> Segmentation:
    """Return the encoding of `text` and the units of each segment.

    GSM7 where every character is in the default alphabet or its extension table, else UCS2 for the whole text; with
    `in_ucs2` UCS2 for any text. No segment ends in the middle of an extension pair or a surrogate pair, so it may stay
    one unit short of full.
    """
    if not in_ucs2 and len(text) <= _ONE_GSM7 and _is_basic(text):  # nearly every text, so spare it the rest
        return Segmentation(Encoding.GSM7, (len(text),))
    if not in_ucs2 and _is_gsm7(text):
        septets = _EXTENDED.sub(_ESCAPE + "^", text)  # one place per septet; which character is escaped is all the same
        sizes = _cut(len(septets), Encoding.GSM7, opens_pair=lambda at: septets[at] == _ESCAPE)
        return Segmentation(Encoding.GSM7, sizes)
    # A lone surrogate is one unit like any other here; `sms.content.check_text` is the one to refuse it.
    octets = text.encode("utf-16-be", "surrogatepass")
    sizes = _cut(len(octets) // 2, Encoding.UCS2, opens_pair=lambda at: octets[2 * at] in _HIGH_SURROGATES)
    return Segmentation(Encoding.UCS2, sizes)


def split(text: str, *, in_ucs2: bool = False) -> list[str]:
    """Return the text of each segment, as `measure` counts them; joined they are `text` again."""
    measured = measure(text, in_ucs2=in_ucs2)
    width = _septets if measured.encoding is Encoding.GSM7 else _code_units
    parts, start, end = [], 0, 0
    for size in measured.units_per_segment:
        units = 0
        while units < size:
            units += width(text[end])
            end += 1
        parts.append(text[start:end])
        start = end
    return parts


def _cut(total: int, encoding: Encoding, *, opens_pair: Callable[[int], bool]) -> tuple[int, ...]:
    """Return the sizes of the segments of `total` units; `opens_pair` says whether a unit needs the next one."""
    if total <= SINGLE[encoding]:
        return (total,)
    room, sizes, start = JOINED[encoding], [], 0
    while total - start > room:
        size = room - opens_pair(start + room - 1)
        sizes.append(size)
        start += size
    return (*sizes, total - start)


def _septets(character: str) -> int:
    return 2 if character in EXTENSION else 1


def _code_units(character: str) -> int:
    return 2 if character > "\uffff" else 1
