"""`manage.py forget` erases a person and leaves accounts that add up, against real PostgreSQL."""

import asyncio
import re
import threading
from io import StringIO

import phonenumbers
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sms.database import rows
from sms.errors import InvalidMessage
from sms.models import (
    DispatchEntry,
    IdempotencyKey,
    InboundMessage,
    InboundPart,
    Message,
    MessageEvent,
    OptOut,
    Receipt,
    SubmitAttempt,
)
from sms.phone_numbers import nobodys, normalise
from sms.providers.base import Part
from sms.services import forget
from sms.services.accept import accept
from sms.services.new_message import check
from sms.services.reconcile import reconcile
from sms.services.store import store as store_messages
from sms.statuses import OPEN, Status, can_move, can_requeue
from tests.accounts import make_caller
from tests.inbound import bring, say, sent, told
from tests.messages import apply, attempt, history, move, store, store_as
from tests.plans import plans_of
from tests.privacy import NUMBER, TEXT, found_in
from tests.receipts import process, receive, set_aside, unmatched

NOBODY = "+233000000000000"
MASKED = "+23320*****43"
FORMS = (NUMBER, NUMBER[1:], f"00{NUMBER[1:]}", "0209876543", "+233 20 987 6543", "+233 (0) 20-987.6543")


def run(*words):
    """Run the command and return the lines that it prints."""
    out = StringIO()
    call_command("forget", *words, stdout=out, no_color=True)
    return out.getvalue().splitlines()


def refusal(*words):
    """Run the command and return the sentence with which it refuses."""
    with pytest.raises(CommandError) as refused:
        run(*words)
    assert refused.value.returncode == 1
    return str(refused.value)


def everything():
    """All that the database has, as text."""
    tables = [name for (name,) in rows("SELECT tablename FROM pg_tables WHERE tablename LIKE 'sms%%'")]
    shown = [str(row) for table in tables for row in rows(f"SELECT row_to_json(t)::text FROM {table} t")]
    bodies = [bytes(body).decode(errors="replace") for body in Receipt.objects.values_list("body", flat=True)]
    return "\n".join(shown + bodies)


def delivered(caller, **fields):
    """Return a message to the canary that was delivered, with everything that could tell of it."""
    message = store(caller, **{"recipient": NUMBER, "text": TEXT, "metadata": [("name", TEXT)], **fields})
    lease = "00000000-0000-0000-0000-000000000001"
    apply(move(message, "SENDING", lease=lease), move(message, "SENT", provider="simulator", provider_reference="r-1"))
    SubmitAttempt.objects.create(
        message=message, number=1, provider="simulator", provider_reference="r-1", detail=f"{FORMS[0]} is slow"
    )
    receive(reference="r-1", word=f"D {FORMS[1]}", body=f'{{"to": "{FORMS[2]}", "text": "{TEXT}"}}'.encode())
    receive(reference="r-1", status=None, word=f"for {FORMS[3]}", body=FORMS[4].encode())
    process()
    MessageEvent.objects.filter(message=message, sequence=2).update(detail=f"to {FORMS[4]}, {FORMS[5]}!")
    message.refresh_from_db()
    assert message.status == "DELIVERED"
    return message


def test_nothing_of_a_person_is_left(caller):
    """Neither the number in whatever form, nor the texts, in any table."""
    delivered(caller, client_reference=TEXT, idempotency_key="k")
    assert found_in(everything(), number=NUMBER, text=TEXT)
    assert run(NUMBER, "--yes") == [
        f"{MASKED}: 1 messages were erased, 0 canceled first.",
        "2 receipts were emptied.",
    ]
    assert not found_in(everything(), number=NUMBER, text=TEXT)
    assert "0209876543" not in everything()
    assert "20 987 6543" not in everything()


def test_what_accounts_add_up_by_stays(caller):
    """Ids, statuses, times, segments, references and the history; the words around the number, too."""
    message = delivered(caller, client_reference="order-7")
    before, lines = Message.objects.values().get(id=message.id), history(message)
    keys = IdempotencyKey.objects.count()
    run(NUMBER, "--yes")
    after = Message.objects.values().get(id=message.id)
    changed = {"recipient", "text", "metadata", "client_reference", "body_discarded_at"}
    assert {name for name in before if before[name] != after[name]} == changed
    assert (after["recipient"], after["text"], after["metadata"], after["client_reference"]) == (NOBODY, "", None, None)
    assert history(message) == lines
    assert MessageEvent.objects.get(message=message, sequence=2).detail == "to ***, ***!"
    assert SubmitAttempt.objects.get(message=message).detail == "*** is slow"
    assert sorted(Receipt.objects.values_list("provider_status", flat=True)) == ["D ***", "for ***"]
    assert IdempotencyKey.objects.count() == keys
    assert reconcile()[1] == []


def test_without_yes_it_only_counts(caller):
    """And says what it would do."""
    delivered(caller)
    store(caller, recipient=NUMBER)
    store_as(caller, Status.UNCERTAIN, recipient=NUMBER)
    before = everything()
    assert run(NUMBER) == [
        f"{MASKED}: 2 messages would be erased, 1 canceled first.",
        "1 may still be given to a provider, so they stay: UNCERTAIN 1.",
        "Nothing was changed. With --yes it is done, and cannot be undone.",
    ]
    assert everything() == before


def test_doing_it_again_finds_nothing(caller):
    """It is safe to repeat."""
    delivered(caller)
    run(NUMBER, "--yes")
    before = everything()
    assert run(NUMBER, "--yes")[0] == f"{MASKED}: 0 messages were erased, 0 canceled first."
    assert everything() == before


@pytest.mark.parametrize("status", ["SCHEDULED", "QUEUED"])
def test_what_can_be_canceled_is_canceled_first(caller, status):
    """It is never sent, and its history says so."""
    message = store_as(caller, Status(status), recipient=NUMBER)
    assert run(NUMBER, "--yes")[0] == f"{MASKED}: 1 messages were erased, 1 canceled first."
    message.refresh_from_db()
    assert (message.status, message.recipient, message.text) == ("CANCELED", NOBODY, "")
    assert history(message) == [(1, status), (2, "CANCELED")]
    assert not DispatchEntry.objects.exists()
    assert reconcile()[1] == []


def test_what_was_sent_is_erased_and_still_gets_its_receipt(caller):
    """The provider has the text, and nobody needs it here; what the receipt came as is not kept."""
    message = store_as(caller, Status.SENT, recipient=NUMBER, text=TEXT)
    attempt(message, reference="r-1")
    run(NUMBER, "--yes")
    receipt = receive(reference="r-1", body=NUMBER.encode())
    process()
    message.refresh_from_db()
    receipt.refresh_from_db()
    assert (message.status, message.recipient, receipt.outcome) == ("DELIVERED", NOBODY, "APPLIED")
    assert bytes(receipt.body) == b""


def perhaps_sent(caller):
    """Return a message that is queued again, after an attempt that perhaps reached the provider."""
    message = store(caller, recipient=NUMBER, delivery_policy="AT_LEAST_ONCE")
    attempt(message)
    return message


@pytest.mark.parametrize(
    "make",
    [
        lambda caller: store_as(caller, Status.SENDING, recipient=NUMBER),
        lambda caller: store_as(caller, Status.UNCERTAIN, recipient=NUMBER),
        perhaps_sent,
    ],
)
def test_what_a_provider_may_still_be_given_stays_for_now(caller, make):
    """Whoever asked is told with exit code 1, and comes back later; the others are erased."""
    kept, other = make(caller), delivered(caller)
    status = kept.status
    before = Message.objects.values().get(id=kept.id)
    assert refusal(NUMBER, "--yes") == "1 could not be erased yet: run this again once they are final."
    other.refresh_from_db()
    assert Message.objects.values().get(id=kept.id) == before
    assert other.recipient == NOBODY
    apply(move(kept, "FAILED"))
    assert run(NUMBER, "--yes")[0] == f"{MASKED}: 1 messages were erased, 0 canceled first."
    kept.refresh_from_db()
    assert (status in OPEN, kept.recipient) == (True, NOBODY)


def test_what_is_erased_is_never_sent():
    """By the table: nothing leads from there to a status in which a provider is given the text."""
    for old in forget.ERASABLE:
        for new in Status:
            reasons = [(known, allowed) for known in (False, True) for allowed in (False, True)]
            requeued = any(can_requeue(old, known_not_sent=k, resend_allowed=r) for k, r in reasons)
            assert not (new is Status.QUEUED and requeued)
            assert not can_move(old, new) or new in forget.ERASABLE


def test_other_numbers_and_other_accounts_stay(caller):
    """One account's messages only, where that is asked for; never another number's."""
    other = make_caller("other")
    mine, theirs, strangers = delivered(caller), store(other, recipient=NUMBER), store(caller)
    assert run(NUMBER, "--account", "tests", "--yes")[0].startswith(f"{MASKED}: 1 messages were erased")
    for one in (mine, theirs, strangers):
        one.refresh_from_db()
    assert [one.recipient for one in (mine, theirs, strangers)] == [NOBODY, NUMBER, "+233200000901"]


def test_a_receipt_of_nobody_is_emptied_where_it_has_the_number(caller):
    """In the inbox, unmatched or set aside; others keep their bodies, and those that wait can still be applied."""
    later = store_as(caller, Status.SENT)
    attempt(later, reference="r-9")
    body = f"msisdn=%2B{NUMBER[1:]}&status=1".encode()
    waits = receive(reference="too-early", body=body)
    found = [unmatched(reference="nobodys"), set_aside(reference="r-9", body=b"(020) 987 6543")]
    Receipt.objects.filter(id=found[0].id).update(body=body, error=f"no {NUMBER}")
    other = receive(reference="too-early-2", body=b"233209876544")
    process()
    assert run(NUMBER, "--yes")[1] == "3 receipts were emptied."
    assert {bytes(Receipt.objects.get(id=one.id).body) for one in [waits, *found]} == {b""}
    assert Receipt.objects.get(id=found[0].id).error == "no ***"
    assert bytes(Receipt.objects.get(id=other.id).body) == b"233209876544"
    attempt(later, reference="too-early", number=2)
    Receipt.objects.update(due_at="2026-01-02T03:04:05Z")
    process()
    assert Receipt.objects.get(id=waits.id).outcome == "APPLIED"


def test_more_than_one_set_is_erased(caller, monkeypatch):
    """However many there are."""
    monkeypatch.setattr(forget, "BATCH", 3)
    for _ in range(10):
        store_as(caller, Status.DELIVERED, recipient=NUMBER)
    assert run(NUMBER, "--yes")[0] == f"{MASKED}: 10 messages were erased, 0 canceled first."
    assert set(Message.objects.values_list("recipient", flat=True)) == {NOBODY}


@pytest.mark.parametrize("step", ["_erase_receipts", "_erase_rest"])
def test_whoever_is_cut_off_finds_the_rest(caller, monkeypatch, step):
    """The number goes last."""
    delivered(caller)
    with monkeypatch.context() as patched:
        patched.setattr(forget, step, _interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(NUMBER, "--yes")
    assert found_in(everything(), number=NUMBER)
    run(NUMBER, "--yes")
    assert not found_in(everything(), number=NUMBER, text=TEXT)


def _interrupt(*_):
    raise KeyboardInterrupt


async def test_a_replay_shows_the_forgotten_message(caller):
    """The key stays, a digest that tells nothing, so nothing is sent a second time."""
    request = {"sender_id": "MyCorp", "recipient": NUMBER, "text": TEXT, "idempotency_key": "k"}
    first = await accept(caller=caller, **request)
    await asyncio.to_thread(_forget_and_close)
    again = await accept(caller=caller, **request)
    assert (again.replayed, again.message.id) == (True, first.message.id)
    assert (again.message.recipient, again.message.text, again.message.status) == (NOBODY, "", "CANCELED")


def _forget_and_close():
    forget.forget(NUMBER)
    connection.close()


def test_two_at_once_do_no_harm(caller):
    """Nor do receipts that come meanwhile."""
    for _ in range(5):
        delivered(caller)
    running = [threading.Thread(target=_forget_and_close) for _ in range(3)]
    for one in running:
        one.start()
    for one in running:
        one.join(30)
    assert not found_in(everything(), number=NUMBER, text=TEXT)
    assert reconcile()[1] == []


def test_a_new_message_to_the_number_is_a_new_message(caller):
    """To forget somebody is not to block them."""
    delivered(caller)
    run(NUMBER, "--yes")
    assert store(caller, recipient=NUMBER).recipient == NUMBER


@pytest.mark.parametrize("written", ["0209876543", "00233209876543", "233 20 987 6543"])
def test_the_number_may_be_written_in_other_ways(caller, written):
    """As it may be when a message is sent."""
    delivered(caller)
    assert run(written, "--yes")[0].startswith(f"{MASKED}: 1 messages")


def test_a_number_that_is_no_longer_valid_can_be_forgotten(caller):
    """It was valid when its message was accepted: numbering plans change."""
    message = store_as(caller, Status.DELIVERED)
    Message.objects.filter(id=message.id).update(recipient="+233990000000")
    assert run("+233990000000", "--yes")[0].endswith("1 messages were erased, 0 canceled first.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "'nobody' contains 'n'"),
        ([NUMBER, "--account", "nobodys"], "There is no account 'nobodys'."),
        ([], "the following arguments are required: number"),
    ],
)
def test_bad_arguments_are_refused_with_a_sentence(transactional_db, words, said):
    """And with exit code 1."""
    assert said in refusal(*words)


@pytest.mark.parametrize("code", sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
def test_what_stands_for_a_number_is_nobodys(code):
    """Of the same calling code, the same for all of them, and never a number that can be sent to."""
    instead = nobodys(f"+{code}200000901")
    assert re.fullmatch(rf"\+{code}0+", instead)
    assert len(instead) == Message._meta.get_field("recipient").max_length
    assert phonenumbers.number_type(phonenumbers.parse(instead)) == phonenumbers.PhoneNumberType.UNKNOWN
    with pytest.raises(InvalidMessage):
        normalise(instead, default_region="GH")


@pytest.mark.parametrize(
    ("words", "left"),
    [
        *((form, "***") for form in FORMS),
        ("%2B233209876543&", "%2B***&"),
        ("1233209876543", "1233209876543"),
        ("2332098765430", "2332098765430"),
        ("0209876544", "0209876544"),
        ("987 6543", "987 6543"),
    ],
)
def test_the_number_is_found_in_others_words(transactional_db, words, left):
    """However it is written, and nothing that only looks like it."""
    sql = "SELECT regexp_replace(%s, %s, '***', 'g')"
    assert rows(sql, words, forget.pattern_of(NUMBER)) == [(left,)]


def test_it_walks_through_no_table(caller):
    """Beside many others PostgreSQL itself chooses the indexes."""
    delivered(caller)
    with connection.cursor() as cursor:
        for sql in FILL:
            cursor.execute(sql, {"account": str(caller.account_id)})
        for table in ("sms_message", "sms_messageevent", "sms_receipt", "sms_submitattempt"):
            cursor.execute(f"ANALYZE {table}")
    with CaptureQueriesContext(connection) as asked:
        run(NUMBER)
        run(NUMBER, "--yes")
    plans = plans_of(asked)
    assert len(plans) >= 9
    big = ("sms_message ", "sms_messageevent", "sms_receipt", "sms_submitattempt")
    assert [sql for sql, plan in plans.items() if any(f"Seq Scan on {table}" in plan for table in big)] == []


FILL = (
    """INSERT INTO sms_message (id, account_id, sender_id, recipient, text, encoding, segment_count, delivery_policy,
                                status, sequence)
       SELECT uuidv7, %(account)s::uuid, 'MyCorp', '+2332' || lpad(n::text, 8, '0'), 'Hello', 'GSM7', 1,
              'AT_MOST_ONCE', 'DELIVERED', 1
       FROM (SELECT n, ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid AS uuidv7
             FROM generate_series(1, 30000) AS n) AS t""",
    """INSERT INTO sms_messageevent (message_id, account_id, sequence, status, late, conflict)
       SELECT id, account_id, 1, 'DELIVERED', false, false FROM sms_message WHERE text = 'Hello'""",
    """INSERT INTO sms_submitattempt (id, message_id, number, provider)
       SELECT id, id, 1, 'simulator' FROM sms_message WHERE text = 'Hello'""",
    """INSERT INTO sms_receipt (provider, provider_reference, provider_status, status, body, tries, received_at, due_at,
                                processed_at, outcome, message_id)
       SELECT 'simulator', id::text, 'DELIVERED', 'DELIVERED', '{}', 0, now(), now(), now(), 'APPLIED', id
       FROM sms_message WHERE text = 'Hello'""",
)


def test_texts_from_the_number_are_erased_in_place(caller):
    """Whoever they were sent to; a provider that tells of one again brings nothing back. Parts are deleted."""
    sent(caller, recipient=NUMBER)
    other = "+233200000902"
    texts = [say("Hi", reference="mo-a", sender=NUMBER), say("Ho", sender=NUMBER), say("Hey", sender=other)]
    bring(told("half", reference="mo-p", sender=NUMBER, part=Part("7", 1, 2)))
    said = run(NUMBER, "--yes")
    assert "2 texts from it were erased." in said
    assert InboundPart.objects.count() == 0
    bring(told("Hi", reference="mo-a", sender=NUMBER))
    stored = list(InboundMessage.objects.order_by("id").values_list("id", "sender", "text"))
    assert stored == [(texts[0].id, NOBODY, ""), (texts[1].id, NOBODY, ""), (texts[2].id, other, "Hey")]
    assert InboundMessage.objects.get(id=texts[0].id).body_discarded_at is not None
    assert run(NUMBER) == [
        f"{MASKED}: 0 messages would be erased, 0 canceled first.",
        "Nothing was changed. With --yes it is done, and cannot be undone.",
    ]


def test_of_one_account_only_its_texts_are_erased(caller):
    """Those of others, and of nobody, stay."""
    say("nobody's", sender=NUMBER)
    sent(make_caller("other"), recipient=NUMBER)
    say("theirs", sender=NUMBER)
    sent(caller, recipient=NUMBER)
    say("mine", sender=NUMBER)
    assert "1 texts from it would be erased." in run(NUMBER, "--account", "tests")
    run(NUMBER, "--account", "tests", "--yes")
    assert list(InboundMessage.objects.order_by("id").values_list("text", flat=True)) == ["nobody's", "theirs", ""]


def test_an_opt_out_stays_and_what_was_written_about_it_goes(caller):
    """Or who asked for no more texts, and to be forgotten, would get texts again."""
    sent(caller, recipient=NUMBER)
    say("STOP", sender=NUMBER)
    OptOut.objects.create(account_id=caller.account_id, recipient=NUMBER, sender_id="MyCorp", reason="Ama rang us")
    said = run(NUMBER, "--yes")
    assert "Its opt-outs stay (2), or it would get texts again." in said
    assert sorted(OptOut.objects.values_list("recipient", "reason")) == [
        (NUMBER, "STOP"),
        (NUMBER, "its owner has been forgotten"),
    ]
    (result,) = store_messages([check(caller, sender_id="MyCorp", recipient=NUMBER, text="Hello")])
    assert result.code == "RECIPIENT_OPTED_OUT"
