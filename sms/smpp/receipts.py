"""Receipts in a deliver_sm: parameters first, then the text that half the world writes in its own way. Pure.

Sources: SMPP 3.4, 5.2.28 (message_state), 5.3.2.12, 5.3.2.31, 5.3.2.35 and appendix B (the text); 5.0, 4.7.15, for
SCHEDULED and SKIPPED. The text's variants are from providers' own documents and from libraries that read them.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sms.smpp import pdu
from sms.smpp.alphabets import UCS2
from sms.smpp.pdu import Message

# message_state → the word of the text.
WORDS: Final = {
    0: "SCHEDULED",
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
    9: "SKIPPED",
}
# Words that some write in full.
_IN_FULL: Final = {
    "DELIVERED": "DELIVRD",
    "UNDELIVERABLE": "UNDELIV",
    "UNDELIVERED": "UNDELIV",
    "ACCEPTED": "ACCEPTD",
    "REJECTED": "REJECTD",
}

_TEXT: Final = re.compile(r"\btext\s*:", re.IGNORECASE)
_FIELD: Final = "(?:^|[^a-z]){}\\s*:\\s*([^\\s:]+)(?=\\s|$)"
_ID: Final = re.compile(_FIELD.format("id"), re.IGNORECASE)
_STAT: Final = re.compile(_FIELD.format("stat(?:e|us)?"), re.IGNORECASE)
_ERR: Final = re.compile(_FIELD.format("err"), re.IGNORECASE)
_is_hexadecimal = re.compile("[0-9A-Fa-f-]+").fullmatch


class IdBase(StrEnum):
    """How an SMSC writes a message's id in its answer, and in its receipts."""

    AS_IS = "as_is"
    HEX_TO_DECIMAL = "hex_to_decimal"  # hexadecimal in the answer, decimal in receipts
    DECIMAL_TO_HEX = "decimal_to_hex"

    def of_answer(self, text: str) -> str:
        """Return the id of an answer in the one form that both are compared in."""
        return _turned(text, 16) if self is IdBase.HEX_TO_DECIMAL else _plain(text)

    def of_receipt(self, text: str) -> str:
        """Return the id of a receipt in that form."""
        return _turned(text, 16) if self is IdBase.DECIMAL_TO_HEX else _plain(text)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says."""

    message_id: str
    word: str  # of WORDS, or a stranger, in capitals
    error: str | None = None  # the code as the text has it, or `network:code` as the parameter has it


def is_receipt(message: Message) -> bool:
    """Whether a deliver_sm is a receipt, final or not, and not a text from a handset."""
    # Some set no bit of esm_class and send the parameter; one bit more is 5.0's intermediate notification (0x20).
    return message.esm_class & pdu.KIND_OF_TEXT in {pdu.IS_RECEIPT, 0x20} or pdu.RECEIPTED_MESSAGE_ID in message.tlvs


def read(message: Message, id_base: IdBase) -> Receipt | None:
    """Return what a receipt says, or None where it does not say of which message, or not what."""
    # What comes after `text:` was written by whoever wrote the message: it may look like a field.
    text = _TEXT.split(_text(message), maxsplit=1)[0]
    message_id = _id(message.tlvs.get(pdu.RECEIPTED_MESSAGE_ID), _first(_ID, text), id_base)
    word = _word(message, text)
    if not (message_id and word):
        return None
    return Receipt(message_id, word, _network_error(message) or _error(text))


def _text(message: Message) -> str:
    encoding = "utf-16-be" if message.data_coding == UCS2 else "latin-1"
    return message.octets.decode(encoding, "replace").replace("\0", " ")


def _id(parameter: bytes | None, in_text: str | None, id_base: IdBase) -> str | None:
    """Return the id by the parameter, or else by the text.

    The parameter is as in the answer, says the standard; but not where the text has the very same beside it.
    """
    named = (parameter or b"").partition(b"\0")[0].decode("latin-1").strip()
    if not named:
        return id_base.of_receipt(in_text) if in_text else None
    if in_text and id_base.of_receipt(named) == id_base.of_receipt(in_text):
        return id_base.of_receipt(named)
    return id_base.of_answer(named)


def _word(message: Message, text: str) -> str:
    state = message.tlvs.get(pdu.MESSAGE_STATE)
    if state and state[-1] in WORDS:  # one octet; the last one where somebody sends more
        return WORDS[state[-1]]
    word = (_first(_STAT, text) or "").upper()
    return _IN_FULL.get(word, word)


def _error(text: str) -> str | None:
    """Return the code after `err:`, which may be a number or a word; zeros say that there was none."""
    found = _first(_ERR, text)
    return found if found and found.strip("0") else None


def _network_error(message: Message) -> str | None:
    value = message.tlvs.get(pdu.NETWORK_ERROR_CODE, b"")  # one octet for the type of network, two for the code
    return f"{value[0]}:{int.from_bytes(value[1:])}" if len(value) == 3 and any(value[1:]) else None


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    return found[1] if (found := pattern.search(text)) else None


def _plain(text: str) -> str:
    """Return an id without what SMSCs change from answer to receipt: leading zeros, and the case of hexadecimals."""
    return text.lower().lstrip("0") or "0" if _is_hexadecimal(text) else text


def _turned(text: str, base: int) -> str:
    """Return a number as decimal; as it is, if it is none."""
    try:
        return str(int(text, base))
    except ValueError:
        return text
