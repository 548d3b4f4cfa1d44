"""What becomes of a message, by DESIGN.md: sections 2 and 5 written down once more, and nothing taken from the code.

Pure: no database, no clock. The caller tells what happens; the model says what the service must make of it.
"""

from dataclasses import dataclass, field
from itertools import pairwise

# status → (rank, kind)
TABLE = {
    "SCHEDULED": (10, "open"),
    "QUEUED": (20, "open"),
    "SENDING": (30, "open"),
    "UNCERTAIN": (35, "open"),
    "SENT": (40, "open"),
    "UNKNOWN": (60, "soft final"),
    "EXPIRED": (70, "soft final"),
    "UNDELIVERED": (80, "soft final"),
    "FAILED": (80, "soft final"),
    "DELIVERED": (90, "hard final"),
    "REJECTED": (90, "hard final"),
    "CANCELED": (90, "hard final"),
}
CANCELED_ONLY_FROM = {"SCHEDULED", "QUEUED"}
QUEUED_AGAIN_FROM = {"SENDING", "UNCERTAIN"}


def rises(old, new):
    """Whether the design's rule lets `old` become `new`, its exceptions left out."""
    return TABLE[new][0] > TABLE[old][0] and TABLE[old][1] != "hard final"


def steps_not_allowed(history):
    """Return each step of a history of statuses that no sentence of the design allows."""
    return [(old, new) for old, new in pairwise(history) if not _is_allowed(old, new)]


def _is_allowed(old, new):
    if new == "CANCELED":
        return old in CANCELED_ONLY_FROM
    return rises(old, new) or (new == "QUEUED" and old in QUEUED_AGAIN_FROM)


@dataclass(eq=False)
class Attempt:
    """One try to hand a message over, and what is known of it."""

    number: int
    known: str | None = None  # SENT, NOT_SENT, MAYBE_SENT; None: nobody has said anything
    reference_known: bool = False

    def learn(self, outcome):
        """Take what was said. "Perhaps" tells nothing to whom more was told already, and a yes is not taken back."""
        if self.known in {None, "MAYBE_SENT"} or (self.known == "NOT_SENT" and outcome == "SENT"):
            self.known = outcome
        self.reference_known |= outcome == "SENT"


@dataclass(eq=False)
class Message:
    """One message as its design has it."""

    resend_allowed: bool  # AT_LEAST_ONCE
    status: str = "QUEUED"
    history: list = field(default_factory=lambda: [("QUEUED", False)])  # (status, late)
    notes: set = field(default_factory=set)  # (the provider's word, whether it is a conflict)
    attempts: list = field(default_factory=list)
    is_due: bool = True  # QUEUED: a worker may take it now
    validity_passed: bool = False
    window_passed: bool = False  # 72 hours since the last change

    @property
    def kind(self):
        """Open, soft final or hard final."""
        return TABLE[self.status][1]

    def _become(self, status, *, late=False):
        self.status = status
        self.history.append((status, late))
        self.is_due, self.window_passed = True, False

    def _rise(self, status):
        if rises(self.status, status):
            self._become(status)

    def claim(self):
        """A worker takes it: an attempt is written down first, or its validity has passed."""
        if self.validity_passed:
            self._become("EXPIRED")
            return None
        self._become("SENDING")
        self.attempts.append(Attempt(len(self.attempts) + 1))
        return self.attempts[-1]

    def lease_passed(self):
        """Nobody knows what the worker did."""
        self._rise("UNCERTAIN")

    def answer(self, attempt, outcome, *, end=None, due=True):
        """A worker says what came of its attempt, however late; `end`: where a no leads that is for good."""
        attempt.learn(outcome)
        if outcome == "SENT":
            self._rise("SENT")
            return
        if attempt is not self.attempts[-1] or self.kind != "open":
            return  # another attempt, or a receipt, has the word
        if outcome == "MAYBE_SENT":
            self._rise("UNCERTAIN")
        elif self.status == "SENT":
            return  # the provider has it, by another attempt or by its own receipt
        elif end is not None:
            self._become(end)
        elif self.status in QUEUED_AGAIN_FROM:
            self._become("QUEUED")
            self.is_due = due

    def finding(self, attempt, outcome):
        """The provider's look-up says SENT, NOT_SENT, or nothing (None)."""
        if outcome is not None:
            attempt.learn(outcome)
        if self.status != "UNCERTAIN" or attempt is not self.attempts[-1]:
            return
        if outcome == "SENT":
            self._become("SENT")
        elif outcome == "NOT_SENT" or self.resend_allowed:
            self._become("QUEUED")

    def silence(self):
        """No receipt came within the window."""
        self._rise("UNKNOWN")

    def receipt(self, word, status):
        """Take a provider's receipt; say what becomes of the receipt itself."""
        is_soft = self.kind == "soft final"
        if status is not None and rises(self.status, status) and not (is_soft and self.window_passed):
            self._become(status, late=is_soft)
            return "APPLIED"
        if status == self.status and self.kind != "open":
            return "DUPLICATE"
        contradicts = status is not None and self.kind != "open" and TABLE[status][1] != "open"
        self.notes.add((word, contradicts))
        return "NOTED"

    def cancel(self):
        """Withdraw it; whether that is possible. CANCELED promises that it was never sent."""
        if self.status == "CANCELED":
            return True
        if self.status not in CANCELED_ONLY_FROM or any(one.known != "NOT_SENT" for one in self.attempts):
            return False
        self._become("CANCELED")
        return True

    def may_be_handed_over(self, attempt, handed_over):
        """Whether "no blind resend" lets an attempt reach the provider, after those that were handed over."""
        earlier = [one for one in self.attempts if one.number < attempt.number and one in handed_over]
        return self.resend_allowed or all(one.known == "NOT_SENT" for one in earlier)
