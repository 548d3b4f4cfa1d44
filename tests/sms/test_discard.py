"""Bodies go when their message has been final for as long as the account says, and nothing else changes."""

import asyncio
import threading
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sms.ids import first_id_of
from sms.models import Account, InboundMessage, Message, MessageEvent, Receipt, Retention
from sms.services import discard
from sms.services.accept import accept
from sms.services.reconcile import reconcile
from sms.statuses import FINAL, Status
from sms.tasks import prune
from tests.accounts import make_caller
from tests.inbound import THEM, say, sent
from tests.messages import age, apply, move, store
from tests.plans import plans_of
from tests.receipts import process, receive, sent_message, set_aside, unmatched

HOURS = 24


@pytest.fixture
def keeps_a_day(caller):
    """An account whose bodies are discarded a day after their message is final."""
    Account.objects.filter(id=caller.account_id).update(discard_body_after=HOURS)
    return caller


def final(caller, status=Status.DELIVERED, **fields):
    """Return a message that has just come to a final status."""
    message = store(caller, metadata=[("login", "7f3a")], client_reference="order-7", **fields)
    apply(move(message, status, provider_status=status))
    return message


def pass_time(message, hours):
    """Let so many hours pass for a message and its receipts."""
    age("sms_messageevent", "occurred_at", f"{hours} hours", message_id=message.id)
    age("sms_message", "updated_at", f"{hours} hours", id=message.id)


def body_of(message):
    """What is left of a message's body."""
    message.refresh_from_db()
    return message.text, message.metadata, message.body_discarded_at is not None


KEPT = ("Hello", {"login": "7f3a"}, False)
GONE = ("", None, True)


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_body_goes_when_its_time_is_over(keeps_a_day, status):
    """Not an hour before; and all that the message is otherwise stays."""
    message = final(keeps_a_day, status)
    before = Message.objects.values().get(id=message.id)
    pass_time(message, HOURS - 1)
    assert discard.discard_bodies() == 0
    assert body_of(message) == KEPT
    pass_time(message, 1)
    assert discard.discard_bodies() == 1
    assert body_of(message) == GONE
    changed = {"text", "metadata", "body_discarded_at", "updated_at"}  # the last by the clock of this test
    after = Message.objects.values().get(id=message.id)
    assert {name for name in before if before[name] != after[name]} == changed
    assert reconcile()[1] == []
    assert discard.discard_bodies() == 0


@pytest.mark.parametrize("status", ["QUEUED", "SENDING", "SENT", "UNCERTAIN"])
def test_an_open_message_keeps_its_body(keeps_a_day, status):
    """However old it is: it may still be needed."""
    message = store(keeps_a_day, metadata=[("login", "7f3a")])
    if status != "QUEUED":
        apply(move(message, status, lease="00000000-0000-0000-0000-000000000001", provider_reference="r"))
    pass_time(message, 1000)
    assert discard.discard_bodies() == 0
    assert body_of(message) == KEPT


def test_other_accounts_keep_theirs(keeps_a_day):
    """Without a time of its own an account keeps bodies for ever, and each has its own time."""
    keeps, sooner = make_caller("keeps"), make_caller("sooner")
    Account.objects.filter(id=sooner.account_id).update(discard_body_after=1)
    messages = [final(one) for one in (keeps_a_day, keeps, sooner)]
    for one in messages:
        pass_time(one, 2)
    assert discard.discard_bodies() == 1
    assert [body_of(one)[0] for one in messages] == ["Hello", "Hello", ""]


def test_without_a_delay_a_body_goes_at_once(keeps_a_day):
    """Zero hours are hours."""
    Account.objects.update(discard_body_after=0)
    message = final(keeps_a_day)
    assert discard.discard_bodies() == 1
    assert body_of(message) == GONE


def test_a_century_and_more_is_no_error(keeps_a_day):
    """Whatever number somebody has given."""
    Account.objects.update(discard_body_after=2**31 - 1)
    message = final(keeps_a_day)
    assert discard.discard_bodies() == 0
    assert body_of(message) == KEPT


def test_a_correction_begins_the_time_anew(keeps_a_day):
    """Of a soft final the last change counts."""
    message = final(keeps_a_day, Status.UNDELIVERED)
    pass_time(message, HOURS - 1)
    apply(move(message, "DELIVERED", provider_status="DELIVERED"))
    age("sms_messageevent", "occurred_at", "1 hour", message_id=message.id, status="UNDELIVERED")
    assert discard.discard_bodies() == 0
    assert body_of(message) == KEPT
    pass_time(message, HOURS)
    assert discard.discard_bodies() == 1
    assert body_of(message) == GONE


def test_a_late_correction_finds_its_message_without_a_body(keeps_a_day):
    """By our reference or the provider's; it is applied, marked late, and nothing comes back."""
    message = sent_message(keeps_a_day, reference="r-1")
    MessageEvent.objects.filter(message=message).update(account=keeps_a_day.account_id)
    apply(move(message, "UNDELIVERED", provider_status="UNDELIVERED"))
    pass_time(message, HOURS)
    assert discard.discard_bodies() == 1
    receipt = receive(reference="r-1", body=b'{"to": "233200000901"}')
    process()
    receipt.refresh_from_db()
    message.refresh_from_db()
    assert (message.status, message.text, receipt.outcome) == ("DELIVERED", "", "APPLIED")
    assert MessageEvent.objects.filter(message=message).last().late
    assert bytes(receipt.body) == b""
    pass_time(message, HOURS)
    discarded_at = message.body_discarded_at
    assert discard.discard_bodies() == 0
    message.refresh_from_db()
    assert message.body_discarded_at == discarded_at


def test_receipts_lose_their_bodies_with_their_message(keeps_a_day):
    """Those that moved it, said it again, or were only noted; and what comes later leaves none."""
    message, other = (sent_message(keeps_a_day, reference=one) for one in ("r-1", "r-2"))
    receipts = [receive(reference="r-1", body=b"one"), receive(reference="r-1", body=b"again")]
    receipts.append(receive(reference="r-1", status=None, word="BUFFERED", body=b"noted"))
    kept = receive(reference="r-2", status=None, word="BUFFERED", body=b"kept")
    process()
    pass_time(message, HOURS)
    pass_time(other, HOURS)
    assert discard.discard_bodies() == 1
    later = receive(reference="r-1", body=b"later")
    process()
    assert {bytes(Receipt.objects.get(id=one.id).body) for one in [*receipts, later]} == {b""}
    assert [Receipt.objects.get(id=one.id).outcome for one in receipts] == ["APPLIED", "DUPLICATE", "NOTED"]
    assert bytes(Receipt.objects.get(id=kept.id).body) == b"kept"
    assert body_of(other)[0] == "Hello"


def test_receipts_of_nobody_lose_theirs_after_the_shortest_time(keeps_a_day):
    """Counted from when they were set aside; those that wait for a message keep them."""
    longer = make_caller("longer")
    Account.objects.filter(id=longer.account_id).update(discard_body_after=10 * HOURS)
    sent_message(keeps_a_day, reference="r-1")
    found = [set_aside(reference="r-1", body=b"poison"), unmatched(reference="nobodys")]
    waits = receive(reference="too-early", body=b"waits")
    process()
    for hours, left in ((HOURS - 1, {b"poison", b"{}"}), (1, {b""})):
        for one in found:
            age("sms_receipt", "processed_at", f"{hours} hours", id=one.id)
        discard.discard_bodies()
        assert {bytes(Receipt.objects.get(id=one.id).body) for one in found} == left
    assert bytes(Receipt.objects.get(id=waits.id).body) == b"waits"


def test_receipts_of_nobody_are_kept_where_nothing_is_discarded(caller):
    """No account has asked for it."""
    one = unmatched(reference="nobodys")
    age("sms_receipt", "processed_at", "1000 days", id=one.id)
    discard.discard_bodies()
    assert bytes(Receipt.objects.get(id=one.id).body) == b"{}"


async def test_a_replay_shows_the_message_without_its_text(keeps_a_day):
    """The key still stands for the request, as it was kept as a digest; another request is refused as before."""
    request = {"sender_id": "MyCorp", "recipient": "+233200000901", "text": "Hello", "idempotency_key": "k"}
    first = await accept(caller=keeps_a_day, **request)
    await asyncio.to_thread(_make_final_and_old, first.message.id)
    again = await accept(caller=keeps_a_day, **request)
    assert again.replayed
    assert (again.message.id, again.message.text, again.message.metadata) == (first.message.id, "", None)
    assert again.message.body_discarded_at is not None


def _make_final_and_old(message_id):
    message = Message.objects.get(id=message_id)
    apply(move(message, "DELIVERED"))
    pass_time(message, HOURS)
    discard.discard_bodies()
    connection.close()


def test_each_change_is_looked_at_once(keeps_a_day, monkeypatch):
    """However often it runs, and in sets: a mark moves past what was seen, and no message is met again."""
    monkeypatch.setattr(discard, "AT_ONCE", 7)
    for _ in range(10):
        pass_time(final(keeps_a_day), HOURS)
    looked_at = []
    query = discard.query

    def counting(work, sql, *parameters):
        found = query(work, sql, *parameters)
        if sql in (discard.CHANGES, discard.OLDER):
            looked_at.extend(found)
        return found

    monkeypatch.setattr(discard, "query", counting)
    assert discard.discard_bodies() == 10
    assert len(looked_at) == MessageEvent.objects.count() == 20
    looked_at.clear()
    assert discard.discard_bodies() == 0
    assert looked_at == []
    mark = Retention.objects.get(account_id=keeps_a_day.account_id)
    assert mark.event_id == MessageEvent.objects.latest("position", "id").id


def test_a_run_that_is_told_to_stop_leaves_the_rest_to_the_next(keeps_a_day, monkeypatch):
    """After the set in hand."""
    monkeypatch.setattr(discard, "AT_ONCE", 2)
    for _ in range(5):
        pass_time(final(keeps_a_day), HOURS)
    assert discard.discard_bodies(keep_going=lambda: False) == 1  # of two changes, one is final
    assert discard.discard_bodies() == 4


def test_a_run_that_was_cut_off_is_made_good(keeps_a_day, monkeypatch):
    """Between the messages and the mark: the next one does it once more, and finds the receipts."""
    message = sent_message(keeps_a_day, reference="r-1")
    MessageEvent.objects.filter(message=message).update(account=keeps_a_day.account_id)
    receipt = receive(reference="r-1", body=b"one")
    process()
    pass_time(message, HOURS)
    with monkeypatch.context() as patched:
        patched.setattr(discard, "_finish", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            discard.discard_bodies()
    assert body_of(message)[0] == ""
    assert bytes(Receipt.objects.get(id=receipt.id).body) == b"one"
    discard.discard_bodies()
    assert bytes(Receipt.objects.get(id=receipt.id).body) == b""


def _interrupt(*_):
    raise KeyboardInterrupt


def test_what_was_stored_before_there_were_feeds_is_walked_through_once(keeps_a_day, monkeypatch):
    """When all that was final then is due; what is open now, or was changed since, is left to its changes."""
    monkeypatch.setattr(discard, "AT_ONCE", 2)
    old = [final(keeps_a_day) for _ in range(5)]
    still_open = store(keeps_a_day)
    MessageEvent.objects.update(account=None, position=None)
    for one in [*old, still_open]:
        pass_time(one, HOURS)
    corrected = final(keeps_a_day, Status.UNDELIVERED)
    MessageEvent.objects.filter(message=corrected).update(account=None, position=None)
    pass_time(corrected, HOURS)
    assert discard.discard_bodies() == 0  # the mark is set, and a day has to pass
    apply(move(corrected, "DELIVERED", provider_status="DELIVERED"))
    age("sms_retention", "began_at", f"{HOURS} hours", account_id=keeps_a_day.account_id)
    # Their ids are from before the mark again.
    Retention.objects.update(began_at=Message.objects.latest("id").created_at + timedelta(minutes=1))
    monkeypatch.setattr(discard, "MARK", discard.MARK.replace("<= now()", "<= now() + interval '2 days'"))
    assert discard.discard_bodies() == 5
    assert {body_of(one)[0] for one in old} == {""}
    assert (body_of(still_open)[0], body_of(corrected)[0]) == ("Hello", "Hello")
    assert Retention.objects.get().is_through
    pass_time(corrected, HOURS)
    assert discard.discard_bodies() == 1


@contextmanager
def another_transaction():
    """A transaction of somebody else's, that stays open for a while."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        yield other
    finally:
        other.close()


def test_a_change_that_commits_late_is_not_passed_over(keeps_a_day):
    """Its place in the feed was taken before others that are there already."""
    Account.objects.update(discard_body_after=0)
    discard.discard_bodies()
    Retention.objects.update(is_through=True)
    late = store(keeps_a_day)
    with another_transaction() as other:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")
        early = final(keeps_a_day)
        assert discard.discard_bodies() == 0  # the mark waits for whoever came before
        with other.cursor() as cursor:
            cursor.execute(
                "UPDATE sms_message SET status = 'DELIVERED', sequence = 2 WHERE id = %s;"
                "DELETE FROM sms_dispatchentry WHERE message_id = %s;"
                "INSERT INTO sms_messageevent (message_id, account_id, sequence, status, late, conflict)"
                "VALUES (%s, %s, 2, 'DELIVERED', false, false)",
                [late.id, late.id, late.id, late.account_id],
            )
        other.commit()
    assert discard.discard_bodies() == 2
    assert {body_of(one)[0] for one in (late, early)} == {""}


def test_a_correction_under_way_keeps_the_body(keeps_a_day):
    """Who is just being corrected is waited for, and then left to the new change."""
    message = final(keeps_a_day, Status.UNDELIVERED)
    pass_time(message, HOURS)
    with another_transaction() as other:
        with other.cursor() as cursor:
            cursor.execute(
                "UPDATE sms_message SET status = 'DELIVERED', sequence = 3, updated_at = now() WHERE id = %s",
                [message.id],
            )
        running = threading.Thread(target=_discard_and_close)
        running.start()
        running.join(0.5)
        assert running.is_alive(), "it waits for the row"
        other.commit()
        running.join(10)
    assert body_of(message)[0] == "Hello"


def _discard_and_close():
    discard.discard_bodies()
    connection.close()


def test_many_runs_at_once_do_no_harm(keeps_a_day, monkeypatch):
    """Each body goes once, and nobody waits in a circle."""
    monkeypatch.setattr(discard, "AT_ONCE", 3)
    messages = [final(keeps_a_day) for _ in range(20)]
    for one in messages:
        pass_time(one, HOURS)
    running = [threading.Thread(target=_discard_and_close) for _ in range(4)]
    for one in running:
        one.start()
    for one in running:
        one.join(30)
    assert {body_of(one)[0] for one in messages} == {""}


def test_beat_does_it(keeps_a_day):
    """With what else is past its time."""
    message = final(keeps_a_day)
    pass_time(message, HOURS)
    prune()
    assert body_of(message) == GONE


def test_no_run_walks_through_a_table(keeps_a_day, monkeypatch):
    """Beside many messages, changes and receipts PostgreSQL itself chooses the indexes."""
    monkeypatch.setattr(discard, "AT_ONCE", 50)
    with connection.cursor() as cursor:
        for sql in FILL:
            cursor.execute(sql, {"account": str(keeps_a_day.account_id)})
        for table in ("sms_message", "sms_messageevent", "sms_receipt"):
            cursor.execute(f"ANALYZE {table}")
    with CaptureQueriesContext(connection) as asked:
        assert discard.discard_bodies(keep_going=lambda: False) > 0
        Retention.objects.update(position=2**60)
        age("sms_retention", "began_at", "2 days", account_id=keeps_a_day.account_id)
        discard.discard_bodies(keep_going=lambda: False)
        discard.transact(discard.execute, discard.DISCARD_NOBODYS, discard.LONGEST, 10)
    plans = plans_of(asked)
    assert len(plans) >= 6
    big = ("sms_message ", "sms_messageevent", "sms_receipt")
    assert [sql for sql, plan in plans.items() if any(f"Seq Scan on {table}" in plan for table in big)] == []


FILL = (
    """INSERT INTO sms_message (id, account_id, sender_id, recipient, text, encoding, segment_count, delivery_policy,
                                status, sequence, created_at, updated_at)
       SELECT uuidv7, %(account)s::uuid, 'MyCorp', '+233200000901', 'Hello', 'GSM7', 1, 'AT_MOST_ONCE', 'DELIVERED', 1,
              now() - interval '10 days', now() - interval '10 days'
       FROM (SELECT ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid AS uuidv7
             FROM generate_series(1, 30000) AS n) AS t""",
    """INSERT INTO sms_messageevent (message_id, account_id, sequence, status, late, conflict, occurred_at)
       SELECT id, account_id, 1, 'DELIVERED', false, false, now() - interval '10 days' FROM sms_message""",
    """INSERT INTO sms_receipt (provider, provider_reference, provider_status, status, body, tries, received_at, due_at,
                                processed_at, outcome, message_id)
       SELECT 'simulator', id::text, 'DELIVERED', 'DELIVERED', '{}', 0, now(), now(), now(), 'APPLIED', id
       FROM sms_message""",
)


class TestTextsFromHandsets:
    """They go so many hours after they came."""

    def test_old_ones_are_emptied_and_new_ones_are_not(self, caller):
        """Of the account that asks for it, and of nobody; the rest of each row stays."""
        Account.objects.filter(id=caller.account_id).update(discard_body_after=2)
        other = make_caller("other")
        sent(caller)
        sent(other, recipient="+233200000902")
        texts = [say("mine"), say("theirs", sender="+233200000902"), say("nobody's", sender="+233200000903")]
        for one in texts:
            make_old(one, hours=3)
        new = say("new")
        discard.discard_bodies()
        stored = {row.id: row for row in InboundMessage.objects.all()}
        assert sorted(row.text for row in stored.values()) == ["", "", "new", "theirs"]
        assert [row.body_discarded_at is None for row in (stored[new.id],)] == [True]
        assert sum(row.body_discarded_at is not None for row in stored.values()) == 2
        assert {row.sender for row in stored.values() if not row.text} == {THEM, "+233200000903"}

    def test_without_the_setting_they_are_kept(self, caller):
        """However old."""
        sent(caller)
        make_old(say("mine"), hours=24 * 365 * 5)
        discard.discard_bodies()
        assert [one.text for one in InboundMessage.objects.all()] == ["mine"]


def make_old(text, *, hours):
    """Let a text have come so long ago: its id tells."""
    old = first_id_of(text.received_at, offset=-timedelta(hours=hours))
    InboundMessage.objects.filter(id=text.id).update(id=UUID(int=old.int + next(_numbers)))


_numbers = count(1)
