"""Texts from handsets, and the parts of long ones, in the three ways that SMSCs bring them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.smpp import inbound, pdu
from sms.smpp.alphabets import Alphabet
from sms.smpp.inbound import PartOf, Text
from sms.smpp.pdu import Address, Message

ADDRESS = Address(1, 1, "233200000901")


def read(text=b"", *, esm_class=0, data_coding=0, alphabet=Alphabet.GSM, **tlvs):
    """Return what a deliver_sm with these octets and parameters brings."""
    tags = {
        "payload": pdu.MESSAGE_PAYLOAD,
        "reference": pdu.SAR_REFERENCE,
        "number": pdu.SAR_NUMBER,
        "total": pdu.SAR_TOTAL,
    }
    message = Message(
        source=ADDRESS,
        destination=ADDRESS,
        text=text,
        esm_class=esm_class,
        data_coding=data_coding,
        tlvs={tags[name]: value for name, value in tlvs.items()},
    )
    return inbound.read(message, alphabet=alphabet)


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("05 0003 2a 03 02", PartOf(42, 2, 3)),
        ("06 0804 0a1b 03 02", PartOf(0x0A1B, 2, 3)),
        ("0b 0504 0b84 23f0 0003 2a 03 02", PartOf(42, 2, 3)),  # behind another element: ports
        ("05 0003 2a 03 00", None),  # 9.2.3.24.1: numbers that are to be ignored
        ("05 0003 2a 03 04", None),
        ("05 0003 2a 00 00", None),
        ("05 0003 2a 01 01", None),
        ("04 0002 2a 03", None),
        ("06 0504 0b84 23f0", None),
        ("00", None),
    ],
)
def test_a_header_is_taken_off(header, part):
    """What joins parts is read, and no octet of a header is shown as text."""
    assert read(bytes.fromhex(header) + b"hello", esm_class=0x40) == Text("hello", part)


def test_a_header_before_ucs2():
    """The text begins after the header, also where that makes it begin at an odd octet."""
    octets = bytes.fromhex("06 0804 0a1b 02 01") + "Δ".encode("utf-16-be")
    assert read(octets, esm_class=0x40, data_coding=8) == Text("Δ", PartOf(0x0A1B, 1, 2))


def test_a_header_that_is_longer_than_everything():
    """Then there is none, and the octets are kept as they came."""
    assert read(b"\x30hi", esm_class=0x40) == Text("0hi")


def test_parameters_that_join():
    """The sar_ parameters say the same as a header."""
    assert read(b"hello", reference=b"\x0a\x1b", number=b"\2", total=b"\3") == Text("hello", PartOf(0x0A1B, 2, 3))
    assert read(b"hello", reference=b"\x0a\x1b", number=b"\2") == Text("hello")


def test_a_payload():
    """A long text may come whole."""
    assert read(payload=b"hello" * 100) == Text("hello" * 100)
    assert read(bytes.fromhex("05 0003 2a 03 02") + b"hello", esm_class=0x40) == read(
        payload=bytes.fromhex("05 0003 2a 03 02") + b"hello", esm_class=0x40
    )


def test_the_default_alphabet_is_the_connections():
    """data_coding 0 means what the SMSC says that it means."""
    assert read(b"\0@", alphabet=Alphabet.GSM) == Text("@¡")
    assert read(b"@\xe9", alphabet=Alphabet.LATIN1) == Text("@é")


@given(text=st.binary(max_size=100), esm_class=st.integers(0, 255), data_coding=st.integers(0, 255))
def test_any_octets_are_a_text(text, esm_class, data_coding):
    """Whatever came, something is stored, and the SMSC gets its answer."""
    found = read(text, esm_class=esm_class, data_coding=data_coding)
    assert "\0" not in found.text
    assert found.part is None or 1 <= found.part.number <= found.part.total <= 255
