"""Our PDUs are read by others, theirs by us, and what nobody can read does no harm."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smpplib import smpp as smpplib

from sms.smpp import pdu
from sms.smpp.pdu import Address, Malformed, Message, Pdu

ASCII = st.characters(min_codepoint=1, max_codepoint=126)
OCTET = st.integers(0, 255)
ADDRESSES = st.builds(Address, st.integers(0, 6), OCTET, st.text(ASCII, max_size=pdu.LONGEST_ADDRESS))
KNOWN_TLVS = {
    pdu.RECEIPTED_MESSAGE_ID: st.text(ASCII, min_size=1, max_size=64).map(lambda text: text.encode() + b"\0"),
    pdu.MESSAGE_STATE: st.integers(1, 255).map(lambda n: bytes((n,))),
    pdu.NETWORK_ERROR_CODE: st.binary(min_size=3, max_size=3),
    pdu.MESSAGE_PAYLOAD: st.binary(min_size=1, max_size=2_000),
    pdu.SAR_REFERENCE: st.binary(min_size=2, max_size=2),
    pdu.SAR_TOTAL: st.binary(min_size=1, max_size=1),
    pdu.SAR_NUMBER: st.binary(min_size=1, max_size=1),
}
NAMES = {
    pdu.RECEIPTED_MESSAGE_ID: "receipted_message_id",
    pdu.MESSAGE_STATE: "message_state",
    pdu.NETWORK_ERROR_CODE: "network_error_code",
    pdu.MESSAGE_PAYLOAD: "message_payload",
    pdu.SAR_REFERENCE: "sar_msg_ref_num",
    pdu.SAR_TOTAL: "sar_total_segments",
    pdu.SAR_NUMBER: "sar_segment_seqnum",
}
BINARY = 4  # data_coding, of which no codec makes a text


def messages(tlvs):
    """Return any messages with these parameters."""
    return st.builds(
        Message,
        source=ADDRESSES,
        destination=ADDRESSES,
        text=st.binary(max_size=pdu.LONGEST_TEXT),
        data_coding=OCTET,
        esm_class=OCTET,
        validity=st.text(ASCII, max_size=16),
        registered_delivery=OCTET,
        service_type=st.text(ASCII, max_size=5),
        protocol_id=OCTET,
        priority=OCTET,
        schedule=st.text(ASCII, max_size=16),
        replace=OCTET,
        default_text=OCTET,
        tlvs=tlvs,
    )


ANY = messages(st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=300), max_size=5))
PLAIN = messages(st.fixed_dictionaries({}, optional=KNOWN_TLVS)).map(
    lambda one: Message(
        source=one.source, destination=one.destination, text=one.text, data_coding=BINARY, esm_class=0, tlvs=one.tlvs
    )
)


@given(message=ANY)
def test_what_is_written_is_read_again(message):
    """Every field comes back as it was, and parameters that nobody knows, too."""
    assert pdu.decode_message(pdu.encode_message(message)) == message


@given(
    pdus=st.lists(st.builds(Pdu, OCTET, OCTET, st.binary(max_size=40), OCTET), max_size=5),
    cut=st.integers(1, 30),
)
def test_pdus_are_found_however_the_octets_come(pdus, cut):
    """One octet or several PDUs at a time: the same PDUs, in their order, and nothing is left."""
    octets = b"".join(one.encode() for one in pdus)
    buffer, found = bytearray(), []
    for at in range(0, len(octets), cut):
        buffer += octets[at : at + cut]
        found += pdu.take(buffer)
    assert (found, buffer) == (pdus, b"")


@pytest.mark.parametrize("length", [0, 15, pdu.LARGEST + 1, 0xFFFF_FFFF])
def test_a_length_that_no_pdu_has_is_refused(length):
    """Nobody waits for four gigabytes, and nobody loops over nothing."""
    with pytest.raises(Malformed):
        list(pdu.take(bytearray(struct.pack(">IIII", length, pdu.DELIVER_SM, 0, 1))))


@given(body=st.binary(max_size=200))
def test_nonsense_is_a_message_or_malformed(body):
    """Whatever a peer sends, reading ends in one of two ways."""
    for decode in (pdu.decode_message, pdu.decode_data):
        try:
            assert isinstance(decode(body), Message)
        except Malformed:
            continue


@given(message=ANY, data=st.data())
def test_a_message_that_is_cut_off_is_no_other_message(message, data):
    """Without its last octets a body is Malformed; only parameters at its end may be missing."""
    body = pdu.encode_message(message)
    mandatory = len(body) - sum(4 + len(value) for value in message.tlvs.values())
    cut = data.draw(st.integers(0, len(body) - 1))
    if cut < mandatory:
        with pytest.raises(Malformed):
            pdu.decode_message(body[:cut])
    else:
        found = pdu.decode_message(body[:cut])
        assert found.text == message.text
        assert found.tlvs.items() <= message.tlvs.items()


@given(message=PLAIN)
def test_smpplib_reads_what_we_write(message):
    """The same fields, in the other codec."""
    octets = Pdu(pdu.DELIVER_SM, 7, pdu.encode_message(message)).encode()
    theirs = smpplib.parse_pdu(octets, client=None, need_sequence=False)
    assert (theirs.command, theirs.status, theirs.sequence) == ("deliver_sm", 0, 7)
    assert _address(theirs, "source_addr") == message.source
    assert theirs.destination_addr.decode() == message.destination.digits
    assert (theirs.short_message or b"") == message.text
    assert (theirs.message_payload or b"") == message.tlvs.get(pdu.MESSAGE_PAYLOAD, b"")
    if (state := message.tlvs.get(pdu.MESSAGE_STATE)) is not None:
        assert theirs.message_state == state[0]


def _address(theirs, name):
    return Address(getattr(theirs, f"{name}_ton"), getattr(theirs, f"{name}_npi"), getattr(theirs, name).decode())


class Client:
    """What smpplib asks for a sequence."""

    sequence = 9

    def next_sequence(self):
        return self.sequence


@given(message=PLAIN)
def test_we_read_what_smpplib_writes(message):
    """The same fields, from the other codec; it writes neither a zero in a parameter nor an address of no digits."""
    theirs = smpplib.make_pdu(
        "submit_sm",
        client=Client(),
        source_addr_ton=message.source.ton,
        source_addr_npi=message.source.npi,
        source_addr=message.source.digits,
        dest_addr_ton=message.destination.ton,
        dest_addr_npi=message.destination.npi,
        destination_addr=message.destination.digits,
        short_message=message.text,
        data_coding=message.data_coding,
        registered_delivery=1,
    )
    buffer = bytearray(theirs.generate())
    (found,) = pdu.take(buffer)
    assert (found.command, found.sequence) == (pdu.SUBMIT_SM, 9)
    read = pdu.decode_message(found.body)
    assert (read.source, read.destination) == (message.source, message.destination)
    assert (read.text, read.data_coding, read.registered_delivery) == (message.text, message.data_coding, 1)


@settings(max_examples=60)
@given(message=PLAIN)
def test_npm_smpp_reads_what_we_write(npm, message):
    """The same fields, in a codec of another language."""
    octets = Pdu(pdu.DELIVER_SM, 7, pdu.encode_message(message)).encode()
    theirs = npm(octets=octets.hex())
    assert (theirs["command"], theirs["sequence_number"]) == ("deliver_sm", 7)
    assert _theirs(theirs, "source_addr", "source_addr") == message.source
    assert _theirs(theirs, "dest_addr", "destination_addr") == message.destination
    assert bytes.fromhex(theirs["short_message"]["hex"]) == message.text
    assert {tag: theirs[NAMES[tag]] for tag in message.tlvs} == {
        tag: _as_npm_shows(tag, value) for tag, value in message.tlvs.items()
    }


def _theirs(theirs, prefix, name):
    return Address(theirs[f"{prefix}_ton"], theirs[f"{prefix}_npi"], theirs[name])


def _as_npm_shows(tag, value):
    if tag == pdu.RECEIPTED_MESSAGE_ID:
        return value.removesuffix(b"\0").decode()
    if tag in {pdu.MESSAGE_PAYLOAD, pdu.NETWORK_ERROR_CODE}:
        return {"hex": value.hex()}
    return int.from_bytes(value)


@settings(max_examples=60)
@given(message=PLAIN)
def test_we_read_what_npm_smpp_writes(npm, message):
    """The same fields, from a codec of another language."""
    fields = {
        "source_addr_ton": message.source.ton,
        "source_addr_npi": message.source.npi,
        "source_addr": message.source.digits,
        "dest_addr_ton": message.destination.ton,
        "dest_addr_npi": message.destination.npi,
        "destination_addr": message.destination.digits,
        "short_message": {"hex": message.text.hex()},
        "data_coding": message.data_coding,
        **{NAMES[tag]: _as_npm_shows(tag, value) for tag, value in message.tlvs.items()},
    }
    (found,) = pdu.take(bytearray.fromhex(npm(command="deliver_sm", fields=fields)))
    assert found.command == pdu.DELIVER_SM
    assert pdu.decode_message(found.body) == message


PREFIX = bytes.fromhex(
    "00 0101 34343132 00 0101 31323334 00 00 00 00 00 00 00 00 00 00"
)  # up to the length of the text


@pytest.mark.parametrize(
    ("tail", "tlvs"),
    [
        ("02 6869 1401 0001 78", {0x1401: b"x"}),
        ("02 6869 2001 0002 ff00", {0x2001: b"\xff\0"}),
        ("02 6869 0210 0001 34", {0x0210: b"4"}),  # sc_interface_version, which belongs into an answer to a bind
        ("02 6869 000e 0002 0001", {0x000E: b"\0\1"}),  # twice as long as the standard has it
        ("02 6869 001e 0004 30413142", {0x001E: b"0A1B"}),  # without its NUL
        ("02 6869 1401 00ff 61", {}),
        ("02 6869 00", {}),
        ("02 6869 0427 0001 02 0427 0001 05", {0x0427: b"\2"}),
    ],
    ids=["vendor", "8-bit-vendor", "misplaced", "too-long", "no-nul", "beyond-the-end", "stray-nul", "twice"],
)
def test_parameters_as_smscs_really_send_them(tail, tlvs):
    """What no standard allows there, or nobody knows, is no reason to lose the message."""
    found = pdu.decode_message(PREFIX + bytes.fromhex(tail))
    assert (found.text, found.tlvs) == (b"hi", tlvs)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b"\0", ""),
        (b"0A1B\0", "0A1B"),
        (b"0A1B", "0A1B"),
        (b"abc\0\x04\x27\0\1\0", "abc"),
        (b"a" * 70 + b"\0", "a" * 70),
    ],
    ids=["nothing", "empty", "plain", "no-nul", "with-parameters", "long"],
)
def test_the_id_in_an_answer(body, text):
    """Answers come without a body, without a NUL, with parameters, and longer than the standard's 64 characters."""
    assert pdu.first_text(body) == text


def test_a_bind():
    """Octet by octet as 4.1.5 of the standard has it, also with a longer password than its 8 characters."""
    assert pdu.encode_bind(system_id="esme", password="long password", system_type="VMA", version=0x34) == (
        b"esme\0long password\0VMA\0\x34\0\0\0"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"text": b"x" * 255},
        {"source": Address(5, 0, "x" * 21)},
        {"source": Address(5, 0, "a\0b")},
        {"destination": Address(1, 1, "\u20ac")},
        {"validity": "0" * 17},
    ],
    ids=lambda one: next(iter(one)),
)
def test_what_does_not_fit_is_not_written(fields):
    """Nothing is cut in silence, and no NUL ends a field early."""
    whole = {"source": Address(5, 0, "MyCorp"), "destination": Address(1, 1, "233200000901")} | fields
    with pytest.raises(ValueError, match=r"^a (short message|text)"):
        pdu.encode_message(Message(**whole))


def test_nothing_is_shown_of_a_message():
    """Neither number, text nor octets stand in what a log may print of it."""
    message = Message(
        source=Address(1, 1, "4412"), destination=Address(1, 1, "233"), text=b"canary", tlvs={1: b"canary"}
    )
    shown = repr((message, Pdu(5, 1, pdu.encode_message(message))))
    assert "canary" not in shown
    assert "4412" not in shown
    assert "233" not in shown
