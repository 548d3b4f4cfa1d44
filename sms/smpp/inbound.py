"""Texts from handsets in a deliver_sm. Pure.

Sources: SMPP 3.4, 4.6 and 5.3.2.22 to 24 (sar_*); 3GPP TS 23.040, 9.2.3.24 (the user data header).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sms.smpp import alphabets, pdu
from sms.smpp.alphabets import Alphabet
from sms.smpp.pdu import Message

_JOINS_BY_8_BITS, _JOINS_BY_16_BITS = 0x00, 0x08


@dataclass(frozen=True, slots=True)
class PartOf:
    """Which part of a long text a short message is."""

    reference: int
    number: int  # from 1
    total: int


@dataclass(frozen=True, slots=True)
class Text:
    """What a handset wrote, or a part of it."""

    text: str = field(repr=False)
    part: PartOf | None = None


def read(message: Message, *, alphabet: Alphabet) -> Text:
    """Return the text in a deliver_sm, which is never none: what cannot be read is in it with marks."""
    octets, part = message.octets, None
    if message.esm_class & pdu.HAS_HEADER and octets and octets[0] < len(octets):
        header, octets = octets[1 : octets[0] + 1], octets[octets[0] + 1 :]
        part = next((found for element in _elements(header) if (found := _joins(*element))), None)
    text = alphabets.decode(octets, data_coding=message.data_coding, default=alphabet)
    return Text(text, part or _sar(message))


def _elements(header: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 2 <= len(header):
        kind, length = header[at], header[at + 1]
        yield kind, header[at + 2 : at + 2 + length]
        at += 2 + length


def _joins(kind: int, value: bytes) -> PartOf | None:
    if kind == _JOINS_BY_8_BITS and len(value) == 3:
        return _part(value[0], number=value[2], total=value[1])
    if kind == _JOINS_BY_16_BITS and len(value) == 4:
        return _part(int.from_bytes(value[:2]), number=value[3], total=value[2])
    return None


def _sar(message: Message) -> PartOf | None:
    tags = (pdu.SAR_REFERENCE, pdu.SAR_NUMBER, pdu.SAR_TOTAL)
    reference, number, total = (int.from_bytes(message.tlvs.get(tag, b"")) for tag in tags)
    return _part(reference, number=number, total=total)


def _part(reference: int, *, number: int, total: int) -> PartOf | None:
    """Return the part, or None for numbers that the standard says to ignore; one of one is a whole text."""
    return PartOf(reference, number, total) if 1 <= number <= total and total > 1 else None
