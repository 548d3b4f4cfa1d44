"""Texts as octets, and back: the GSM default alphabet one septet an octet, and what else `data_coding` can say. Pure.

Sources: 3GPP TS 23.038, 4, 6.2.1 and 6.2.1.1; SMPP 3.4, 5.2.19.
"""

from enum import StrEnum
from typing import Final

from sms.segments import BASIC, EXTENSION

SMSC_DEFAULT: Final = 0x00
UCS2: Final = 0x08

_ESCAPE: Final = 0x1B
_EXTENSION_CODES: Final = b"\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65"  # in the order of EXTENSION
_CODES: Final = (code for code in range(0x80) if code != _ESCAPE)
_ENCODE: Final[dict[int, str]] = {
    **{ord(character): chr(code) for character, code in zip(BASIC, _CODES, strict=True)},
    **{ord(c): chr(_ESCAPE) + chr(code) for c, code in zip(EXTENSION, _EXTENSION_CODES, strict=True)},
}
_DECODE: Final = BASIC[:_ESCAPE] + "\x1b" + BASIC[_ESCAPE:]
_DECODE_EXTENSION: Final = dict(zip(_EXTENSION_CODES, EXTENSION, strict=True)) | {_ESCAPE: " "}


class Alphabet(StrEnum):
    """What data_coding 0, "the SMSC's default alphabet", is on a connection."""

    GSM = "gsm"
    LATIN1 = "latin1"
    ASCII = "ascii"

    def to_octets(self, text: str) -> bytes:
        """Return a text of the GSM alphabet in this one. Raises UnicodeEncodeError if a character is not in it."""
        if self is Alphabet.GSM:
            return text.translate(_ENCODE).encode("latin-1")
        return text.encode(self.value)

    def to_text(self, octets: bytes) -> str:
        """Return the text, with Latin-1 for what this alphabet does not have: nothing is lost of a stranger's text."""
        if self is Alphabet.GSM and max(octets, default=0) < len(_DECODE):
            return _decode_gsm(octets)
        return octets.decode("latin-1")


def _decode_gsm(octets: bytes) -> str:
    """Return the text. An escape before a code without a meaning is left out, as the standard tells handsets to do."""
    if _ESCAPE not in octets:
        return "".join([_DECODE[code] for code in octets])
    characters, codes = [], iter(octets)
    for code in codes:
        if code != _ESCAPE:
            characters.append(_DECODE[code])
        elif (escaped := next(codes, None)) is not None:
            characters.append(_DECODE_EXTENSION.get(escaped, _DECODE[escaped]))
    return "".join(characters)


# data_coding → Python's name of the encoding. Those of 5, 13 and 14 differ in practice [M].
_ENCODINGS: Final = {
    0x01: "ascii",
    0x03: "latin-1",
    0x05: "shift_jis",
    0x06: "iso8859-5",
    0x07: "iso8859-8",
    UCS2: "utf-16-be",
    0x0D: "euc_jp",
    0x0E: "euc_kr",
}
_BINARY: Final = frozenset({0x02, 0x04})


def decode(octets: bytes, *, data_coding: int, default: Alphabet) -> str:
    """Return the text of a handset, whatever it is: octets that are no text in hexadecimal, and a wrong one with marks.

    Never a NUL, and never half a surrogate pair: the database can keep neither.
    """
    coding = _plain_coding(data_coding)
    if coding in _BINARY:
        return octets.hex()
    encoding = _ENCODINGS.get(coding)
    text = default.to_text(octets) if encoding is None else octets.decode(encoding, "replace")
    return text.replace("\0", "")


def _plain_coding(data_coding: int) -> int:
    """Return the coding without what a message class or "message waiting" adds (3GPP TS 23.038, 4)."""
    group = data_coding >> 4
    if group == 0xF:  # a message class; bit 2: 8-bit data
        return 0x04 if data_coding & 0x04 else SMSC_DEFAULT
    if group == 0xE:  # message waiting, in UCS-2
        return UCS2
    if group <= 0x3 and group:  # general: bits 3 and 2 are the alphabet
        return (SMSC_DEFAULT, 0x04, UCS2, SMSC_DEFAULT)[data_coding >> 2 & 0b11]
    return data_coding
