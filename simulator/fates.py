"""The table of fates: what becomes of a message, told by the last two digits of its recipient `2332000009NN`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from simulator.phone_numbers import digits

SCRIPTED = "2332000009"


class Answer(StrEnum):
    """What a submit is told about one message."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    SILENCE = "silence"  # nothing at all: singly the request hangs, in a batch the result is missing
    CUT_OFF = "cut off"  # taken; singly the connection is cut instead of an answer, in a batch the result is missing
    LOST = "lost"  # the same, and not taken

    @property
    def takes(self) -> bool:
        """Whether the provider has the message then."""
        return self in TAKING


TAKING = frozenset({Answer.ACCEPTED, Answer.SILENCE, Answer.CUT_OFF})


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One receipt of a script."""

    status: str
    error_code: str | None = None
    is_late: bool = False
    has_client_reference: bool = True
    is_forged: bool = False


DELIVERED = Receipt(status="DELIVERED")
UNDELIVERED = Receipt(status="UNDELIVERED", error_code="absent_subscriber")
EXPIRED = Receipt(status="EXPIRED", error_code="validity_expired")
ENROUTE = Receipt(status="ENROUTE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """A script: what the first, second, … submit of a message is told, and the receipts once it is taken.

    The same `Receipt` in a row is one receipt sent again, byte for byte.
    """

    answers: tuple[Answer, ...] = (Answer.ACCEPTED,)
    receipts: tuple[Receipt, ...] = (DELIVERED,)
    receipt_before_answer: bool = False


USUAL = Fate()

# A new fate is a line here and a row in docs/simulator.md. A new kind of answer is a word above, and how it is said
# singly and in a batch in `answers.py`.
FATES: Mapping[str, Fate] = {
    "01": USUAL,
    "02": Fate(receipts=(UNDELIVERED,)),
    "03": Fate(receipts=(EXPIRED,)),
    "04": Fate(answers=(Answer.REJECTED,), receipts=()),
    "05": Fate(receipts=()),
    "06": Fate(receipts=(DELIVERED, DELIVERED, DELIVERED)),
    "07": Fate(receipts=(DELIVERED, ENROUTE)),
    "08": Fate(receipts=(Receipt(status="DELIVERED", has_client_reference=False),), receipt_before_answer=True),
    "09": Fate(receipts=(DELIVERED, UNDELIVERED)),
    "10": Fate(receipts=(Receipt(status="DELIVERED", is_late=True),)),
    "11": Fate(answers=(Answer.SILENCE,)),
    "12": Fate(answers=(Answer.THROTTLED, Answer.THROTTLED, Answer.ACCEPTED)),
    "13": Fate(answers=(Answer.UNAVAILABLE, Answer.UNAVAILABLE, Answer.ACCEPTED)),
    "14": Fate(receipts=(Receipt(status="DELIVERED", is_forged=True),)),
    "15": Fate(receipts=(Receipt(status="FLURBLED"), DELIVERED)),
    "16": Fate(answers=(Answer.LOST, Answer.ACCEPTED)),
    "17": Fate(answers=(Answer.CUT_OFF,), receipts=()),
}


def fate_of(recipient: str) -> Fate:
    """Return the script of a recipient; an unscripted one gets its message delivered."""
    number = digits(recipient)
    if not (number.startswith(SCRIPTED) and len(number) == len(SCRIPTED) + 2):
        return USUAL
    return FATES.get(number[-2:], USUAL)
