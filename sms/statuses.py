"""The twelve statuses, and the one table that decides every move. Pure: no Django here."""

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """What is known of a message, in the public words."""

    SCHEDULED = "SCHEDULED"  # accepted; waits for its send time
    QUEUED = "QUEUED"  # due; waits for a worker, or for a retry
    SENDING = "SENDING"  # claimed; an attempt is open
    UNCERTAIN = "UNCERTAIN"  # the request left us; no trustworthy answer
    SENT = "SENT"  # the provider took it and gave its reference
    UNKNOWN = "UNKNOWN"  # no receipt came within the window
    EXPIRED = "EXPIRED"  # validity passed, by our clock or the network's
    UNDELIVERED = "UNDELIVERED"  # the network gave up
    FAILED = "FAILED"  # never handed over, or the provider says just "failed"
    DELIVERED = "DELIVERED"  # the handset (or the last hop that reports) confirmed
    REJECTED = "REJECTED"  # refused by provider or network before any delivery attempt
    CANCELED = "CANCELED"  # withdrawn before it was sent


RANK: Final[dict[Status, int]] = {
    Status.SCHEDULED: 10,
    Status.QUEUED: 20,
    Status.SENDING: 30,
    Status.UNCERTAIN: 35,
    Status.SENT: 40,
    Status.UNKNOWN: 60,
    Status.EXPIRED: 70,
    Status.UNDELIVERED: 80,
    Status.FAILED: 80,
    Status.DELIVERED: 90,
    Status.REJECTED: 90,
    Status.CANCELED: 90,
}

HARD_FINAL: Final = frozenset({Status.DELIVERED, Status.REJECTED, Status.CANCELED})
SOFT_FINAL: Final = frozenset({Status.UNKNOWN, Status.EXPIRED, Status.UNDELIVERED, Status.FAILED})
FINAL: Final = HARD_FINAL | SOFT_FINAL
OPEN: Final = frozenset(Status) - FINAL
CANCELABLE: Final = frozenset({Status.SCHEDULED, Status.QUEUED})


def can_move(old: Status, new: Status) -> bool:
    """Whether `old` may become `new`: only upwards, and never out of a hard final.

    CANCELED is further limited: nothing that a worker has touched can be withdrawn.
    """
    if new is Status.CANCELED:
        return old in CANCELABLE
    return old not in HARD_FINAL and RANK[new] > RANK[old]


def can_requeue(old: Status, *, known_not_sent: bool, resend_allowed: bool) -> bool:
    """Whether a message may go back to QUEUED, the only move that lowers a rank.

    An attempt known not to have reached the provider may be repeated, also when that is learned late. An uncertain one
    only where the message's own policy accepts that the recipient may get the text twice.
    """
    if known_not_sent:
        return old in {Status.SENDING, Status.UNCERTAIN}
    return old is Status.UNCERTAIN and resend_allowed
