"""What there is to look at in the admin: bounded in cost, and with nothing that is none of its business."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sms.admin import messages as message_pages
from sms.admin import readonly
from sms.models import Message, OptOut, Reconciliation
from sms.services.reconcile import keep_account
from tests.accounts import make_caller
from tests.inbound import THEM, say, sent
from tests.messages import attempt, store, store_as

MESSAGES, RECEIPTS = "/admin/sms/message/", "/admin/sms/receipt/"


def shown(client, path):
    """The text of a page."""
    page = client.get(path)
    assert page.status_code == 200
    return page.content.decode()


def listed(client, path):
    """The ids on a page with a list."""
    page = client.get(path)
    assert page.status_code == 200, page
    return [one.pk for one in page.context["cl"].result_list]


def test_a_message_is_shown_without_its_text_and_its_number(client, caller):
    """In the list, and on its page with history and attempts."""
    message = store_as(caller, "SENT", text="Your code is 1234", client_reference="order-7")
    attempt(message, reference="r-1")
    for path in (MESSAGES, f"{MESSAGES}{message.id}/change/"):
        text = shown(client, path)
        assert "+23320*****01" in text
        assert "200000901" not in text
        assert "1234" not in text
        assert "SENT" in text
    assert f"{message.created_at:%Y-%m-%d %H:%M:%S}" in text
    assert "order-7" in text
    assert "r-1" in text


def test_messages_are_found_by_what_one_has_in_hand(client, caller):
    """Id, number in any spelling, or reference; nothing else finds anything."""
    first, second = store(caller), store(caller, recipient="+233200000902")
    attempt(second, reference="r-2")
    assert listed(client, MESSAGES) == [second.id, first.id]
    for term, found in {
        str(first.id): [first.id],
        "+233 20 000 0902": [second.id],
        "0200000901": [first.id],
        "r-2": [second.id],
        "nothing": [],
        str(UUID(int=1)): [],
    }.items():
        page = client.get(MESSAGES, {"q": term})
        assert [one.pk for one in page.context["cl"].result_list] == found, term


def test_messages_are_listed_by_account_and_by_age(client, caller, monkeypatch):
    """Ids sort by time, so that an age is a range of them."""
    other = make_caller("other")
    mine, theirs = store(caller), store(other)
    assert listed(client, f"{MESSAGES}?account__id__exact={other.account_id}") == [theirs.id]
    assert listed(client, f"{MESSAGES}?before=an hour") == []
    old = UUID(int=mine.id.int - (int(timedelta(hours=2).total_seconds() * 1000) << 80))
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE sms_message SET id = %s WHERE id = %s", [old, mine.id])
        cursor.execute("SET session_replication_role = DEFAULT")
    assert listed(client, f"{MESSAGES}?before=an hour") == [old]
    assert listed(client, f"{MESSAGES}?before=a day") == []
    now = datetime.now(UTC)
    assert message_pages._first_id_at(now).int >> 80 == int(now.timestamp() * 1000)


@pytest.mark.parametrize("lookup", ["text__contains=code", "recipient__startswith=%2B2332000009", "status=SENT"])
def test_nobody_guesses_what_is_not_shown(client, caller, lookup):
    """Only what there is a filter for may be asked for."""
    store(caller)
    answer = client.get(f"{MESSAGES}?{lookup}")
    assert answer.status_code == 400


def test_no_list_counts_or_walks_through_all_rows(client, caller, monkeypatch):
    """However many there are: every query for a list has an end, and pages go so far and no further."""
    monkeypatch.setattr(readonly, "FURTHEST", 60)
    for _ in range(7):
        Message.objects.bulk_create([Message(**_row(caller)) for _ in range(10)])
    with CaptureQueriesContext(connection) as asked:
        page = client.get(f"{MESSAGES}?p=2")
    assert (page.context["cl"].result_count, len(page.context["cl"].result_list)) == (60, 10)
    about = [one["sql"] for one in asked if 'FROM "sms_message"' in one["sql"]]
    assert len(about) == 2
    assert all("LIMIT" in one for one in about)
    assert client.get(f"{MESSAGES}?p=3").status_code == 302  # there is no such page


def _row(caller):
    return {
        "account_id": caller.account_id,
        "sender_id": "MyCorp",
        "recipient": "+233200000901",
        "text": "x",
        "encoding": "GSM7",
        "segment_count": 1,
        "status": "QUEUED",
        "sequence": 1,
    }


def test_receipts_are_listed_by_state_and_shown_masked(client, one_of_each):
    """As `manage.py receipts` names the states."""
    for state in ("due", "waiting", "failing", "set-aside", "unmatched"):
        assert listed(client, f"{RECEIPTS}?state={state}") == [one_of_each[state].id]
    receipt = one_of_each["set-aside"]
    type(receipt).objects.filter(id=receipt.id).update(body=b'{"msisdn":"233200000901"}\xff')
    text = shown(client, f"{RECEIPTS}{receipt.id}/change/")
    assert "+23320*****01" in text
    assert "200000901" not in text
    assert "is not a valid Status" in text


def test_reconciliations_are_listed(client, caller):
    """With how many rules are broken."""
    store(caller)
    keep_account(Reconciliation.Scope.RECENT)
    assert len(listed(client, "/admin/sms/reconciliation/")) == 1
    assert "Recent" in shown(client, "/admin/sms/reconciliation/")


@pytest.mark.parametrize("model", ["message", "receipt", "reconciliation"])
def test_what_is_to_be_looked_at_cannot_be_changed(client, one_of_each, model):
    """By nobody."""
    assert client.get(f"/admin/sms/{model}/add/").status_code == 403


def test_who_may_nothing_sees_nothing(client, caller, operator):
    """Each page asks for its permission."""
    User.objects.filter(id=operator.id).update(is_superuser=False)
    for model in ("account", "apikey", "message", "receipt", "reconciliation"):
        assert client.get(f"/admin/sms/{model}/").status_code == 403
    User.objects.filter(id=operator.id).update(is_staff=False)
    assert client.get("/admin/").status_code == 302


INBOUND, OPT_OUTS = "/admin/sms/inboundmessage/", "/admin/sms/optout/"


def test_a_text_from_a_handset_is_shown_without_what_it_says_and_its_number(client, caller):
    """In the list and on its page; and so is an opt-out."""
    sent(caller)
    row = say("a canary STOP", sender=THEM)
    opt_out = OptOut.objects.create(account_id=caller.account_id, recipient=THEM, reason="by hand")
    for path in (INBOUND, f"{INBOUND}{row.id}/change/", OPT_OUTS, f"{OPT_OUTS}{opt_out.id}/change/"):
        text = shown(client, path)
        assert "+23320*****01" in text
        assert "200000901" not in text
        assert "canary" not in text


def test_texts_without_a_conversation_are_there_for_operators(client, caller):
    """A filter leads to them, and a number or an id to any of them."""
    sent(caller)
    mine, nobodys = say("Hi"), say("Hi", sender="+233200000902")
    assert listed(client, INBOUND) == [nobodys.id, mine.id]
    assert listed(client, f"{INBOUND}?conversation=none") == [nobodys.id]
    for term, found in {"0200000901": [mine.id], str(nobodys.id): [nobodys.id], "nothing": []}.items():
        assert listed(client, f"{INBOUND}?q={term}") == found
    row = OptOut.objects.create(account_id=caller.account_id, recipient=THEM, reason="by hand")
    assert listed(client, f"{OPT_OUTS}?q=0200000901") == [row.id]
    assert listed(client, f"{OPT_OUTS}?q=0200000902") == []
