"""Every change of status, through the one engine and a real database."""

import pytest

from sms.models import DispatchEntry, Message, MessageEvent
from sms.services.moves import Verdict
from sms.statuses import FINAL, OPEN, SOFT_FINAL, Status, can_move
from tests.messages import age, apply, history, move, store, store_as


@pytest.mark.parametrize("old", sorted(Status))
def test_the_engine_moves_exactly_what_the_table_allows(caller, old):
    """For every pair of statuses, the row ends up where the pure table says."""
    for new in sorted(set(Status) - {Status.QUEUED}):
        message = store_as(caller, old)
        asked = move(message, new, provider_status=new.value)
        apply(asked)
        message.refresh_from_db()
        moved = can_move(old, new)
        assert (message.status, message.sequence) == ((new, 2) if moved else (old, 1)), (old, new)
        assert (asked.verdict is Verdict.APPLIED) is moved
        assert DispatchEntry.objects.filter(message=message).exists() is (message.status in OPEN)


def test_a_change_takes_the_next_sequence_and_tells_it(caller):
    """Each applied change is numbered, written to the history, and returned to be announced."""
    message = store(caller)
    changes = apply(move(message, Status.SENDING), move(message, Status.SENT, provider_reference="r-1"))
    assert [(c.event.message_id, c.event.sequence, c.event.status) for c in changes] == [
        (message.id, 2, "SENDING"),
        (message.id, 3, "SENT"),
    ]
    assert history(message) == [(1, "QUEUED"), (2, "SENDING"), (3, "SENT")]
    message.refresh_from_db()
    assert (message.status, message.sequence, message.provider_reference) == ("SENT", 3, "r-1")


def test_three_receipts_of_one_kind_move_once(caller):
    """A receipt that comes three times is applied once and leaves one line."""
    message = store_as(caller, Status.SENT)
    asked = [move(message, Status.DELIVERED, provider_status="DELIVERED") for _ in range(3)]
    assert len(apply(*asked)) == 1
    assert [one.verdict for one in asked] == [Verdict.APPLIED, Verdict.DUPLICATE, Verdict.DUPLICATE]
    assert history(message) == [(1, "SENT"), (2, "DELIVERED")]


def test_a_contradiction_of_a_hard_final_is_kept_as_a_conflict(caller):
    """UNDELIVERED after DELIVERED moves nothing and is not forgotten."""
    message = store_as(caller, Status.DELIVERED)
    assert apply(move(message, Status.UNDELIVERED, provider_status="UNDELIVERED")) == []
    note = MessageEvent.objects.get(message=message, sequence=None)
    assert (note.status, note.conflict, note.provider_status) == ("DELIVERED", True, "UNDELIVERED")


def test_an_unknown_word_is_kept_once_and_moves_nothing(caller):
    """A word that nobody knows is a line of the history, once however often it comes."""
    message = store_as(caller, Status.SENT)
    for _ in range(2):
        assert apply(move(message, None, provider_status="FLURBLED")) == []
    message.refresh_from_db()
    assert (message.status, message.sequence) == ("SENT", 1)
    assert MessageEvent.objects.filter(message=message, sequence=None, provider_status="FLURBLED").count() == 1


def test_a_note_is_kept_once_also_within_one_set(caller):
    """Two receipts with one word are one line, whether they come together or not; another message's is its own."""
    message, other = store_as(caller, Status.SENT), store_as(caller, Status.SENT)
    asked = [move(one, None, provider_status="FLURBLED") for one in (message, message, other)]
    apply(*asked)
    assert [one.verdict for one in asked] == [Verdict.NOTED] * 3
    assert (history(message)[1:], history(other)[1:]) == ([(None, "SENT")], [(None, "SENT")])


def test_an_intermediate_word_after_the_end_is_a_note_without_conflict(caller):
    """ENROUTE after DELIVERED is late, not contradicting."""
    message = store_as(caller, Status.DELIVERED)
    apply(move(message, Status.SENT, provider_status="ENROUTE"))
    note = MessageEvent.objects.get(message=message, sequence=None)
    assert (note.status, note.conflict) == ("DELIVERED", False)


@pytest.mark.parametrize("old", sorted(SOFT_FINAL))
def test_a_soft_final_is_corrected_late(caller, old):
    """DELIVERED after a soft final is applied and marked late."""
    message = store_as(caller, old)
    apply(move(message, Status.DELIVERED, provider_status="DELIVERED"))
    event = MessageEvent.objects.get(message=message, sequence=2)
    assert (event.status, event.late) == ("DELIVERED", True)


def test_a_soft_final_is_not_corrected_after_the_window(caller):
    """72 hours after a soft final a correction is kept as a conflict, and no longer applied."""
    message = store_as(caller, Status.EXPIRED)
    age("sms_message", "updated_at", "73 hours", id=message.id)
    asked = move(message, Status.DELIVERED, provider_status="DELIVERED")
    assert apply(asked) == []
    assert (asked.verdict, asked.conflict) == (Verdict.NOTED, True)
    assert Message.objects.get(id=message.id).status == "EXPIRED"


def test_an_unsent_attempt_goes_back_with_its_delay(caller):
    """A retry is due after its delay, and its message has its queue entry back without a lease."""
    message = store_as(caller, Status.SENDING)
    apply(move(message, Status.QUEUED, known_not_sent=True, delay=100.0, error_code="PROVIDER_THROTTLED"))
    entry = DispatchEntry.objects.get(message=message)
    message.refresh_from_db()
    assert (message.status, message.error_code) == ("QUEUED", "PROVIDER_THROTTLED")
    assert entry.lease is None
    assert 95 < (entry.due_at - message.updated_at).total_seconds() < 105


def test_an_uncertain_message_is_not_queued_again_on_a_guess(caller):
    """Without its own policy's consent, nothing sends an uncertain message again."""
    message = store_as(caller, Status.UNCERTAIN)
    assert apply(move(message, Status.QUEUED)) == []
    assert Message.objects.get(id=message.id).status == "UNCERTAIN"
    Message.objects.filter(id=message.id).update(delivery_policy="AT_LEAST_ONCE")
    assert len(apply(move(message, Status.QUEUED))) == 1


def test_a_reference_that_comes_after_the_end_is_filled_in(caller):
    """The submit answer that a receipt overtook only adds the provider's reference."""
    message = store_as(caller, Status.DELIVERED)
    assert apply(move(message, Status.SENT, provider="simulator", provider_reference="r-9")) == []
    message.refresh_from_db()
    assert (message.status, message.provider_reference, history(message)) == ("DELIVERED", "r-9", [(1, "DELIVERED")])


def test_final_is_what_has_no_entry(caller):
    """Open messages have exactly one queue entry, final ones none."""
    for status in Status:
        store_as(caller, status)
    with_entry = set(DispatchEntry.objects.values_list("message__status", flat=True))
    assert with_entry == OPEN
    assert set(Message.objects.filter(dispatch_entry=None).values_list("status", flat=True)) == FINAL
