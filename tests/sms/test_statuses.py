"""The table of moves, against the words of the design."""

import pytest

from sms.models import STATUS_LENGTH, Message, MessageEvent
from sms.statuses import FINAL, HARD_FINAL, OPEN, RANK, SOFT_FINAL, Status, can_move, can_requeue

# The design's table, written down again by hand: (rank, kind).
DESIGN = {
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


def test_the_statuses_are_the_designs_twelve():
    """Every status has the rank and the kind that the design gives it, and there is no other."""
    kinds = {
        status.value: (
            RANK[status],
            "open" if status in OPEN else "soft final" if status in SOFT_FINAL else "hard final",
        )
        for status in Status
    }
    assert kinds == DESIGN


@pytest.mark.parametrize("old", sorted(DESIGN))
@pytest.mark.parametrize("new", sorted(DESIGN))
def test_a_move_needs_a_higher_rank_and_no_hard_final(old, new):
    """Of all pairs, exactly those move that the design's rule allows."""
    rises = DESIGN[new][0] > DESIGN[old][0]
    expected = rises and DESIGN[old][1] != "hard final"
    if new == "CANCELED":
        expected = old in {"SCHEDULED", "QUEUED"}
    assert can_move(Status(old), Status(new)) is expected


@pytest.mark.parametrize("old", sorted(Status))
def test_only_an_unsent_or_a_repeatable_attempt_goes_back_to_the_queue(old):
    """Nothing is sent again unless it certainly was not sent, or its own policy accepts a second text."""
    assert can_requeue(old, known_not_sent=False, resend_allowed=False) is False
    assert can_requeue(old, known_not_sent=True, resend_allowed=False) is (old in {Status.SENDING, Status.UNCERTAIN})
    assert can_requeue(old, known_not_sent=False, resend_allowed=True) is (old is Status.UNCERTAIN)


def test_open_and_final_are_all_there_is():
    """Every status is open, or soft final, or hard final, and only one of these."""
    assert set(Status) == OPEN | FINAL
    assert not OPEN & FINAL
    assert not SOFT_FINAL & HARD_FINAL


def test_the_longest_status_fits_its_column():
    """No status is longer than the columns that hold it."""
    assert max(len(status) for status in Status) == STATUS_LENGTH


@pytest.mark.parametrize("model", [Message, MessageEvent])
def test_the_database_knows_the_same_words(model):
    """The check constraint of each status column lists exactly the enum's words."""
    checks = [one for one in model._meta.constraints if one.name.endswith("_status")]
    assert [dict(one.condition.children)["status__in"] for one in checks] == [sorted(Status)]
