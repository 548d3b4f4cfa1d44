"""What SMPP looks like on the wire: PDUs to octets, and back. Pure.

Source of the facts: SMPP Protocol Specification 3.4, issue 1.2 (3.2, 4 and 5.3), and 5.0 for what it adds. Strict in
what it writes. In what it reads it refuses only what cannot be understood: real SMSCs send optional parameters that no
standard knows or allows there, numbers outside of every table, answers without a body, texts longer than their field.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

GENERIC_NACK: Final = 0x8000_0000
SUBMIT_SM: Final = 0x4
DELIVER_SM: Final = 0x5
UNBIND: Final = 0x6
BIND_TRANSCEIVER: Final = 0x9
ENQUIRE_LINK: Final = 0x15
ALERT_NOTIFICATION: Final = 0x102  # nobody answers it
DATA_SM: Final = 0x103
ANSWER: Final = 0x8000_0000  # this bit, and the number of the request

OK: Final = 0x0
INVALID_LENGTH: Final = 0x2
INVALID_COMMAND: Final = 0x3
MESSAGE_QUEUE_FULL: Final = 0x14
THROTTLED: Final = 0x58
TRY_AGAIN: Final = 0x64  # ESME_RX_T_APPN: for the receiver of a deliver_sm to say
REFUSED: Final = 0x66  # ESME_RX_R_APPN

# Optional parameters that we read or write.
RECEIPTED_MESSAGE_ID: Final = 0x001E
SAR_REFERENCE: Final = 0x020C
SAR_TOTAL: Final = 0x020E
SAR_NUMBER: Final = 0x020F
NETWORK_ERROR_CODE: Final = 0x0423
MESSAGE_PAYLOAD: Final = 0x0424
MESSAGE_STATE: Final = 0x0427

HAS_HEADER: Final = 0x40  # esm_class: the text begins with a user data header
IS_RECEIPT: Final = 0x04  # in the bits of KIND_OF_TEXT
KIND_OF_TEXT: Final = 0x3C

LARGEST: Final = 70_000  # octets: a message_payload of 65,535 and all the rest
HEADER: Final = struct.Struct(">IIII")
_TLV: Final = struct.Struct(">HH")

# Longest texts without their NUL.
LONGEST_SERVICE: Final = 5
LONGEST_ADDRESS: Final = 20
LONGEST_TIME: Final = 16
LONGEST_TEXT: Final = 254


class Malformed(ValueError):
    """Octets that are no PDU, or not the one that they say they are."""


@dataclass(frozen=True, slots=True)
class Pdu:
    """One PDU. What its body shows is for `decode_message` and its like to say."""

    command: int
    sequence: int
    body: bytes = field(default=b"", repr=False)
    status: int = OK

    @property
    def is_answer(self) -> bool:
        """Whether it answers one of ours."""
        return self.command >= ANSWER

    def encode(self) -> bytes:
        """Return its octets."""
        return HEADER.pack(HEADER.size + len(self.body), self.command, self.status, self.sequence) + self.body


def take(buffer: bytearray) -> Iterator[Pdu]:
    """Take all whole PDUs out of what has come. Raises Malformed where the next one cannot be one."""
    while len(buffer) >= HEADER.size:
        length, command, status, sequence = HEADER.unpack_from(buffer)
        if not HEADER.size <= length <= LARGEST:
            raise Malformed(f"a PDU of {length} octets")
        if len(buffer) < length:
            return
        body = bytes(buffer[HEADER.size : length])
        del buffer[:length]
        yield Pdu(command, sequence, body, status)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a text is from, or goes to."""

    ton: int  # type of number
    npi: int  # numbering plan
    digits: str = field(repr=False)  # or letters


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The body of a submit_sm, or of a deliver_sm."""

    source: Address
    destination: Address
    text: bytes = field(default=b"", repr=False)
    data_coding: int = 0
    esm_class: int = 0
    validity: str = ""
    registered_delivery: int = 0
    service_type: str = ""
    protocol_id: int = 0
    priority: int = 0
    schedule: str = ""
    replace: int = 0
    default_text: int = 0
    tlvs: Mapping[int, bytes] = field(default_factory=dict, repr=False)

    @property
    def octets(self) -> bytes:
        """The text, wherever it is."""
        return self.text or self.tlvs.get(MESSAGE_PAYLOAD, b"")


def encode_message(message: Message) -> bytes:
    """Return the body. Raises ValueError for what does not fit into its field."""
    if len(message.text) > LONGEST_TEXT:
        raise ValueError(f"a short message has at most {LONGEST_TEXT} octets")
    return b"".join(
        (
            c_string(message.service_type, LONGEST_SERVICE),
            _encode_address(message.source),
            _encode_address(message.destination),
            bytes((message.esm_class, message.protocol_id, message.priority)),
            c_string(message.schedule, LONGEST_TIME),
            c_string(message.validity, LONGEST_TIME),
            bytes((message.registered_delivery, message.replace, message.data_coding, message.default_text)),
            bytes((len(message.text),)),
            message.text,
            *(_TLV.pack(tag, len(value)) + value for tag, value in message.tlvs.items()),
        )
    )


def decode_message(body: bytes) -> Message:
    """Read the body of a deliver_sm or a submit_sm. Raises Malformed."""
    reader = _Reader(body)
    service_type, source, destination = reader.c_string(), reader.address(), reader.address()
    esm_class, protocol_id, priority = reader.octets(3)
    schedule, validity = reader.c_string(), reader.c_string()
    registered_delivery, replace, data_coding, default_text, length = reader.octets(5)
    return Message(
        source=source,
        destination=destination,
        text=reader.octets(length),
        data_coding=data_coding,
        esm_class=esm_class,
        validity=validity,
        registered_delivery=registered_delivery,
        service_type=service_type,
        protocol_id=protocol_id,
        priority=priority,
        schedule=schedule,
        replace=replace,
        default_text=default_text,
        tlvs=reader.tlvs(),
    )


def decode_data(body: bytes) -> Message:
    """Read the body of a data_sm, which has fewer fields and its text in a parameter. Raises Malformed."""
    reader = _Reader(body)
    service_type, source, destination = reader.c_string(), reader.address(), reader.address()
    esm_class, registered_delivery, data_coding = reader.octets(3)
    return Message(
        source=source,
        destination=destination,
        data_coding=data_coding,
        esm_class=esm_class,
        registered_delivery=registered_delivery,
        service_type=service_type,
        tlvs=reader.tlvs(),
    )


def encode_bind(*, system_id: str, password: str, system_type: str, version: int) -> bytes:
    """Return the body of a bind. Raises ValueError for texts that have a NUL in them, or are no ASCII."""
    # Their fields are of 15, 8 and 12 characters; SMSCs that give out longer ones also take them.
    names = (c_string(system_id, None), c_string(password, None), c_string(system_type, None))
    return b"".join((*names, bytes((version, 0, 0)), b"\0"))


def first_text(body: bytes) -> str:
    """Return the text that an answer begins with: the message's id, or the SMSC's name. Empty where there is none."""
    return body.partition(b"\0")[0].decode("latin-1")


def c_string(text: str, longest: int | None) -> bytes:
    """Return a text with its NUL. Raises ValueError where it has one already, is too long, or no ASCII."""
    if longest is not None and len(text) > longest:
        raise ValueError(f"a text of more than {longest} characters")
    if "\0" in text or not text.isascii():
        raise ValueError(
            "a text with other characters than those of ASCII, or with NUL"
        )  # and no word of it: it may be secret
    return text.encode("ascii") + b"\0"


def _encode_address(address: Address) -> bytes:
    return bytes((address.ton, address.npi)) + c_string(address.digits, LONGEST_ADDRESS)


class _Reader:
    """Reads a body from its beginning to its end."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def octets(self, count: int) -> bytes:
        """Read so many octets. Raises Malformed."""
        found = self._body[self._at : self._at + count]
        if len(found) < count:
            raise Malformed("a body that ends too early")
        self._at += count
        return found

    def c_string(self) -> str:
        """Read up to a NUL, however long that takes. Raises Malformed."""
        end = self._body.find(b"\0", self._at)
        if end < 0:
            raise Malformed("a text without its end")
        text = self._body[self._at : end].decode("latin-1")
        self._at = end + 1
        return text

    def address(self) -> Address:
        """Read an address. Raises Malformed."""
        ton, npi = self.octets(2)
        return Address(ton, npi, self.c_string())

    def tlvs(self) -> Mapping[int, bytes]:
        """Read optional parameters, of two with one tag the first; what follows the last that is whole is left."""
        found: dict[int, bytes] = {}
        while self._at + _TLV.size <= len(self._body):
            tag, length = _TLV.unpack_from(self._body, self._at)
            begins = self._at + _TLV.size
            if begins + length > len(self._body):
                break
            found.setdefault(tag, self._body[begins : begins + length])
            self._at = begins + length
        return found
