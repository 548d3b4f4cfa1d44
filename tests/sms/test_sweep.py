"""What a crash or a silent provider left behind is settled by the sweep."""

from sms.models import DispatchEntry, IdempotencyKey, Message, Route, RouteChange
from sms.routing import snapshot
from sms.services import settle, sweep
from sms.statuses import Status
from tests.messages import age, history, store, store_as


def test_a_lease_that_passed_makes_its_message_uncertain(caller):
    """Nobody knows whether the dead worker's request reached the provider, so nobody claims to."""
    dead, alive = store_as(caller, Status.SENDING), store_as(caller, Status.SENDING)
    DispatchEntry.objects.filter(message=alive).update(due_at="2100-01-01T00:00Z")
    age("sms_dispatchentry", "due_at", "1 hour", message_id=dead.id)
    assert sweep.release_expired_leases() == 1
    assert sweep.release_expired_leases() == 0
    dead.refresh_from_db()
    alive.refresh_from_db()
    assert (dead.status, alive.status) == ("UNCERTAIN", "SENDING")
    entry = DispatchEntry.objects.get(message=dead)
    assert (entry.purpose, entry.lease) == (DispatchEntry.Purpose.SETTLE, None)


def test_silence_past_the_window_is_unknown(caller):
    """A message that was sent and never reported becomes UNKNOWN, once, and leaves the queue."""
    silent = store_as(caller, Status.SENT)
    age("sms_dispatchentry", "due_at", "73 hours", message_id=silent.id)
    waiting = store_as(caller, Status.SENT)
    DispatchEntry.objects.filter(message=waiting).update(due_at="2100-01-01T00:00Z")
    assert settle.settle() == 1
    assert history(silent) == [(1, "SENT"), (2, "UNKNOWN")]
    assert not DispatchEntry.objects.filter(message=silent).exists()
    assert Message.objects.get(id=waiting.id).status == "SENT"


def test_what_waits_for_a_process_that_is_away_expires_in_time(caller):
    """A route over SMPP is served by no worker, and its own process may be down for longer than a text is good."""
    Route.objects.create(name="smsc", kind="smpp")
    snapshot.begin_anew()
    late, good = store(caller), store(caller)
    for column in ("due_at", "expires_at"):
        age("sms_dispatchentry", column, "73 hours", message_id=late.id)
    assert (sweep.expire_unserved(), sweep.expire_unserved()) == (1, 0)
    assert history(late) == [(1, "QUEUED"), (2, "EXPIRED")]
    assert history(good) == [(1, "QUEUED")]


def test_keys_are_kept_for_seven_days(caller):
    """A key works for seven days, and is deleted after them; its message stays."""
    kept = store(caller, idempotency_key="young")
    old = store(caller, idempotency_key="old")
    age("sms_idempotencykey", "created_at", "8 days", message_id=old.id)
    assert sweep.forget_old_keys() == 1
    assert list(IdempotencyKey.objects.values_list("message_id", flat=True)) == [kept.id]
    assert Message.objects.filter(id=old.id).exists()


def test_more_old_keys_than_one_set_are_forgotten_in_one_run(caller, monkeypatch):
    """Retention keeps up with what is accepted; a run that is told to stop leaves the rest to the next one."""
    monkeypatch.setattr(sweep, "KEYS_AT_ONCE", 2)
    for number in range(5):
        age("sms_idempotencykey", "created_at", "8 days", message_id=store(caller, idempotency_key=f"k{number}").id)
    assert sweep.forget_old_keys(keep_going=lambda: False) == 2
    assert sweep.forget_old_keys() == 3
    assert IdempotencyKey.objects.count() == 0


def test_what_was_noted_of_routes_is_kept_for_a_year(db, monkeypatch):
    """Health notes something with every failure of a provider; a run deletes a set of what is past its time."""
    monkeypatch.setattr(sweep, "CHANGES_AT_ONCE", 2)
    route = Route.objects.create(name="gh", kind="simulator")
    *old, kept = [RouteChange.objects.create(route=route, by="health", what=f"change {one}") for one in range(4)]
    for one in old:
        age("sms_routechange", "at", "366 days", id=one.id)
    age("sms_routechange", "at", "364 days", id=kept.id)
    assert [sweep.forget_old_changes() for _ in range(3)] == [2, 1, 0]
    assert list(RouteChange.objects.values_list("id", flat=True)) == [kept.id]
