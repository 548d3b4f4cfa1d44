"""The account finds every kind of drift, and nothing where there is none."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from sms.services.reconcile import Account, reconcile
from sms.statuses import Status
from tests.messages import age, apply, move, store, store_as


@pytest.fixture
def lives(caller):
    """Messages in several honest states."""
    sent = store(caller)
    apply(
        move(sent, "SENDING", lease="00000000-0000-0000-0000-000000000001"), move(sent, "SENT", provider_reference="r")
    )
    done = store(caller)
    apply(move(done, "DELIVERED", provider_status="DELIVERED"))
    return {"queued": store(caller), "sent": sent, "done": done}


def broken():
    """The rules that are broken, with how many rows."""
    return {one.rule: one.count for one in reconcile()[1]}


def test_an_honest_database_adds_up(lives):
    """Every message is open or final, and no rule is broken."""
    account, drift = reconcile()
    assert (account, drift) == (Account(accepted=3, open=2, final=1), [])
    call_command("reconcile", verbosity=0)


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("DELETE FROM sms_dispatchentry WHERE message_id = %(queued)s", "an open message has a queue entry"),
        ("UPDATE sms_message SET status = 'REJECTED' WHERE id = %(sent)s", "a final message has none"),
        (
            "UPDATE sms_message SET provider_reference = NULL WHERE id = %(sent)s",
            "a message that was sent has its provider's reference",
        ),
        (
            "DELETE FROM sms_messageevent WHERE message_id = %(done)s",
            "accepted = open + final",
        ),
        (
            "DELETE FROM sms_messageevent WHERE message_id = %(sent)s AND sequence = 2",
            "sequences run from 1 to the message's own, without a gap",
        ),
        (
            "UPDATE sms_messageevent SET status = 'EXPIRED' WHERE message_id = %(done)s AND sequence = 2",
            "the last event has the message's status",
        ),
        (
            "UPDATE sms_dispatchentry SET lease = %(sent)s WHERE message_id = %(queued)s",
            "a message in SENDING has a lease, and no other has",
        ),
    ],
)
def test_each_kind_of_damage_is_found(lives, damage, rule):
    """A planted fault is named by the rule it breaks, and the command exits with an error."""
    with connection.cursor() as cursor:
        cursor.execute(damage, {name: str(message.id) for name, message in lives.items()})
    assert broken()[rule] == 1
    with pytest.raises(CommandError):
        call_command("reconcile", verbosity=0)


def test_a_lease_that_nobody_swept_is_found(caller):
    """A minute after its end somebody should have seen it."""
    message = store_as(caller, Status.SENDING)
    age("sms_dispatchentry", "due_at", "2 hours", message_id=message.id)
    assert broken()["no lease that passed is left"] == 1


def test_it_may_look_at_the_last_hours_only(lives):
    """Older messages are left out, so that it stays cheap beside millions of them."""
    assert reconcile(accepted_within=timedelta(hours=1))[0].accepted == 3
    assert reconcile(accepted_within=timedelta(seconds=-10))[0].accepted == 0


def test_each_minute_only_its_own_messages_are_looked_for_in_the_queue(lives):
    """What waits for days may be millions of rows: those are looked at in the night."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sms_dispatchentry SET lease = message_id, due_at = now() + interval '1 hour'")
    rule = "a message in SENDING has a lease, and no other has"
    assert [one.rule for one in reconcile(accepted_within=timedelta(minutes=10))[1]] == [rule]
    assert reconcile(accepted_within=timedelta(seconds=-60))[1] == []
