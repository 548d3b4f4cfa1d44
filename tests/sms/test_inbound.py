"""Texts from handsets: each stored once and whole, and given to whoever sent to them last."""

import random
import threading
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sms.database import execute, in_thread, rows
from sms.models import InboundMessage, InboundPart, Message, OptOut, Route
from sms.opt_outs import Keyword
from sms.providers.base import Part
from sms.routing import snapshot
from sms.services import conversation, inbound
from sms.statuses import Status
from tests.accounts import make_caller
from tests.inbound import THEM, US, bring, say, sent, told
from tests.messages import age

pytestmark = pytest.mark.django_db(transaction=True)


def texts():
    """What is stored, in its order."""
    return list(InboundMessage.objects.order_by("id").values_list("text", flat=True))


def test_a_text_is_stored_as_it_came(caller):
    """With who sent it to what, and to which of our messages it is an answer."""
    message = sent(caller)
    at = datetime(2026, 11, 1, 9, tzinfo=UTC)
    row = say("Tomorrow, please", reference="mo-a", sender="233 20 000 0901", received_at=at)
    assert (row.account_id, row.provider, row.provider_reference) == (caller.account_id, "simulator", "mo-a")
    assert (row.sender, row.recipient, row.text, row.keyword) == (THEM, US, "Tomorrow, please", None)
    assert (row.answers_id, row.is_complete, row.sent_at, row.is_test) == (message.id, True, at, False)


def test_a_text_that_comes_again_is_the_same(caller):
    """However often, also in one request; another provider's reference is another text."""
    first = told("Hi", reference="mo-a")
    assert [one is None for one in bring(first, first, told("Hi", reference="mo-b"))] == [False, True, False]
    assert bring(first, first) == [None, None]
    Route.objects.create(name="other", kind="simulator")
    snapshot.forget()
    assert bring(first, provider="other") != [None]
    assert len(texts()) == 3


def test_what_cannot_be_kept_is_kept_as_far_as_it_can(caller):
    """NUL, half a character, a reference without end, or none: no text is lost for that."""
    rows_ = [
        say("a\0b\ud83d", reference="x" * 300, sender="\0" + "1" * 40, recipient="y" * 40),
        say("c", reference="x" * 299),
        say("d" * 50_000, reference="\0"),
        say("e", reference="\0"),
    ]
    assert [row.text[:9] for row in rows_] == ["ab?", "c", "d" * 9, "e"]
    assert len({row.provider_reference for row in rows_}) == 4
    assert (rows_[0].sender, rows_[0].recipient) == ("1" * 32, "y" * 32)


class TestConversations:
    """Whose a text is."""

    def test_it_is_whose_who_sent_last(self):
        """Of several accounts; and nobody's without any."""
        first, second = make_caller("first"), make_caller("second")
        assert say("Who are you?").account_id is None
        sent(first)
        assert say("Hi").account_id == first.account_id
        last = sent(second)
        row = say("Hi")
        assert (row.account_id, row.answers_id) == (second.account_id, last.id)
        assert say("Hi", sender="+233200000902").account_id is None

    @pytest.mark.parametrize("written", [US, "233300000001", "1234"])
    def test_who_sent_from_the_number_goes_before(self, written):
        """Also when another one has sent since; a short code is no number, and written as it is."""
        sender_id = "1234" if written == "1234" else US
        first, second = make_caller("first", sender_ids=[sender_id, "MyCorp"]), make_caller("second")
        mine = sent(first, sender_id=sender_id)
        sent(first)
        sent(second)
        row = say("Hi", recipient=written)
        assert (row.account_id, row.answers_id) == (first.account_id, mine.id)

    @pytest.mark.parametrize("status", ["QUEUED", "SCHEDULED", "CANCELED", "REJECTED", "FAILED"])
    def test_what_never_left_is_no_conversation(self, caller, status):
        """Nobody takes somebody else's answers by messages that he withdraws."""
        sent(make_caller("other"), status=Status(status))
        assert say("Hi").account_id is None
        message = sent(caller)
        sent(make_caller("another"), status=Status(status))
        assert say("Hi").answers_id == message.id

    def test_test_messages_have_conversations_of_their_own(self, caller):
        """Live texts that come by a route answer no test message, and the simulator's answer no live one."""
        test = sent(caller)
        Message.objects.filter(id=test.id).update(is_test=True)
        Route.objects.create(name="live", kind="simulator")
        snapshot.forget()
        assert [(row.account_id, row.is_test) for row in InboundMessage.objects.filter(id=say("Hi").id)] == [
            (caller.account_id, True)
        ]
        (result,) = bring(told("Hi"), provider="live")
        assert InboundMessage.objects.get(id=result.inbound_id).account_id is None
        live = sent(caller)
        assert say("Hi").answers_id == test.id
        (result,) = bring(told("Hi"), provider="live")
        assert InboundMessage.objects.get(id=result.inbound_id).answers_id == live.id

    def test_many_messages_and_accounts_cost_a_few_rows(self, caller):
        """The index leads from account to account, whatever the planner believes of the table."""
        sent(caller)
        for number in range(3):
            sent(make_caller(f"account {number}"))
        execute(COPY, 5_000)
        execute("ANALYZE sms_message")
        with connection.cursor() as cursor:
            cursor.execute(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {conversation.FIND}",
                {
                    "places": [0],
                    "senders": [THEM],
                    "recipients": [US],
                    "written": [US],
                    "is_test": [None],
                    "lowest": UUID(int=0),
                    "highest": UUID(int=2**128 - 1),
                    "most": 100,
                    "newest": 50,
                    "never_left": ["QUEUED"],
                },
            )
            ((plan,),) = cursor.fetchall()
        scans = [node for node in nodes(plan[0]["Plan"]) if node.get("Relation Name") == "sms_message"]
        assert {node["Index Name"] for node in scans} == {"message_by_recipient"}
        assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans) <= 4 * 50 + 5


COPY = """
INSERT INTO sms_message (id, account_id, sender_id, recipient, text, encoding, segment_count, delivery_policy, status,
                         sequence)
SELECT gen_random_uuid(), account_id, sender_id, recipient, text, encoding, segment_count, delivery_policy, status,
       sequence FROM sms_message CROSS JOIN generate_series(1, %s)
"""


def nodes(plan):
    """All nodes of a plan."""
    yield plan
    for one in plan.get("Plans", ()):
        yield from nodes(one)


PARTS = ["Roses are red, ", "violets are blue, ", "and this is ", "too long for you."]


def part(number, *, total=4, reference="7", text=None, named=None, **fields):
    """One part of a text, with a name of its own."""
    words = PARTS[number - 1] if text is None else text
    named = named or f"mo-{reference}-{total}-{number}"
    return told(words, reference=named, part=Part(reference, number, total), **fields)


class TestParts:
    """Long texts that come in parts."""

    @pytest.mark.parametrize("order", list(permutations(range(1, 5)))[::5])
    @pytest.mark.parametrize("together", [True, False])
    def test_parts_are_joined_whatever_their_order(self, caller, order, together):
        """In one request or in many; only the last one makes a text, and it has the first one's reference."""
        parts = [part(number) for number in order]
        results = bring(*parts) if together else [result for one in parts for result in bring(one)]
        assert [one is not None for one in results] == [False, False, False, True]
        row = InboundMessage.objects.get()
        assert (row.text, row.provider_reference, row.is_complete) == ("".join(PARTS), "mo-7-4-1", True)
        assert set(InboundPart.objects.values_list("text", "is_joined")) == {("", True)}

    def test_parts_that_come_again_are_the_same(self, caller):
        """Before the text is whole and after it."""
        parts = [part(number) for number in (2, 1, 4, 3)]
        for one in [*parts[:2], *parts[:2], *parts, *parts]:
            bring(one)
        assert texts() == ["".join(PARTS)]
        assert not InboundPart.objects.filter(is_joined=False).exists()

    def test_a_reference_is_used_again_for_another_text(self, caller):
        """A handset counts to 255; other handsets, lengths and providers have their own counts all the while."""
        bring(part(1, total=2), part(1, total=2, sender="+233200000902", reference="b"), part(1, total=3))
        bring(part(2, total=2))
        bring(*(part(number, total=2, text=f"{number}!", named=f"again-{number}") for number in (1, 2)))
        assert texts() == ["Roses are red, violets are blue, ", "1!2!"]

    def test_what_can_be_no_part_is_a_text(self, caller):
        """A provider's nonsense loses nobody's words."""
        bring(part(0), part(4, total=3), part(1, total=1, text="one"), part(1, total=256, text="of 256"))
        assert sorted(texts()) == sorted([PARTS[-1], PARTS[3], "one", "of 256"])

    def test_what_is_never_whole_comes_as_far_as_it_came(self, caller):
        """After a day, with a mark where something is missing; what comes then is another text."""
        sent(caller)
        bring(part(2), part(4))
        age("sms_inboundpart", "received_at", "23 hours", is_joined=False)
        assert inbound.deliver_incomplete(keep_going=lambda: True) == 0
        age("sms_inboundpart", "received_at", "2 hours", is_joined=False)
        assert inbound.deliver_incomplete(keep_going=lambda: True) == 1
        row = InboundMessage.objects.get()
        assert (row.text, row.is_complete) == ("…violets are blue, …too long for you.", False)
        assert (row.provider_reference, row.account_id) == ("mo-7-4-2", caller.account_id)
        bring(part(2), part(1))
        assert len(texts()) == 1

    def test_old_parts_go(self, caller):
        """A week after they came; those that still wait for others stay until their day is over."""
        bring(*(part(number) for number in range(1, 5)))
        age("sms_inboundpart", "received_at", "8 days", is_joined=True)
        bring(part(1, reference="new"))
        assert inbound.deliver_incomplete(keep_going=lambda: True) == 0
        assert list(InboundPart.objects.values_list("reference", flat=True)) == ["new"]

    def test_two_processes_that_have_a_part_each_join_them(self, caller):
        """Neither finds the other's part missing."""
        for _ in range(20):
            InboundPart.objects.all().delete()
            InboundMessage.objects.all().delete()
            gate = threading.Barrier(2)

            def run(number, gate=gate):
                try:
                    gate.wait()
                    bring(part(number, total=2))
                finally:
                    connection.close()

            threads = [threading.Thread(target=run, args=(number,)) for number in (1, 2)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            assert texts() == ["".join(PARTS[:2])]

    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4)), min_size=1, max_size=5, unique_by=lambda t: t[0]),
        st.randoms(use_true_random=False),
    )
    def test_however_parts_and_repeats_are_mixed_each_text_comes_once(self, caller, lengths, order):
        """All parts of all texts, some of them twice, shuffled, in requests of any size."""
        InboundPart.objects.all().delete()
        InboundMessage.objects.all().delete()
        parts = [
            part(number, total=total, reference=name, text=f"{name}{number}.")
            if total > 1
            else told(name, reference=name)
            for name, total in lengths
            for number in range(1, total + 1)
        ]
        parts += order.sample(parts, len(parts) // 2)
        order.shuffle(parts)
        while parts:
            taken, parts = parts[: (size := order.randint(1, 3))], parts[size:]
            bring(*taken)
        assert sorted(texts()) == sorted(
            "".join(f"{name}{number}." for number in range(1, total + 1)) if total > 1 else name
            for name, total in lengths
        )


class TestStop:
    """What a text does that asks for no more texts."""

    def test_stop_opts_out_in_the_same_commit(self, caller):
        """Of all that the account sends, and says so in its own row."""
        sent(caller)
        row = say("Stop, please!")
        opt_out = OptOut.objects.get()
        assert (row.keyword, opt_out.inbound_id) == ("STOP", row.id)
        assert (opt_out.account_id, opt_out.recipient, opt_out.sender_id, opt_out.reason) == (
            caller.account_id,
            THEM,
            "",
            "STOP",
        )
        say("STOP")
        assert OptOut.objects.get().inbound_id == row.id

    def test_start_undoes_it(self, caller):
        """Whoever added the opt-out."""
        sent(caller)
        say("STOP")
        OptOut.objects.create(account_id=caller.account_id, recipient=THEM, sender_id="MyCorp", reason="by hand")
        OptOut.objects.create(account_id=caller.account_id, recipient="+233200000902", reason="another person")
        assert say("Start").keyword == "START"
        assert [one.recipient for one in OptOut.objects.all()] == ["+233200000902"]

    def test_what_comes_in_one_set_is_done_in_its_order(self, caller):
        """The last word counts."""
        sent(caller)
        bring(told("STOP"), told("START"), told("STOP"))
        assert OptOut.objects.count() == 1
        bring(told("STOP"), told("START"))
        assert OptOut.objects.count() == 0

    def test_an_accounts_own_words_are_heard(self, caller):
        """And only in its own conversations."""
        account = caller.account_id
        execute(
            "UPDATE sms_account SET opt_out_keywords = '{no more}', opt_in_keywords = '{yes}' WHERE id = %s", account
        )
        sent(caller)
        assert [say(word).keyword for word in ("No more!", "YES", "no")] == ["STOP", "START", None]
        sent(make_caller("other"))
        assert say("No more!").keyword is None

    def test_without_a_conversation_there_is_nobody_to_opt_out_of(self):
        """The text is kept for an operator, with what it says."""
        row = say("STOP")
        assert (row.account_id, row.keyword, OptOut.objects.count()) == (None, "STOP", 0)

    def test_a_replay_undoes_nothing(self, caller):
        """An old START that comes again is no new one."""
        sent(caller)
        start = told("START")
        bring(start)
        say("STOP")
        bring(start)
        assert OptOut.objects.count() == 1

    def test_what_the_provider_makes_of_it_counts(self, caller):
        """Where it handles opt-outs itself, in words that we do not know."""
        sent(caller)
        assert say("TAMAM", keyword=Keyword.STOP).keyword == "STOP"
        assert OptOut.objects.count() == 1


async def test_one_that_the_database_refuses_harms_no_other(caller, monkeypatch):
    """The set is written again in halves."""
    monkeypatch.setattr(inbound, "_clean", str)  # as if the NUL had been overlooked
    with pytest.raises(ValueError, match="NUL"):
        await inbound.keep("simulator", [told("good"), told("bad\0"), told("better")])
    assert set(await in_thread(texts)) == {"good", "better"}


def test_a_time_far_from_ours_is_kept(caller):
    """What a provider's clock says is only shown."""
    moment = datetime.now(UTC) + timedelta(days=random.randint(1, 9)) * 1000
    assert say("Hi", received_at=moment).sent_at == moment
    assert rows("SELECT count(*) FROM sms_inboundmessage WHERE received_at > now()") == [(0,)]
