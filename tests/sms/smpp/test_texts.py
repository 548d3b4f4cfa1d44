"""A text becomes short messages that fit, in an alphabet that the SMSC has, and that a handset joins again."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sms.segments import BASIC, EXTENSION, measure
from sms.smpp import alphabets, inbound, pdu, texts
from sms.smpp.alphabets import Alphabet
from sms.smpp.inbound import PartOf
from sms.smpp.pdu import Address, Message
from sms.smpp.texts import LongMessages, Piece

ADDRESS = Address(1, 1, "233200000901")
ANY_TEXT = st.one_of(
    st.text(st.sampled_from(BASIC + EXTENSION), min_size=1, max_size=700),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=300),
)
LARGEST = 140  # octets of user data in a short message: 3GPP TS 23.040, 9.2.3.16


def cut(text, *, alphabet=Alphabet.GSM, long_messages=LongMessages.UDH, reference=7):
    """Return the pieces of a text, with this reference if it is long."""
    return texts.pieces(text, alphabet=alphabet, long_messages=long_messages, references=itertools.count(reference))


def read(piece, alphabet):
    """Return what a handset would show, and which part it is."""
    message = Message(
        source=ADDRESS,
        destination=ADDRESS,
        text=piece.text,
        data_coding=piece.data_coding,
        esm_class=piece.esm_class,
        tlvs=piece.tlvs,
    )
    return inbound.read(pdu.decode_message(pdu.encode_message(message)), alphabet=alphabet)


@given(text=ANY_TEXT, alphabet=st.sampled_from(Alphabet))
def test_a_handset_joins_the_parts_again(text, alphabet):
    """All parts are there, numbered from 1, under one reference, and joined they are the text."""
    found = [read(one, alphabet) for one in cut(text, alphabet=alphabet, reference=300)]
    assert "".join(one.text for one in found) == text
    total = len(found)
    expected = [None] if total == 1 else [PartOf(300 - 256, number, total) for number in range(1, total + 1)]
    assert [one.part for one in found] == expected


@given(text=ANY_TEXT)
def test_parts_are_as_many_as_were_counted(text):
    """What the sender was told it costs is what is sent."""
    assert len(cut(text)) == measure(text).count


@given(text=ANY_TEXT, alphabet=st.sampled_from(Alphabet))
@example(text="€" * 80, alphabet=Alphabet.LATIN1)  # in GSM, and not in Latin-1: UCS-2
def test_no_network_has_to_cut_a_part(text, alphabet):
    """Header and text are 140 octets at most, with septets packed as the SMSC does it."""
    for one in cut(text, alphabet=alphabet):
        septets = one.data_coding == alphabets.SMSC_DEFAULT
        header = one.text[0] + 1 if one.esm_class & pdu.HAS_HEADER else 0
        units = len(one.text) - header
        header_and_text = header * 8 + units * (7 if septets else 8) + (header * 8 % 7 and 7 - header * 8 % 7) * septets
        assert header_and_text <= LARGEST * 8


@given(text=ANY_TEXT)
def test_a_payload_is_one_message_whatever_its_length(text):
    """The SMSC cuts it: no header of ours, the same text."""
    (found,) = cut(text, long_messages=LongMessages.PAYLOAD)
    assert found.esm_class == 0
    assert read(found, Alphabet.GSM).text == text
    assert bool(found.text) == (measure(text).count == 1)


@pytest.mark.parametrize(
    ("text", "alphabet", "data_coding", "octets"),
    [
        ("Hi @ {€}", Alphabet.GSM, 0, b"Hi \0 \x1b\x28\x1b\x65\x1b\x29"),
        ("Hi @ {ü}", Alphabet.LATIN1, 0, b"Hi @ {\xfc}"),
        ("Hi @ {}", Alphabet.ASCII, 0, b"Hi @ {}"),
        ("5 €", Alphabet.LATIN1, 8, "5 €".encode("utf-16-be")),  # Latin-1 has no euro sign
        ("ü", Alphabet.ASCII, 8, "ü".encode("utf-16-be")),
        ("garçon", Alphabet.LATIN1, 8, "garçon".encode("utf-16-be")),  # GSM has no small c with cedilla
        ("🎉", Alphabet.GSM, 8, b"\xd8\x3c\xdf\x89"),
    ],
)
def test_the_alphabet_that_has_all_of_it(text, alphabet, data_coding, octets):
    """The SMSC's default alphabet where that and GSM have every character, else UCS-2: nothing is replaced."""
    assert cut(text, alphabet=alphabet) == [Piece(data_coding, octets)]


def test_the_header_of_a_part():
    """Octet by octet as 3GPP TS 23.040, 9.2.3.24.1 has it, in every part."""
    first, second = cut("a" * 200, reference=0x1FF)
    assert (first.esm_class, first.text[:6]) == (0x40, bytes.fromhex("05 00 03 ff 02 01"))
    assert (second.esm_class, second.text[:6]) == (0x40, bytes.fromhex("05 00 03 ff 02 02"))


def test_short_texts_use_up_no_references():
    """There are 256 of them: they are for long texts alone."""
    references = itertools.count()
    for text in ("short", "a" * 161, "short", "b" * 161):
        found = texts.pieces(text, alphabet=Alphabet.GSM, long_messages=LongMessages.UDH, references=references)
    assert found[0].text[3] == 1


@pytest.mark.parametrize(
    ("sender_id", "address"),
    [
        ("MyCorp", (5, 0, "MyCorp")),
        ("A+1", (5, 0, "A+1")),
        ("1234", (3, 0, "1234")),
        ("12345678", (3, 0, "12345678")),
        ("233200000901", (1, 1, "233200000901")),
        ("+233200000901", (1, 1, "233200000901")),
        ("4U2", (5, 0, "4U2")),
    ],
)
def test_the_kind_of_a_sender_id(sender_id, address):
    """Names, short codes and numbers each have their type."""
    assert texts.source(sender_id) == Address(*address)


def test_a_recipient():
    """E.164 goes without its plus."""
    assert texts.destination("+233200000901") == Address(1, 1, "233200000901")


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ((1, 1, "233200000901"), "+233200000901"),
        ((1, 1, "+233200000901"), "+233200000901"),
        ((2, 1, "0200000901"), "0200000901"),
        ((5, 0, "MyCorp"), "MyCorp"),
        ((1, 1, "MyCorp"), "MyCorp"),
        ((3, 0, "1234"), "1234"),
        ((0, 0, ""), ""),
    ],
)
def test_the_number_of_an_address(address, number):
    """International ones are E.164; of others nobody knows the country."""
    assert texts.number(Address(*address)) == number


@pytest.mark.parametrize(
    ("seconds", "period"),
    [
        (1, "000000000001000R"),
        (60, "000000000100000R"),
        (3_661, "000000010101000R"),
        (72 * 3600, "000003000000000R"),
        (10**9, "000030000000000R"),
    ],
)
def test_a_period(seconds, period):
    """Days, hours, minutes and seconds from now, as 7.1.1.2 of the standard writes them."""
    assert texts.validity(seconds) == period
