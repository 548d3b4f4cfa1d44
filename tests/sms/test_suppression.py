"""Who has opted out gets nothing: not at the accept, not from the queue, and not through any gap between."""

import threading
import time
from dataclasses import replace

import pytest
from django.db import connection

from sms import opted_out
from sms.database import execute, in_thread, rows, transact
from sms.errors import ErrorCode, InvalidMessage, OptOutNotFound, PermissionDenied
from sms.models import DispatchEntry, IdempotencyKey, Message, MessageEvent, OptOut, SubmitAttempt, Usage
from sms.providers.base import Outcome
from sms.providers.errors import ProviderError
from sms.services import confirm, dispatch, opt_outs
from sms.services.accept import accept
from sms.services.accept_many import ErrorPolicy, accept_many
from sms.services.new_message import check
from sms.services.opt_outs import RecipientOptedOut
from sms.services.plan import plan_message
from sms.services.store import Accepted, NothingStored, store, store_all
from sms.statuses import Status
from tests.accounts import make_caller
from tests.inbound import THEM, US, bring, say, sent, told
from tests.messages import age, apply, move
from tests.messages import store as store_one

pytestmark = pytest.mark.django_db(transaction=True)
OTHER = "+233200000902"


def new(caller, **fields):
    """A message to a person, ready to be stored."""
    return check(caller, **{"sender_id": "MyCorp", "recipient": THEM, "text": "Hello", **fields})


def opt_out(caller, recipient=THEM, **fields):
    """Opt a person out."""
    return OptOut.objects.create(account_id=caller.account_id, recipient=recipient, reason="STOP", **fields)


def codes(results):
    """What each result says: None for a message."""
    return [None if isinstance(one, Accepted) else one.code for one in results]


REFUSED = ErrorCode.RECIPIENT_OPTED_OUT


class TestAccept:
    """What is refused before it is stored."""

    def test_who_opted_out_is_refused_and_nothing_is_stored(self, caller):
        """Its neighbours in the set are stored as ever."""
        opt_out(caller)
        results = store([new(caller), new(caller, recipient=OTHER), new(caller, idempotency_key="k")])
        assert codes(results) == [REFUSED, None, REFUSED]
        assert isinstance(results[0], RecipientOptedOut)
        assert [one.recipient for one in Message.objects.all()] == [OTHER]
        assert (MessageEvent.objects.count(), DispatchEntry.objects.count(), IdempotencyKey.objects.count()) == (
            1,
            1,
            0,
        )
        assert [one.accepted for one in Usage.objects.all()] == [1]

    def test_a_key_is_not_used_up(self, caller):
        """When the person wants texts again, the same request goes through."""
        row = opt_out(caller)
        assert codes(store([new(caller, idempotency_key="k")])) == [REFUSED]
        row.delete()
        assert codes(store([new(caller, idempotency_key="k")])) == [None]

    def test_what_was_accepted_before_is_returned_as_ever(self, caller):
        """A repeated request is not refused for what happened since, and sends nothing anew."""
        (first,) = store([new(caller, idempotency_key="k")])
        opt_out(caller)
        (again,) = store([new(caller, idempotency_key="k")])
        assert (again.message.id, again.replayed) == (first.message.id, True)
        assert codes(store([new(caller, idempotency_key="k", text="Another")])) == [ErrorCode.IDEMPOTENCY_KEY_REUSED]

    def test_one_sender_ids_opt_out_is_about_that_one(self):
        """The account's other sender IDs may still write."""
        caller = make_caller("two", sender_ids=["MyCorp", "Other"])
        opt_out(caller, sender_id="MyCorp")
        assert codes(store([new(caller), new(caller, sender_id="Other")])) == [REFUSED, None]

    def test_another_accounts_opt_out_is_its_own(self, caller):
        """Nobody is kept from texts by what was said to others."""
        opt_out(make_caller("other"))
        assert codes(store([new(caller)])) == [None]

    def test_test_messages_have_opt_outs_of_their_own(self, caller):
        """A test cannot stop a live message, nor a live STOP a test."""
        tester = replace(caller, is_test=True)
        row = opt_out(caller, is_test=True)
        assert codes(store([new(caller), new(tester)])) == [None, REFUSED]
        OptOut.objects.filter(id=row.id).update(is_test=False)
        assert codes(store([new(caller), new(tester)])) == [REFUSED, None]

    def test_limits_and_opt_outs_are_decided_together(self):
        """Of an account with limits, in the same transaction. What is refused is not counted as accepted."""
        caller = make_caller("limited", quota=10)
        opt_out(caller)
        assert codes(store([new(caller), new(caller, recipient=OTHER)])) == [REFUSED, None]
        assert [one.accepted for one in Usage.objects.all()] == [1]

    def test_all_or_nothing_stores_nothing(self, caller):
        """One recipient who has opted out is enough."""
        opt_out(caller)
        with pytest.raises(NothingStored):
            store_all([new(caller, idempotency_key="a"), new(caller, recipient=OTHER, idempotency_key="b")])
        assert Message.objects.count() == 0

    async def test_every_way_in_says_so(self, caller):
        """A single message, rows of a batch, and a plan."""
        await in_thread(opt_out, caller)
        request = {"sender_id": "MyCorp", "recipient": "0200000901", "text": "Hello"}
        with pytest.raises(InvalidMessage) as refusal:
            await accept(caller=caller, **request)
        assert (refusal.value.code, refusal.value.field) == (REFUSED, "recipient")
        batch = [request, {**request, "recipient": OTHER}]
        assert codes(await accept_many(caller=caller, messages=batch, idempotency_key="b1")) == [REFUSED, None]
        whole = ErrorPolicy.ALL_OR_NOTHING
        results = await accept_many(caller=caller, messages=batch, idempotency_key="b2", error_policy=whole)
        assert codes(results) == [REFUSED, ErrorCode.BATCH_REFUSED]
        plan = await plan_message(caller=caller, **request)
        assert (plan.accepted, [one.code for one in plan.verdicts if one.ok is False]) == (False, [REFUSED])
        assert (await plan_message(caller=caller, **{**request, "recipient": OTHER})).accepted
        nobody = await plan_message(caller=caller, **{**request, "recipient": "x"})
        assert [(one.rule, one.ok) for one in nobody.verdicts][-1] == ("OPT_OUT", None)

    def test_only_who_has_opt_outs_is_looked_at_more_closely(self, caller):
        """The first set that meets one is stored all the same, and the account is remembered."""
        others = make_caller("other")
        assert codes(store([new(caller), new(others)])) == [None, None]
        opt_out(caller)
        assert codes(store([new(caller), new(caller, recipient=OTHER), new(others)])) == [REFUSED, None, None]
        assert {caller.account_id, others.account_id} & opt_outs.known == {caller.account_id}


class TestRaces:
    """An opt-out that is committed before an accept's commit wins."""

    def test_an_accept_sees_every_opt_out_that_is_committed_when_it_is(self, caller):
        """Many accepts and one opt-out: what is stored is what was there when the opt-out had the account's lock."""
        before, after = [], []
        for number in range(20):
            execute("DELETE FROM sms_optout")
            if number % 2:
                opt_outs.known.clear()  # as in a process that has never heard of any
            done = threading.Event()

            def accept_on(done=done):
                try:
                    while not done.is_set():
                        store([new(caller)])
                finally:
                    connection.close()

            def add():
                opt_outs._add(caller, THEM, "", "x")
                return Message.objects.count()

            threads = [threading.Thread(target=accept_on) for _ in range(3)]
            for one in threads:
                one.start()
            time.sleep(0.02)
            before.append(transact(add))
            time.sleep(0.02)
            done.set()
            for one in threads:
                one.join()
            after.append(Message.objects.count())
        assert after == before
        assert before[-1] > before[0]

    def test_an_opt_out_waits_for_the_accept_that_is_under_way(self, caller):
        """And the next accept waits for the opt-out."""
        order = []
        accepted, go = threading.Event(), threading.Event()

        def slow_accept():
            def work():
                from sms.services.store import _store

                _store([new(caller)])
                accepted.set()
                go.wait(5)
                order.append("accept")

            transact(work)
            connection.close()

        def stop():
            accepted.wait(5)
            transact(lambda: opt_outs._add(caller, THEM, "", "x"))
            order.append("opt-out")
            connection.close()

        threads = [threading.Thread(target=one) for one in (slow_accept, stop)]
        for one in threads:
            one.start()
        accepted.wait(5)
        time.sleep(0.2)
        assert order == []
        go.set()
        for one in threads:
            one.join()
        assert order == ["accept", "opt-out"]
        assert codes(store([new(caller)])) == [REFUSED]


class TestQueue:
    """What was accepted before, and is still to be sent."""

    def test_it_is_rejected_when_its_turn_comes(self, caller):
        """Never handed over: there is no attempt. Others are claimed as ever."""
        message, other = store_one(caller), store_one(caller, recipient=OTHER)
        opt_out(caller)
        assert [one.message_id for one in dispatch.claim(limit=10)] == [other.id]
        message.refresh_from_db()
        assert (message.status, message.error_code) == ("REJECTED", "RECIPIENT_OPTED_OUT")
        assert not SubmitAttempt.objects.filter(message=message).exists()
        assert not DispatchEntry.objects.filter(message=message).exists()

    def test_a_set_of_nothing_else_is_no_end_of_the_work(self, caller):
        """The worker goes on to what may be sent."""
        for _ in range(3):
            store_one(caller)
        last = store_one(caller, recipient=OTHER)
        opt_out(caller)
        assert [one.message_id for one in dispatch.claim(limit=2)] == [last.id]
        assert Message.objects.filter(status="REJECTED").count() == 3

    def test_a_live_opt_out_lets_test_messages_by(self, caller):
        """As at the accept."""
        message = store_one(replace(caller, is_test=True))
        opt_out(caller)
        assert [one.message_id for one in dispatch.claim(limit=10)] == [message.id]


class TestProviders:
    """Providers that keep lists of their own."""

    def told_by(self, caller, how):
        """A message that a provider refuses because its recipient has opted out there."""
        message = store_one(caller)
        (claimed,) = dispatch.claim(limit=1)
        if how == "answer":
            refusal = Outcome.not_sent(ProviderError.RECIPIENT_OPTED_OUT, "21610", provider_error="21610")
            dispatch.record([claimed], [refusal])
        else:
            dispatch.record([claimed], [Outcome.sent("r-1")])
            refused = {"error_code": ProviderError.RECIPIENT_OPTED_OUT, "provider": "simulator"}
            apply(move(message, Status.UNDELIVERED, provider_status="undelivered", **refused))
        message.refresh_from_db()
        return message

    @pytest.mark.parametrize(("how", "status"), [("answer", "REJECTED"), ("receipt", "UNDELIVERED")])
    def test_what_they_refuse_is_not_sent_to_them_again(self, caller, how, status):
        """Their opt-out is of the pair that they know; ours says who told it."""
        assert self.told_by(caller, how).status == status
        row = OptOut.objects.get()
        assert (row.recipient, row.sender_id, row.is_test) == (THEM, "MyCorp", False)
        assert row.reason == "told by the provider simulator"
        assert codes(store([new(caller)])) == [REFUSED]

    def test_our_own_refusal_adds_nothing(self, caller):
        """A message that the claim rejects is no news of a provider."""
        store_one(caller)
        opt_out(caller)
        dispatch.claim(limit=1)
        assert OptOut.objects.count() == 1


class TestConfirmation:
    """The one text that goes out all the same."""

    @pytest.fixture
    def caller(self, transactional_db):
        """An account that answers to who opts out."""
        caller = make_caller("polite", sender_ids=["MyCorp", US])
        execute("UPDATE sms_account SET opt_out_reply = 'No more texts.' WHERE id = %s", caller.account_id)
        return caller

    def replies(self):
        """The confirmations there are."""
        return list(Message.objects.filter(text="No more texts.").values_list("sender_id", "recipient", "status"))

    def test_it_is_sent_once_from_the_sender_id_that_was_answered(self, caller):
        """However often it is asked for, and however often the person says STOP."""
        sent(caller, sender_id=US)
        say("STOP")
        say("STOP")
        assert self.replies() == []
        assert [confirm.confirm_opt_outs() for _ in range(3)] == [1, 0, 0]
        assert self.replies() == [(US, THEM, "QUEUED")]
        assert codes(store([new(caller)])) == [REFUSED]

    def test_it_is_handed_over_and_nothing_else(self, caller):
        """The claim lets it by, as the accept did."""
        waiting = store_one(caller)
        sent(caller)
        say("STOP")
        confirm.confirm_opt_outs()
        (claimed,) = dispatch.claim(limit=10)
        assert claimed.submission.text == "No more texts."
        waiting.refresh_from_db()
        assert waiting.status == "REJECTED"

    def test_it_is_one_message_whoever_is_cut_off(self, caller):
        """Between its accept and the note that it was accepted: it is accepted again, and is the same."""
        sent(caller)
        say("STOP")
        due = [confirm.Due(*row) for row in rows(confirm.DUE, 1, 10)]
        assert confirm._confirm(due[0])
        assert confirm._confirm(due[0])
        assert confirm.confirm_opt_outs() == 1
        assert len(self.replies()) == 1

    def test_who_says_start_and_stop_again_is_told_again(self, caller):
        """It is another opt-out."""
        sent(caller)
        for word in ("STOP", "START", "STOP"):
            say(word)
            confirm.confirm_opt_outs()
        assert len(self.replies()) == 2

    def test_without_the_sender_id_or_a_reply_nothing_is_sent(self, caller):
        """The opt-out counts all the same."""
        sent(caller)
        execute("DELETE FROM sms_senderid WHERE value = 'MyCorp'")
        say("STOP")
        silent = make_caller("silent")
        sent(silent, recipient=OTHER)
        say("STOP", sender=OTHER)
        assert (confirm.confirm_opt_outs(), self.replies(), OptOut.objects.count()) == (0, [], 2)

    def test_what_is_added_by_hand_is_not_confirmed(self, caller):
        """Nobody has said anything."""
        transact(lambda: opt_outs._add(caller, THEM, "", "x"))
        assert confirm.confirm_opt_outs() == 0

    def test_it_waits_for_the_accounts_limits_but_not_for_long(self, caller):
        """An hour later it would puzzle more than it tells."""
        execute("UPDATE sms_account SET daily_quota = 1 WHERE id = %s", caller.account_id)
        sent(caller)
        say("STOP")
        assert (confirm.confirm_opt_outs(), self.replies()) == (0, [])
        age("sms_optout", "created_at", "61 minutes", recipient=THEM)
        assert (confirm.confirm_opt_outs(), self.replies(), confirm.confirm_opt_outs()) == (1, [], 0)

    def test_who_waits_for_the_limits_is_in_nobodys_way(self, caller, monkeypatch):
        """An account that has sent all it may, and its opt-outs, are no reason for others to wait."""
        monkeypatch.setattr(confirm, "AT_ONCE", 1)
        execute("UPDATE sms_account SET daily_quota = 1 WHERE id = %s", caller.account_id)
        sent(caller)
        say("STOP")
        other = make_caller("other")
        execute("UPDATE sms_account SET opt_out_reply = 'Bye.' WHERE id = %s", other.account_id)
        age("sms_optout", "created_at", "1 minute", recipient=THEM)
        sent(other)
        say("STOP")
        assert sum(confirm.confirm_opt_outs() for _ in range(50)) == 1
        assert [one.account_id for one in Message.objects.filter(text="Bye.")] == [other.account_id]

    def test_a_test_conversation_is_confirmed_by_a_test_message(self, caller):
        """So the simulator's handset gets the answer, and nobody else."""
        message = sent(caller)
        Message.objects.filter(id=message.id).update(is_test=True)
        say("STOP")
        confirm.confirm_opt_outs()
        assert [one.is_test for one in Message.objects.filter(text="No more texts.")] == [True]


class TestByHand:
    """What an account's own programs may do."""

    async def test_a_number_is_added_and_taken_away(self, caller):
        """As a send takes it; again, it is as it was."""
        added = await opt_outs.add(caller=caller, recipient="0200000901", reason="a letter")
        again = await opt_outs.add(caller=caller, recipient=THEM)
        assert (added.recipient, added.sender_id, added.reason, again) == (THEM, "", "a letter", added)
        assert (await opted_out.opt_outs(account_id=caller.account_id)).opt_outs == [added]
        assert await opt_outs.remove(caller=caller, opt_out_id=added.id) == added
        with pytest.raises(OptOutNotFound):
            await opt_outs.remove(caller=caller, opt_out_id=added.id)

    async def test_another_accounts_opt_out_does_not_exist(self, caller):
        """Neither in a list nor to be taken away."""
        other = await in_thread(make_caller, "other")
        added = await opt_outs.add(caller=other, recipient=THEM)
        with pytest.raises(OptOutNotFound):
            await opt_outs.remove(caller=caller, opt_out_id=added.id)
        assert (await opted_out.opt_outs(account_id=caller.account_id)).opt_outs == []
        assert await in_thread(OptOut.objects.count) == 1

    async def test_a_test_key_is_about_test_messages(self, caller):
        """It adds such opt-outs, and takes no live one away; a live key may take away either."""
        tester = replace(caller, is_test=True)
        live, test = (
            await opt_outs.add(caller=caller, recipient=THEM),
            await opt_outs.add(caller=tester, recipient=THEM),
        )
        assert (live.is_test, test.is_test) == (False, True)
        with pytest.raises(OptOutNotFound):
            await opt_outs.remove(caller=tester, opt_out_id=live.id)
        listed = await opted_out.opt_outs(account_id=caller.account_id, only_test=True)
        assert listed.opt_outs == [test]
        no_live = opted_out.OptOutFilter(is_test=False)
        assert (await opted_out.opt_outs(account_id=caller.account_id, wanted=no_live, only_test=True)).opt_outs == []
        assert await opt_outs.remove(caller=caller, opt_out_id=test.id) == test

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"recipient": "x"}, "RECIPIENT_INVALID"),
            ({"recipient": "0302123456"}, "RECIPIENT_NOT_MOBILE"),
            ({"recipient": THEM, "sender_id": ""}, "SENDER_ID_INVALID"),
            ({"recipient": THEM, "reason": ""}, "REASON_INVALID"),
            ({"recipient": THEM, "reason": "x" * 256}, "REASON_INVALID"),
            ({"recipient": THEM, "reason": "a\nb"}, "REASON_INVALID"),
        ],
    )
    async def test_what_is_no_opt_out_is_refused(self, caller, given, code):
        """By the rules of a send."""
        with pytest.raises(InvalidMessage) as refusal:
            await opt_outs.add(caller=caller, **given)
        assert refusal.value.code == code

    async def test_a_key_needs_the_scope(self, caller):
        """Whoever may not send may not keep others from it, nor let them."""
        reader = replace(caller, scopes=frozenset({"messages:read"}))
        with pytest.raises(PermissionDenied):
            await opt_outs.add(caller=reader, recipient=THEM)
        added = await opt_outs.add(caller=caller, recipient=THEM)
        with pytest.raises(PermissionDenied):
            await opt_outs.remove(caller=reader, opt_out_id=added.id)

    async def test_lists_go_on_page_by_page(self, caller):
        """Newest first, of one number or of all."""
        numbers = [f"+2332000009{at:02}" for at in range(10, 15)]
        added = [await opt_outs.add(caller=caller, recipient=one) for one in numbers]
        wanted = list(reversed(added))
        first = await opted_out.opt_outs(account_id=caller.account_id, limit=3)
        second = await opted_out.opt_outs(account_id=caller.account_id, limit=3, after=first.next)
        assert ([*first.opt_outs, *second.opt_outs], second.next) == (wanted, None)
        one = opted_out.OptOutFilter(recipient=numbers[2])
        assert (await opted_out.opt_outs(account_id=caller.account_id, wanted=one)).opt_outs == [added[2]]


async def test_a_stop_that_is_answered_holds_for_the_next_send(caller):
    """From the webhook's own function to the accept's."""
    from sms.services.receive import keep_inbound

    await in_thread(lambda: sent(caller))
    await keep_inbound("simulator", [told("Stop")])
    with pytest.raises(RecipientOptedOut):
        await accept(caller=caller, sender_id="MyCorp", recipient=THEM, text="Hello")
    assert await in_thread(bring, told("START")) != [None]
    await accept(caller=caller, sender_id="MyCorp", recipient=THEM, text="Hello")
