"""Receipts as SMSCs write them, and ids that are the same though they look different."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.smpp import pdu, receipts
from sms.smpp.pdu import Address, Message
from sms.smpp.receipts import IdBase, Receipt

ADDRESS = Address(1, 1, "233200000901")
DATES = "submit date:2601010000 done date:2601010001"


def receipt(text="", *, esm_class=4, data_coding=0, **tlvs):
    """Return a deliver_sm with this text and these parameters."""
    octets = text if isinstance(text, bytes) else text.encode("latin-1")
    tags = {"message_id": pdu.RECEIPTED_MESSAGE_ID, "state": pdu.MESSAGE_STATE, "error": pdu.NETWORK_ERROR_CODE}
    return Message(
        source=ADDRESS,
        destination=ADDRESS,
        text=octets,
        esm_class=esm_class,
        data_coding=data_coding,
        tlvs={tags[name]: value for name, value in tlvs.items()},
    )


def read(message, id_base=IdBase.AS_IS):
    """Return what it says."""
    return receipts.read(message, id_base)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"id:1234 sub:001 dlvrd:001 {DATES} stat:DELIVRD err:000 text:Hello", ("1234", "DELIVRD", None)),
        (f"id:1234 sub:001 dlvrd:000 {DATES} stat:UNDELIV err:069 Text:Hello", ("1234", "UNDELIV", "069")),
        (f"id:1234 sub:001 dlvrd:000 {DATES} stat:EXPIRED err:1B text:", ("1234", "EXPIRED", "1B")),
        ("id:1234 submit date:260101000000 done date:260101000100 stat:REJECTD err:ABC", ("1234", "REJECTD", "ABC")),
        ("id:1234 stat:DELIVERED", ("1234", "DELIVRD", None)),
        ("id:1234 stat:UNDELIVERABLE err:1", ("1234", "UNDELIV", "1")),
        ("id:1234 stat:undelivered err:1", ("1234", "UNDELIV", "1")),
        ("id:1234 status:ACCEPTED", ("1234", "ACCEPTD", None)),
        ("ID: 1234 STAT: DELIVRD ERR: 000", ("1234", "DELIVRD", None)),
        ("stat:DELIVRD id:1234", ("1234", "DELIVRD", None)),
        ("id:1234\0stat:DELIVRD\0\0\0", ("1234", "DELIVRD", None)),
        ("id:1234\nstat:DELIVRD\n", ("1234", "DELIVRD", None)),
        ("id:1234 sub: dlvrd: stat:DELIVRD err: text:", ("1234", "DELIVRD", None)),
        (
            "id:7c9e6679-7425-40de-944b-e07fc1f90ae7 stat:DELIVRD",
            ("7c9e6679-7425-40de-944b-e07fc1f90ae7", "DELIVRD", None),
        ),
        ("id:aB_x-Z9 stat:DELIVRD", ("aB_x-Z9", "DELIVRD", None)),
        ("id:1234 stat:ENROUTE err:000 text:id:9 stat:DELIVRD", ("1234", "ENROUTE", None)),
        ("id:1234 stat:GONE", ("1234", "GONE", None)),
    ],
)
def test_the_text_in_its_variants(text, found):
    """Dates of any length, fields that are missing or empty, any case, padding; what the sender wrote is no field."""
    assert read(receipt(text)) == Receipt(*found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello",
        "stat:DELIVRD",
        "id:1234",
        "id: stat:DELIVRD",
        "text:id:1234 stat:DELIVRD",
        "valid:1234 stat:DELIVRD",
    ],
)
def test_a_receipt_of_nothing(text):
    """Without an id, or without a word, there is nothing to apply."""
    assert read(receipt(text)) is None


@pytest.mark.parametrize(
    ("state", "word"),
    list(
        enumerate(
            [
                "SCHEDULED",
                "ENROUTE",
                "DELIVRD",
                "EXPIRED",
                "DELETED",
                "UNDELIV",
                "ACCEPTD",
                "UNKNOWN",
                "REJECTD",
                "SKIPPED",
            ]
        )
    ),
)
def test_parameters(state, word):
    """5.2.28 of the standard, and what 5.0 adds: the parameters alone are a receipt."""
    assert read(receipt(message_id=b"1234\0", state=bytes((state,)))) == Receipt("1234", word)


def test_parameters_go_before_the_text():
    """The text is for people, and some SMSCs write anything there; what the parameters do not say is taken from it."""
    both = receipt("id:9999 stat:EXPIRED err:001", message_id=b"1234\0", state=b"\2", error=b"\3\0\x1b")
    assert read(both) == Receipt("1234", "DELIVRD", "3:27")
    assert read(receipt("id:9999 stat:EXPIRED err:001", message_id=b"1234")) == Receipt("1234", "EXPIRED", "001")
    assert read(receipt("id:9999 stat:EXPIRED err:001", state=b"\2")) == Receipt("9999", "DELIVRD", "001")


@pytest.mark.parametrize(
    ("error", "shown"),
    [(b"\3\0\6", "3:6"), (b"\3\0\0", None), (b"\1\1\0", "1:256"), (b"\3", None), (b"", None), (b"\3\0\0\6", None)],
)
def test_the_networks_error(error, shown):
    """One octet for the kind of network, two for the code; zero is none."""
    assert read(receipt(message_id=b"1", state=b"\5", error=error)) == Receipt("1", "UNDELIV", shown)


@pytest.mark.parametrize(("state", "word"), [(b"\x63", "EXPIRED"), (b"", "EXPIRED"), (b"\0\2", "DELIVRD")])
def test_a_state_that_no_standard_knows(state, word):
    """Then the text says it; a number that is too long says it in its last octet."""
    assert read(receipt("stat:EXPIRED", message_id=b"1", state=state)) == Receipt("1", word)


def test_a_text_in_ucs2():
    """Some SMSCs write the receipt of a UCS-2 message in UCS-2."""
    text = "id:1234 stat:DELIVRD err:000".encode("utf-16-be")
    assert read(receipt(text, data_coding=8)) == Receipt("1234", "DELIVRD")


def test_a_text_in_the_payload():
    """Long receipts come in message_payload."""
    message = Message(
        source=ADDRESS, destination=ADDRESS, esm_class=4, tlvs={pdu.MESSAGE_PAYLOAD: b"id:1234 stat:DELIVRD"}
    )
    assert read(message) == Receipt("1234", "DELIVRD")


@pytest.mark.parametrize(
    ("esm_class", "tlvs", "is_one"),
    [
        (0x04, {}, True),
        (0x44, {}, True),
        (0x20, {}, True),  # intermediate
        (0x00, {"message_id": b"1"}, True),
        (0x00, {}, False),
        (0x40, {}, False),
        (0x08, {}, False),  # a handset's acknowledgement
    ],
)
def test_what_is_a_receipt(esm_class, tlvs, is_one):
    """The SMSC says so; what a handset wrote never makes one, however it looks."""
    assert receipts.is_receipt(receipt("id:1 stat:DELIVRD", esm_class=esm_class, **tlvs)) is is_one


@pytest.mark.parametrize(
    ("id_base", "answer", "in_receipt"),
    [
        (IdBase.AS_IS, "0A1B", "0a1b"),
        (IdBase.AS_IS, "000012", "12"),
        (IdBase.AS_IS, "0", "0000"),
        (IdBase.AS_IS, "aB_x", "aB_x"),
        (IdBase.HEX_TO_DECIMAL, "0A1B", "2587"),
        (IdBase.HEX_TO_DECIMAL, "0a1b", "0002587"),
        (IdBase.HEX_TO_DECIMAL, "10", "16"),
        (IdBase.DECIMAL_TO_HEX, "2587", "0A1B"),
        (IdBase.DECIMAL_TO_HEX, "0002587", "a1b"),
        (IdBase.DECIMAL_TO_HEX, "16", "10"),
    ],
)
def test_an_id_in_two_forms(id_base, answer, in_receipt):
    """The one of the answer is the one of the receipt."""
    assert id_base.of_answer(answer) == id_base.of_receipt(in_receipt)


@pytest.mark.parametrize(("answer", "in_receipt"), [("aB_x", "ab_x"), ("12", "120"), ("0A1B", "2587"), ("-1", "1")])
def test_ids_that_are_not_the_same(answer, in_receipt):
    """Letters of an id that is no number may differ in nothing but their case."""
    assert IdBase.AS_IS.of_answer(answer) != IdBase.AS_IS.of_receipt(in_receipt)


@given(number=st.integers(1, 2**64 - 1), zeros=st.integers(0, 3))
def test_any_number_in_two_bases(number, zeros):
    """Every id that an SMSC can count."""
    decimal, hexadecimal = "0" * zeros + str(number), "0" * zeros + f"{number:X}"
    assert IdBase.HEX_TO_DECIMAL.of_answer(hexadecimal) == IdBase.HEX_TO_DECIMAL.of_receipt(decimal)
    assert IdBase.DECIMAL_TO_HEX.of_answer(decimal) == IdBase.DECIMAL_TO_HEX.of_receipt(hexadecimal)


@pytest.mark.parametrize(
    ("parameter", "in_text", "message_id"),
    [
        (b"10\0", "id:16", "16"),  # each as it should be
        (b"16\0", "id:16", "16"),  # the parameter as receipts are
        (b"10\0", "", "16"),
        (b"10\0", "id:something", "16"),
    ],
)
def test_a_parameter_in_either_base(parameter, in_text, message_id):
    """The parameter should be as in the answer, hexadecimal here; the text beside it tells where it is not."""
    found = read(receipt(in_text + " stat:DELIVRD", message_id=parameter), IdBase.HEX_TO_DECIMAL)
    assert found == Receipt(message_id, "DELIVRD")


@given(octets=st.binary(max_size=200), data_coding=st.sampled_from([0, 8]), id_base=st.sampled_from(IdBase))
def test_any_text_is_a_receipt_or_none(octets, data_coding, id_base):
    """Nothing that an SMSC writes makes us fail."""
    found = read(receipt(octets, data_coding=data_coding), id_base)
    assert found is None or (found.message_id and found.word)


def test_a_very_long_number_is_no_number():
    """Ten thousand digits are kept as they are, not calculated with."""
    digits = "f" * 10_000
    assert IdBase.HEX_TO_DECIMAL.of_answer(digits) == digits
