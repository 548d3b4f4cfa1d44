"""Receipts that are put back into the inbox, by `manage.py receipts replay`, against real PostgreSQL."""

import pytest
import redis
from django.conf import settings
from django.db import connection

from sms.models import Message, MessageEvent, Receipt
from sms.receipts import State
from sms.services import replay
from sms.statuses import Status
from tests.messages import age, attempt, history, store_as
from tests.receipts import from_a_shell, process, receive, refusal, run, sent_message, set_aside, unmatched


def test_a_receipt_that_was_set_aside_is_replayed(caller):
    """Back in the inbox as if it had just come, except for when it came; the next worker applies it."""
    message = sent_message(caller, reference="r-1")
    receipt = set_aside(reference="r-1")
    Receipt.objects.filter(id=receipt.id).update(status="DELIVERED")  # the cause is mended
    assert run("replay", receipt.id) == ["1 back in the inbox."]
    back = Receipt.objects.get(id=receipt.id)
    assert (back.processed_at, back.outcome, back.error, back.tries, back.message_id) == (None, None, None, 0, None)
    assert (back.received_at, back.due_at > receipt.due_at) == (receipt.received_at, True)
    process()
    back.refresh_from_db()
    assert (back.outcome, history(message)) == ("APPLIED", [(1, "SENT"), (2, "DELIVERED")])


def test_an_unmatched_receipt_matches_if_its_reference_is_known_by_now(caller):
    """However long ago it came; otherwise it is unmatched again at once, and waits for nothing."""
    known, unknown = unmatched(reference="r-1"), unmatched(reference="r-2")
    message = sent_message(caller, reference="r-1")
    assert run("replay", known.id, unknown.id) == ["2 back in the inbox."]
    process()
    outcomes = dict(Receipt.objects.values_list("id", "outcome"))
    assert outcomes == {known.id: "APPLIED", unknown.id: "UNMATCHED"}
    assert Message.objects.get(id=message.id).status == "DELIVERED"


@pytest.mark.parametrize(
    ("hours", "end"),
    [
        (71, ("APPLIED", "DELIVERED", {"late": True, "conflict": False})),
        (73, ("NOTED", "EXPIRED", {"late": False, "conflict": True})),
    ],
)
def test_a_replay_opens_no_window_anew(caller, hours, end):
    """A soft final is corrected for 72 hours after its last change, whenever the receipt came, and not after."""
    message = store_as(caller, Status.EXPIRED)
    attempt(message, reference="r-1")
    receipt = set_aside(reference="r-1")
    age("sms_message", "updated_at", f"{hours} hours", id=message.id)
    age("sms_receipt", "received_at", "100 hours", id=receipt.id)
    Receipt.objects.filter(id=receipt.id).update(status="DELIVERED")
    run("replay", receipt.id)
    process()
    receipt.refresh_from_db()
    event = MessageEvent.objects.filter(message=message).latest("id")
    marks = {"late": event.late, "conflict": event.conflict}
    assert (receipt.outcome, Message.objects.get(id=message.id).status, marks) == end


def test_all_in_a_state_are_replayed_in_sets(caller, monkeypatch):
    """The oldest first, of one provider, up to a limit; and all of them without one."""
    monkeypatch.setattr(replay, "BATCH", 4)
    ids = [receive(reference=f"x-{n}", provider="elsewhere" if n % 2 else "simulator").id for n in range(22)]
    done = {"processed_at": "2026-01-02T03:04:05Z", "error": "e", "tries": 5}
    Receipt.objects.filter(id__in=ids).update(outcome="FAILED", **done)
    other = receive(reference="y")
    Receipt.objects.filter(id=other.id).update(outcome="UNMATCHED", **done)

    def back():
        return list(Receipt.objects.filter(processed_at=None).order_by("id").values_list("id", flat=True))

    chosen = ("replay", "--state", "set-aside", "--provider", "elsewhere")
    assert run(*chosen, "--limit", 6) == ["6 back in the inbox."]
    assert back() == ids[1::2][:6]
    assert run(*chosen) == ["5 back in the inbox."]
    assert back() == ids[1::2]
    assert run("replay", "--state", "set-aside") == ["11 back in the inbox."]
    assert run("replay", "--state", "set-aside") == ["0 back in the inbox."]
    assert back() == ids
    assert run("replay", "--state", "unmatched") == ["1 back in the inbox."]
    assert back() == [*ids, other.id]


# A worker that gives each of them up again before the next set is put back.
QUICK_WORKER = """
CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.processed_at := now(); NEW.outcome := 'UNMATCHED'; RETURN NEW; END $$;
CREATE TRIGGER quick_worker BEFORE UPDATE ON sms_receipt FOR EACH ROW EXECUTE FUNCTION give_up()
"""


def test_what_comes_to_nothing_again_is_not_replayed_in_a_circle(caller, monkeypatch):
    """Each is put back once, whatever becomes of it meanwhile."""
    monkeypatch.setattr(replay, "BATCH", 2)
    for n in range(8):
        unmatched(reference=f"nobody-knows-{n}")
    with connection.cursor() as cursor:
        cursor.execute(QUICK_WORKER)
        try:
            assert run("replay", "--state", "unmatched", "--limit", 100) == ["8 back in the inbox."]
        finally:
            cursor.execute("DROP FUNCTION give_up CASCADE")


@pytest.mark.parametrize("state", [State.APPLIED, State.DUPLICATE, State.NOTED])
def test_what_was_processed_is_not_replayed(one_of_each, state):
    """Refused with a sentence, and nothing is put back, not even what could be."""
    receipt = one_of_each[state]
    before = list(Receipt.objects.order_by("id").values())
    said = refusal("replay", one_of_each[State.SET_ASIDE].id, receipt.id)
    assert said.startswith(f"Receipt {receipt.id} was processed and is {state.upper()}")
    assert list(Receipt.objects.order_by("id").values()) == before


@pytest.mark.parametrize("state", [State.DUE, State.WAITING, State.FAILING])
def test_what_is_in_the_inbox_needs_no_replay(one_of_each, state):
    """A worker comes to it anyway."""
    receipt = one_of_each[state]
    assert refusal("replay", receipt.id) == f"Receipt {receipt.id} is in the inbox already; nothing was put back."


def test_an_unknown_id_is_refused(one_of_each):
    """And then nothing is put back."""
    known = one_of_each[State.SET_ASIDE]
    assert refusal("replay", known.id, 999_999_999) == "There is no receipt 999999999; nothing was put back."
    assert Receipt.objects.get(id=known.id).outcome == "FAILED"


def test_from_a_shell_the_workers_are_told(caller):
    """Before the command ends: nobody has to wait for beat."""
    sent_message(caller, reference="r-1")
    receipt = set_aside(reference="r-1")
    with redis.Redis.from_url(settings.SMS_REDIS_URL) as broker:
        before = broker.llen("receipts")
        done = from_a_shell("replay", str(receipt.id))
        assert (done.returncode, done.stdout) == (0, "1 back in the inbox.\n"), done.stderr
        assert broker.llen("receipts") == before + 1
