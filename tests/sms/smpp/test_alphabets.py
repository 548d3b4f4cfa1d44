"""Octets and texts: by the standard's own table, and by the npm package's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms.segments import BASIC, EXTENSION
from sms.smpp import alphabets, pdu
from sms.smpp.alphabets import Alphabet
from sms.smpp.pdu import Address, Message, Pdu

# 3GPP TS 23.038, 6.2.1, by its rows of sixteen, as the standard prints them.
ROWS = {
    0x00: "@£$¥èéùìòÇ\nØø\rÅå",
    0x10: "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ",
    0x20: " !\"#¤%&'()*+,-./",
    0x30: "0123456789:;<=>?",
    0x40: "¡ABCDEFGHIJKLMNO",
    0x50: "PQRSTUVWXYZÄÖÑÜ§",
    0x60: "¿abcdefghijklmno",
    0x70: "pqrstuvwxyzäöñüà",
}
# 6.2.1.1: what follows the escape.
ESCAPED = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
GSM_TEXTS = st.text(st.sampled_from(BASIC + EXTENSION), max_size=150)


def test_the_default_alphabet_is_the_standards():
    """Each character at its code, both ways, and those of the extension table behind the escape."""
    codes = {
        c: bytes((row + at,)) for row, characters in ROWS.items() for at, c in enumerate(characters) if c != "\x1b"
    }
    codes |= {c: bytes((0x1B, code)) for c, code in ESCAPED.items()}
    assert {c: Alphabet.GSM.to_octets(c) for c in BASIC + EXTENSION} == codes
    assert {c: Alphabet.GSM.to_text(octets) for c, octets in codes.items()} == {c: c for c in codes}


@settings(max_examples=60)
@given(text=GSM_TEXTS)
def test_npm_smpp_shows_the_same_text(npm, text):
    """What we write in the default alphabet is the same text to a codec of another language."""
    address = Address(1, 1, "233200000901")
    message = Message(source=address, destination=address, text=Alphabet.GSM.to_octets(text))
    octets = Pdu(pdu.DELIVER_SM, 1, pdu.encode_message(message)).encode()
    assert npm(octets=octets.hex())["short_message"] == text
    assert Alphabet.GSM.to_text(message.text) == text


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"\x1b\x65\x1bA", "€A"),  # an escape before a code without a meaning
        (b"a\x1b", "a"),  # one at the end
        (b"\x1b\x1b", " "),  # reserved: a space until there is a meaning
        (b"caf\xe9", "café"),  # no GSM at all: somebody's Latin-1
    ],
)
def test_strange_octets_of_the_default_alphabet(octets, text):
    """6.2.1.1: a receiver shows what it can."""
    assert Alphabet.GSM.to_text(octets) == text


@pytest.mark.parametrize(
    ("data_coding", "octets", "text"),
    [
        (0x00, b"\x00\x02", "@$"),
        (0x01, b"ASCII@", "ASCII@"),
        (0x02, b"\x00\xff", "00ff"),
        (0x03, "Ça été".encode("latin-1"), "Ça été"),
        (0x04, b"\x01\x02", "0102"),
        (0x06, "Привет".encode("iso8859-5"), "Привет"),
        (0x07, "שלום".encode("iso8859-8"), "שלום"),
        (0x08, "Δ€🎉".encode("utf-16-be"), "Δ€🎉"),
        (0x08, b"\0a\0", "a\ufffd"),
        (0x08, b"\xd8\x3c\0a", "\ufffda"),  # half of a pair
        (0x08, b"\0\0\0a", "a"),  # PostgreSQL keeps no NUL
        (0x09, b"hello", "hello"),  # nobody knows
        (0x10, b"flash", "flash"),
        (0x18, "Δ".encode("utf-16-be"), "Δ"),
        (0xC0, b"\x00", "@"),
        (0xE0, "Δ".encode("utf-16-be"), "Δ"),
        (0xF0, b"\x00", "@"),
        (0xF5, b"\x01\x02", "0102"),
    ],
)
def test_each_coding(data_coding, octets, text):
    """A text from a handset is read by its data_coding; octets that are no text are kept in hexadecimal."""
    assert alphabets.decode(octets, data_coding=data_coding, default=Alphabet.GSM) == text


@given(octets=st.binary(max_size=160), data_coding=st.integers(0, 255), default=st.sampled_from(Alphabet))
def test_any_octets_are_a_text_that_can_be_stored(octets, data_coding, default):
    """No NUL and no half of a pair, and no way to fail: whatever the handset sent, the SMSC gets its answer."""
    text = alphabets.decode(octets, data_coding=data_coding, default=default)
    assert "\0" not in text
    assert text.encode().decode() == text
