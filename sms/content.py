"""What a message may say, who it may say it is from, and how its sender may label it. Pure: no Django here.

Sources of the facts about sender IDs: 3GPP TS 23.040, 9.1.2.5: an address field holds 10 octets, so 11 septets of text;
ITU-T E.164: a number has at most 15 digits. The characters allowed are those that networks pass on unchanged.
"""

import re
from collections.abc import Iterable
from typing import Final, Protocol
from unicodedata import category, normalize

from sms.errors import ErrorCode, InvalidMessage

LONGEST_SENDER_ID: Final = 11
LONGEST_REFERENCE: Final = 255
FAR_TOO_LONG: Final = 10_000  # characters; ten segments have room for 1,530

_is_numeric_sender = re.compile(r"[0-9]{3,8}|\+[1-9][0-9]{6,14}").fullmatch  # a short code, or E.164
_FORBIDDEN_IN_SENDER: Final = re.compile(r"[^A-Za-z0-9 _.&+-]")
_LETTER: Final = re.compile("[A-Za-z]")


def check_sender_id(value: str) -> str:
    """Return `value` if it has the form of a sender ID; whether the account may use it is another question.

    That is a name of 1 to 11 ASCII letters, digits, spaces and `-_.&+` with at least one letter and no space at its
    ends, or a short code of 3 to 8 digits, or a number in E.164 with the plus. Raises InvalidMessage SENDER_ID_INVALID,
    which tells the first thing wrong.
    """
    if not _is_numeric_sender(value) and (fault := _fault_of_name(value)) is not None:
        raise InvalidMessage(ErrorCode.SENDER_ID_INVALID, fault, "sender_id")
    return value


def _fault_of_name(value: str) -> str | None:
    """Return a sentence on why `value` cannot be an alphanumeric sender ID, or None."""
    if not value:
        return "The sender ID is empty; give a name, a short code or a number such as +233200000901."
    if (forbidden := _FORBIDDEN_IN_SENDER.search(value)) is not None:
        return (
            f"The sender ID contains {forbidden[0]!r}; it may have the letters A to Z, digits, spaces "
            "and the characters - _ . & +."
        )
    if _LETTER.search(value) is None:
        return (
            "A sender ID without letters must be a short code of 3 to 8 digits, or a number with + and its country "
            "code, such as +233200000901."
        )
    if len(value) > LONGEST_SENDER_ID:
        return f"The sender ID has {len(value)} characters; at most {LONGEST_SENDER_ID} are allowed."
    if value != value.strip(" "):
        return "The sender ID starts or ends with a space; leave it out."
    return None


def check_client_reference(value: str) -> None:
    """Raise InvalidMessage CLIENT_REFERENCE_INVALID for what cannot be a caller's own label."""
    if not value or len(value) > LONGEST_REFERENCE or not value.isprintable():
        sentence = f"A client reference has 1 to {LONGEST_REFERENCE} printable characters."
        raise InvalidMessage(ErrorCode.CLIENT_REFERENCE_INVALID, sentence, "client_reference")


def check_text(text: str) -> None:
    """Raise InvalidMessage TEXT_EMPTY for nothing but white space, TEXT_INVALID for what is not text.

    TEXT_TOO_LONG is for so many characters that nobody needs to count segments. NUL cannot be stored by PostgreSQL, and
    half a surrogate pair is no character, so it cannot be written as UTF-8.
    """
    if len(text) > FAR_TOO_LONG:
        sentence = f"The text has {len(text):,} characters, which is far more than can be sent."
        raise InvalidMessage(ErrorCode.TEXT_TOO_LONG, sentence, "text")
    if not text or text.isspace():
        raise InvalidMessage(ErrorCode.TEXT_EMPTY, "The text is empty; give at least one visible character.", "text")
    if (at := text.find("\0")) >= 0:
        raise _invalid_text(f"Character {at + 1} of the text is NUL, which cannot be sent; leave it out.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"U+{ord(text[error.start]):04X}"
        raise _invalid_text(f"Character {error.start + 1} of the text is {half}, half a surrogate pair.") from None


def _invalid_text(sentence: str) -> InvalidMessage:
    return InvalidMessage(ErrorCode.TEXT_INVALID, sentence, "text")


class Counted(Protocol):
    """What is known to take a number of segments, as `sms.segments.Segmentation` is."""

    @property
    def count(self) -> int:
        """The number of segments."""


def check_length(segmentation: Counted, *, maximum: int = 10) -> None:
    """Raise InvalidMessage TEXT_TOO_LONG if the text takes more than `maximum` segments."""
    if segmentation.count > maximum:
        sentence = f"The text needs {segmentation.count} segments; at most {maximum} are allowed."
        raise InvalidMessage(ErrorCode.TEXT_TOO_LONG, sentence, "text")


class BlockedKeywords:
    """The words that an account's texts may not contain: whole words, in any case.

    A word ends where no letter, digit, underscore or combining mark follows: STOP is in "(stop)" and "Stop.", and in
    neither "nonstop" nor "stop_2". A keyword may be a phrase, with any white space between its words, and may have any
    characters. Case is folded as Unicode tells (STRASSE is in "straße"), and an accent is the same whether it is one
    character with its letter or two (NFD). Look-alikes such as full-width letters are other words (no NFKC: it would
    turn "STOP™" into the word "STOPTM"). Blank keywords match nothing.
    """

    __slots__ = ("_needles", "_phrases")

    def __init__(self, keywords: Iterable[str]) -> None:
        needles = [(" ".join(_fold(keyword).split()), keyword) for keyword in keywords]
        self._needles = [(needle, keyword) for needle, keyword in needles if needle]
        self._phrases = any(" " in needle for needle, _ in self._needles)

    def find(self, text: str) -> str | None:
        """Return the first keyword of the list, as it was given, that `text` contains."""
        if not self._needles:
            return None
        folded = _fold(text)
        if self._phrases:
            folded = " ".join(folded.split())
        for needle, keyword in self._needles:
            if _has_word(folded, needle):
                return keyword
        return None


def _fold(text: str) -> str:
    """Return `text` so that canonical caseless matching is comparing (Unicode 15, section 3.13, D145)."""
    return text.lower() if text.isascii() else normalize("NFD", normalize("NFD", text).casefold())


def _has_word(folded: str, needle: str) -> bool:
    at = folded.find(needle)
    while at >= 0:
        end = at + len(needle)
        if not (at > 0 and _is_of_word(folded[at - 1])) and not (end < len(folded) and _is_of_word(folded[end])):
            return True
        at = folded.find(needle, at + 1)
    return False


def _is_of_word(character: str) -> bool:
    # Marks belong to the letter before them: without this, Hindi "रोक" would be found in the longer word "रोका".
    return character.isalnum() or character == "_" or category(character)[0] == "M"
