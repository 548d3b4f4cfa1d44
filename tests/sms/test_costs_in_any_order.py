"""Costs under everything that can happen to messages, in any order and at once: the sums are those of the messages."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal

from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from sms.database import execute, rows, transact
from sms.errors import NotCancelable
from sms.models import Message
from sms.providers.base import DeliveryReport, Finding, Outcome, Price
from sms.providers.errors import ProviderError
from sms.routing import snapshot
from sms.services import cancel, costs, dispatch, report, settle, sweep
from sms.services.new_message import check
from sms.services.receive import Incoming
from sms.services.receive import store as store_receipts
from sms.services.reconcile import reconcile
from sms.services.store import store
from sms.statuses import Status
from tests.accounts import make_caller
from tests.routes import change_route, make_route
from tests.sms.test_usage import deadlocks
from tests.sms.world import TABLES

ROUTES = ("a", "b", "free")
PRICES = [None, Price(Decimal("0.015"), "EUR"), Price(Decimal("0.04"), "USD"), Price(Decimal(0), "EUR")]
WORDS = [Status.DELIVERED, Status.UNDELIVERED, Status.SENT, Status.FAILED, Status.REJECTED, None]
FINDINGS = [Finding.no_answer, Finding.not_there, lambda: Finding.found("r-found")]
OUTCOMES = [
    lambda price: Outcome.sent("r-sent", price=price),
    lambda _: Outcome.maybe_sent("no answer"),
    lambda _: Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, "503", retry_after=0.0),
    lambda _: Outcome.not_sent(ProviderError.INVALID_DESTINATION, "no such number"),
    lambda _: Outcome.not_sent(ProviderError.NO_ROUTE, "no route"),
]
# What was certainly taken is counted, by whatever route shows it; what certainly was not is not.
WRONG = """
SELECT m.id, m.status, m.charged_to, m.provider FROM sms_message m WHERE
    (m.charged_to = '' AND m.provider_reference IS NOT NULL AND m.provider = 'b' AND m.status <> 'QUEUED'
     AND m.status <> 'SENDING')
    OR (m.charged_to <> '' AND m.price_is_estimate AND m.status IN ('CANCELED', 'EXPIRED', 'FAILED', 'REJECTED')
        AND m.provider_reference IS NULL AND NOT EXISTS (
            SELECT FROM sms_submitattempt a WHERE a.message_id = m.id AND a.outcome IS DISTINCT FROM 'NOT_SENT'))
"""


def begin():
    """Empty the tables, and return who sends, by three routes."""
    for table in ("sms_spend", "sms_route", *TABLES):
        execute(f"DELETE FROM {table}")
    make_route("a", price="0.01", weight=200)
    make_route("b", price="0.03", currency="USD")
    make_route("free", weight=10)
    return make_caller("costs")


def message(caller, *, is_short, again=False):
    """A message of one or two segments, ready to be stored."""
    return check(
        caller,
        sender_id="MyCorp",
        recipient="+233200000901",
        text="x" * (100 if is_short else 200),
        delivery_policy="AT_LEAST_ONCE" if again else "AT_MOST_ONCE",
    )


def post(attempt_id, word, price, *, times=1):
    """Put a receipt for an attempt into the inbox, as its provider sends it."""
    ((provider,),) = rows("SELECT provider FROM sms_submitattempt WHERE id = %s", attempt_id)
    told = DeliveryReport(f"r-{attempt_id}", word or "BUFFERED", word, client_reference=attempt_id, price=price)
    store_receipts([Incoming(provider, told, b"{}")] * times)


class Costs(RuleBasedStateMachine):
    """The lives of some messages on three routes, two of which have a price."""

    def __init__(self):
        super().__init__()
        self.caller = begin()
        self.works = []
        self.attempts = []

    @rule(texts=st.lists(st.booleans(), min_size=1, max_size=3), again=st.booleans())
    def accept(self, texts, again):
        store([message(self.caller, is_short=is_short, again=again) for is_short in texts])

    @rule(name=st.sampled_from(ROUTES), limit=st.integers(1, 3))
    def claim(self, name, limit):
        claimed = dispatch.claim(snapshot.current().by_name(name), limit=limit)
        if claimed:
            self.works.append(claimed)
            self.attempts += [one.submission.attempt_id for one in claimed]

    @rule(data=st.data())
    def record(self, data):
        if self.works:
            work = self.works.pop(data.draw(st.integers(0, len(self.works) - 1)))
            made = [(data.draw(st.sampled_from(OUTCOMES)), data.draw(st.sampled_from(PRICES))) for _ in work]
            dispatch.record(work, [make(price) for make, price in made])

    @rule(data=st.data(), word=st.sampled_from(WORDS), price=st.sampled_from(PRICES), times=st.integers(1, 2))
    def receipt(self, data, word, price, times):
        if self.attempts:
            post(data.draw(st.sampled_from(self.attempts)), word, price, times=times)

    @rule()
    def process(self):
        report.process_receipts(keep_going=lambda: True)

    @rule(make=st.sampled_from(FINDINGS))
    def look_up(self, make):
        found = rows(
            "SELECT DISTINCT ON (m.id) m.id, a.id, a.number, a.provider FROM sms_message m "
            "JOIN sms_submitattempt a ON a.message_id = m.id WHERE m.status = 'UNCERTAIN' ORDER BY m.id, a.number DESC"
        )
        for uncertain in (settle.Uncertain(*row) for row in found):
            transact(settle._record, uncertain.provider, [uncertain], [make()])

    @rule(data=st.data())
    def cancel(self, data):
        if ids := list(Message.objects.order_by("id").values_list("id", flat=True)):
            with suppress(NotCancelable):
                cancel.withdraw(self.caller.account_id, data.draw(st.sampled_from(ids)))

    @rule(name=st.sampled_from(ROUTES), is_paused=st.booleans())
    def pause(self, name, is_paused):
        change_route(name, is_paused=is_paused)

    @rule(price=st.sampled_from([None, Decimal("0.01"), Decimal("0.02")]))
    def reprice(self, price):
        change_route("a", price=price)

    @rule()
    def leases_pass(self):
        execute("UPDATE sms_dispatchentry SET due_at = now() - interval '1 second' WHERE lease IS NOT NULL")
        sweep.release_expired_leases()

    @rule()
    def validity_passes(self):
        execute("UPDATE sms_dispatchentry SET expires_at = now() - interval '1 second'")

    @rule()
    def all_is_due(self):
        execute("UPDATE sms_dispatchentry SET due_at = now() - interval '1 second' WHERE lease IS NULL")

    @invariant()
    def the_sums_are_those_of_the_messages(self):
        assert [one for one in reconcile()[1] if "spent" in one.rule or "price" in one.rule] == []
        assert rows(WRONG) == []


def test_the_sums_are_those_of_the_messages_whatever_happens(transactional_db):
    """And what certainly nobody took costs nothing, and what somebody took does."""
    run_state_machine_as_test(
        Costs,
        settings=settings(
            phases=[Phase.explicit, Phase.generate],
            max_examples=30,
            stateful_step_count=40,
            derandomize=True,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


class Crowd:
    """Everything at once, on connections of their own."""

    def __init__(self, callers, seed):
        self.callers = callers
        self.seeds = iter(range(seed * 100, seed * 100 + 100))
        self.attempts = []
        self.ids = []
        self.is_over = threading.Event()

    def run(self, work, *, until_over=True, times=1):
        """Do something again and again."""
        rng = random.Random(next(self.seeds))
        try:
            while not self.is_over.is_set() if until_over else (times := times - 1) >= 0:
                work(rng)
        finally:
            connection.close()

    def accept(self, rng):
        """Requests of several clients in one commit."""
        new = [message(rng.choice(self.callers), is_short=rng.random() < 0.5) for _ in range(rng.randint(1, 20))]
        store(new)
        self.ids += [(one.account_id, one.id) for one in new]

    def work(self, rng):
        """A worker."""
        claimed = dispatch.claim(snapshot.current().by_name(rng.choice(ROUTES)), limit=rng.randint(1, 30))
        if claimed:
            self.attempts += [one.submission.attempt_id for one in claimed]
            rng.shuffle(claimed)
            dispatch.record(claimed, [rng.choice(OUTCOMES)(rng.choice(PRICES)) for _ in claimed])

    def provider(self, rng):
        """Receipts, many of them twice and out of order."""
        for _ in range(min(20, len(self.attempts))):
            post(rng.choice(self.attempts), rng.choice(WORDS), rng.choice(PRICES), times=rng.randint(1, 2))
        self.is_over.wait(0.01)

    def fold(self, _):
        """What beat does once in a while, only with the sums of this very day."""
        rows(costs.FOLD.replace("::date - 1", "::date + 1"), 50)
        self.is_over.wait(0.02)

    def process(self, _):
        """A worker for receipts."""
        report.process_set(limit=25)
        self.is_over.wait(0.005)

    def cancel(self, rng):
        """A client who thinks better of it."""
        if self.ids:
            with suppress(NotCancelable):
                cancel.withdraw(*rng.choice(self.ids[-50:]))
        self.is_over.wait(0.005)


def test_the_sums_are_those_of_the_messages_whoever_works_at_once(transactional_db):
    """Clients, workers and providers on more connections than there are slots to count in; nobody waits in a circle."""
    callers = [begin(), make_caller("second"), make_caller("third")]
    crowd = Crowd(callers, seed=1)
    others = [crowd.work] * 16 + [crowd.process] * 8 + [crowd.provider] * 4 + [crowd.cancel] * 4 + [crowd.fold] * 2
    before = deadlocks()
    with ThreadPoolExecutor(len(others) + 8) as threads:
        running = [threads.submit(crowd.run, one) for one in others]
        try:
            for one in [threads.submit(crowd.run, crowd.accept, until_over=False, times=15) for _ in range(8)]:
                one.result()
        finally:
            crowd.is_over.set()
        for one in running:
            one.result()
    assert deadlocks() == before
    assert [one for one in reconcile()[1] if "spent" in one.rule or "price" in one.rule] == []
    assert rows(WRONG) == []
    ((counted, told, back),) = rows(
        "SELECT count(*) FILTER (WHERE charged_to <> ''), count(*) FILTER (WHERE NOT price_is_estimate), "
        "count(*) FILTER (WHERE charged_to = '') FROM sms_message"
    )
    assert min(counted, told, back) > 20
