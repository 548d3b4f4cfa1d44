"""A text as the short messages that carry it: its octets, its coding, and what joins several. Pure.

Sources: SMPP 3.4, 5.2.12 (esm_class), 5.2.19 (data_coding), 5.3.2.32 (message_payload); 3GPP TS 23.040, 9.2.3.24.1
(the header that joins parts). How a text is cut is for `sms.segments` to say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sms.segments import Encoding, measure, split
from sms.smpp import pdu
from sms.smpp.alphabets import SMSC_DEFAULT, UCS2, Alphabet
from sms.smpp.pdu import Address

_INTERNATIONAL, _NETWORK_SPECIFIC, _ALPHANUMERIC = 1, 3, 5  # type of number: SMPP 3.4, 5.2.5
_UNKNOWN, _ISDN = 0, 1  # numbering plan, E.163/E.164: 5.2.6
_LONGEST_SHORT_CODE: Final = 8


class LongMessages(StrEnum):
    """How a text of several segments travels."""

    UDH = "udh"  # one submit_sm a segment; we write the header that joins them
    PAYLOAD = "payload"  # one submit_sm with everything; the SMSC cuts it


@dataclass(frozen=True, slots=True)
class Piece:
    """What one submit_sm carries of a text."""

    data_coding: int
    text: bytes = field(default=b"", repr=False)
    esm_class: int = 0
    tlvs: Mapping[int, bytes] = field(default_factory=dict, repr=False)


def pieces(text: str, *, alphabet: Alphabet, long_messages: LongMessages, references: Iterator[int]) -> Sequence[Piece]:
    """Return what to submit of a text, in order.

    In the SMSC's default alphabet where that and the GSM alphabet both have all characters, else in UCS-2: the SMSC has
    to turn it into GSM in the end, and would replace what is not in there. `references`: numbers, another one for each
    long text; of each what fits into an octet.
    """
    data_coding, parts = _encoded(text, alphabet)
    if len(parts) == 1:
        return [Piece(data_coding, parts[0])]
    if long_messages is LongMessages.PAYLOAD:
        return [Piece(data_coding, tlvs={pdu.MESSAGE_PAYLOAD: b"".join(parts)})]
    joins = bytes(
        (5, 0, 3, next(references) % 256, len(parts))
    )  # 5 more octets; element 0 of 3 octets: reference, total, number
    return [Piece(data_coding, joins + bytes((n,)) + part, pdu.HAS_HEADER) for n, part in enumerate(parts, 1)]


def _encoded(text: str, alphabet: Alphabet) -> tuple[int, Sequence[bytes]]:
    if measure(text).encoding is Encoding.GSM7:
        try:
            return SMSC_DEFAULT, [alphabet.to_octets(part) for part in split(text)]
        except UnicodeEncodeError:  # GSM has it, and the SMSC's alphabet does not
            pass
    return UCS2, [part.encode("utf-16-be") for part in split(text, in_ucs2=True)]


def source(sender_id: str) -> Address:
    """Return a sender ID as an address: a number, a short code or a name. Types as most SMSCs expect them [M]."""
    if sender_id.startswith("+") and sender_id[1:].isdigit():
        return Address(_INTERNATIONAL, _ISDN, sender_id[1:])
    if sender_id.isdigit():
        short = len(sender_id) <= _LONGEST_SHORT_CODE
        return Address(_NETWORK_SPECIFIC, _UNKNOWN, sender_id) if short else Address(_INTERNATIONAL, _ISDN, sender_id)
    return Address(_ALPHANUMERIC, _UNKNOWN, sender_id)


def destination(recipient: str) -> Address:
    """Return a number in E.164 as an address."""
    return Address(_INTERNATIONAL, _ISDN, recipient.removeprefix("+"))


def number(address: Address) -> str:
    """Return a number as people write it: E.164 where the SMSC says that it is international, else as it came."""
    digits = address.digits.removeprefix("+")
    return f"+{digits}" if address.ton == _INTERNATIONAL and digits.isdigit() else address.digits


def validity(seconds: int) -> str:
    """Return a period as SMPP writes it, relative to now: YYMMDDhhmmss and `000R` (7.1.1.2), at most 30 days."""
    minutes, secs = divmod(min(seconds, 30 * 24 * 3600), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"0000{days:02}{hours:02}{minutes:02}{secs:02}000R"
