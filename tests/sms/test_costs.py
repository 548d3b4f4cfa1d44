"""What a message costs, from its accept to its provider's last word, and the sums of it."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection

from sms.database import rows, transact
from sms.models import DispatchEntry, Message
from sms.providers.base import DeliveryReport, Finding, Outcome, Price
from sms.providers.errors import ProviderError
from sms.routing import snapshot
from sms.services import cancel, costs, dispatch, report, settle, sweep
from sms.services.new_message import check
from sms.services.receive import Incoming
from sms.services.receive import store as store_receipts
from sms.services.reconcile import reconcile
from sms.services.store import store as store_messages
from sms.statuses import Status
from tests.accounts import make_caller
from tests.messages import age, store
from tests.routes import change_route, make_route

LONG = "x" * 200  # two segments
SUMS = """SELECT route, currency, sum(messages)::int, sum(segments)::int, sum(amount)::text FROM sms_spend
GROUP BY route, currency HAVING (sum(messages), sum(segments), sum(amount)) <> (0, 0, 0) ORDER BY route, currency"""


def price_of(message):
    """What a message costs as stored: the amount, the currency, whether that is an estimate, and where it counts."""
    row = Message.objects.get(id=message.id)
    return None if row.price is None else str(row.price), row.currency, row.price_is_estimate, row.charged_to


def sums():
    """What is counted on each route; and it is what the messages cost."""
    assert reconcile()[1] == []
    return rows(SUMS)


def claim(name="a"):
    """Claim as a worker does that is on a route."""
    return dispatch.claim(snapshot.current().by_name(name), limit=100)


def sent(message, *, route="a", reference="r-1", price=None):
    """Let a route's provider take a message."""
    (claimed,) = claim(route)
    assert claimed.message_id == message.id
    dispatch.record([claimed], [Outcome.sent(reference, price=price)])
    return claimed


def refuse(error, *, route="a", detail="no"):
    """Let a route's provider refuse all that is due."""
    claimed = claim(route)
    dispatch.record(claimed, [Outcome.not_sent(error, detail)] * len(claimed))


def tell(price, *, status=Status.DELIVERED, reference="r-1", provider="a", word=None, client_reference=None):
    """Let a receipt come, and apply it."""
    told = DeliveryReport(reference, word or status or "WORD", status, client_reference, price=price)
    store_receipts([Incoming(provider, told, b"{}")])
    report.process_receipts(keep_going=lambda: True)


def eur(amount):
    """A price in euros."""
    return Price(Decimal(amount), "EUR")


@pytest.fixture
def a(caller):
    """A route with a price."""
    return make_route("a", price="0.01")


@pytest.fixture
def b(a):
    """Another one, that no message goes by of its own accord."""
    return make_route("b", price="0.03", currency="USD", weight=0)


def test_a_message_costs_what_its_route_plans(a, caller):
    """For each of its segments, from its accept on, and it is counted on the route and the day."""
    short, long = store(caller), store(caller, text=LONG)
    assert price_of(short) == ("0.010000", "EUR", True, "a")
    assert price_of(long) == ("0.020000", "EUR", True, "a")
    assert sums() == [("a", "EUR", 2, 3, "0.030000")]
    assert rows("SELECT DISTINCT account_id, day FROM sms_spend") == [(caller.account_id, datetime.now(UTC).date())]
    assert all(0 <= slot < 32 for (slot,) in rows("SELECT slot FROM sms_spend"))


def test_what_has_no_price_is_not_counted(caller):
    """Neither by the simulator, nor by a route without one, nor by test messages, even beside others in one set."""
    unrouted = store(caller)
    make_route("free")
    free = store(caller)
    change_route("free", price=Decimal("0.5"), currency="EUR")
    testing = store_test_message(caller)
    assert [price_of(one) for one in (unrouted, free, testing)] == [(None, None, None, None)] * 3
    assert sums() == []
    fields = {"sender_id": "MyCorp", "recipient": "+233200000901", "text": "Hello"}
    store_messages([check(replace(caller, is_test=True), **fields), check(caller, **fields)])
    assert sums() == [("free", "EUR", 1, 1, "0.500000")]


def store_test_message(caller):
    """Accept a message with a test key."""
    return store(replace(caller, is_test=True))


def test_an_idempotent_repeat_costs_nothing(a, caller):
    """Nor does a conflict."""
    for text in ("one", "one", "other"):
        store_messages([check(caller, sender_id="MyCorp", recipient="+233200000901", text=text, idempotency_key="k")])
    assert sums() == [("a", "EUR", 1, 1, "0.010000")]


def test_accounts_are_counted_apart(a, caller):
    """Also when they come in one commit."""
    other = make_caller("other")
    store_messages(
        [check(one, sender_id="MyCorp", recipient="+233200000901", text=LONG) for one in (caller, other, caller)]
    )
    found = dict(rows("SELECT account_id, sum(amount)::text FROM sms_spend GROUP BY 1"))
    assert found == {caller.account_id: "0.040000", other.account_id: "0.020000"}


def test_the_provider_s_answer_corrects_the_plan(a, caller):
    """By the difference."""
    message = store(caller)
    sent(message, price=eur("0.0125"))
    assert price_of(message) == ("0.012500", "EUR", False, "a")
    assert sums() == [("a", "EUR", 1, 1, "0.012500")]


def test_a_receipt_corrects_it_and_moves_nothing_by_that(a, caller):
    """A change of the price alone is no change of status, and has no place in the history."""
    message = store(caller)
    sent(message)
    tell(None)
    message.refresh_from_db()
    before = message.sequence
    assert price_of(message) == ("0.010000", "EUR", True, "a")
    tell(eur("0.02"))
    assert price_of(message) == ("0.020000", "EUR", False, "a")
    message.refresh_from_db()
    assert (message.sequence, message.events.count()) == (before, before)
    assert sums() == [("a", "EUR", 1, 1, "0.020000")]


def test_a_price_that_comes_twice_counts_once(a, caller):
    """However often the receipt is repeated, in one set or in several."""
    message = store(caller)
    sent(message)
    twice = [Incoming("a", DeliveryReport("r-1", "DELIVERED", Status.DELIVERED, price=eur("0.02")), b"{}")] * 2
    for _ in range(2):
        store_receipts(twice)
        report.process_receipts(keep_going=lambda: True)
    assert price_of(message) == ("0.020000", "EUR", False, "a")
    assert sums() == [("a", "EUR", 1, 1, "0.020000")]


@pytest.mark.parametrize("together", [True, False])
def test_an_older_word_does_not_bring_its_price_back(a, caller, together):
    """Receipts come late and out of order: only a price that comes with what is so now replaces one that is known."""
    message = store(caller)
    sent(message)
    words = [(Status.SENT, "0.01"), (Status.DELIVERED, "0.05"), (Status.SENT, "0.02"), (None, "0.03")]
    for status, price in words:
        told = DeliveryReport("r-1", status or "BUFFERED", status, price=eur(price))
        store_receipts([Incoming("a", told, b"{}")])
        if not together:
            report.process_receipts(keep_going=lambda: True)
    report.process_receipts(keep_going=lambda: True)
    assert price_of(message) == ("0.050000", "EUR", False, "a")
    tell(eur("0.04"))
    assert price_of(message) == ("0.040000", "EUR", False, "a")
    assert sums() == [("a", "EUR", 1, 1, "0.040000")]


def test_a_word_that_moves_nothing_may_bring_the_first_price(a, caller):
    """Better than an estimate."""
    message = store(caller)
    sent(message)
    tell(eur("0.02"), status=None, word="BUFFERED")
    assert price_of(message) == ("0.020000", "EUR", False, "a")


def test_another_currency_replaces_the_first(a, caller):
    """A message has one price; it is taken from one sum and added to the other."""
    message = store(caller, text=LONG)
    sent(message)
    tell(Price(Decimal("0.015"), "USD"))
    assert price_of(message) == ("0.015000", "USD", False, "a")
    assert sums() == [("a", "USD", 1, 2, "0.015000")]


def test_a_provider_may_tell_the_price_that_nobody_planned(caller):
    """Then it is counted from there on, on the day of the accept."""
    make_route("a")
    message = store(caller)
    age("sms_message", "created_at", "3 days", id=message.id)
    sent(message, price=eur("0.02"))
    assert price_of(message) == ("0.020000", "EUR", False, "a")
    assert sums() == [("a", "EUR", 1, 1, "0.020000")]
    accepted = Message.objects.get(id=message.id).created_at.date()
    assert rows("SELECT DISTINCT day FROM sms_spend") == [(accepted,)]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-0.01", "100000000", "1E+20"])
def test_what_can_be_no_price_is_no_price(a, caller, amount):
    """Whatever an adapter makes of a provider's words: the estimate stays, and the receipt counts."""
    message = store(caller)
    sent(message, price=eur(amount))
    tell(eur(amount))
    assert price_of(message) == ("0.010000", "EUR", True, "a")
    assert Message.objects.get(id=message.id).status == "DELIVERED"


def test_a_price_is_kept_to_a_millionth():
    """Rounded as PostgreSQL does it; a currency has three letters."""
    assert costs.understood(eur("0.0000125")) == eur("0.000013")
    assert costs.understood(Price(Decimal("0.01"), "euro")) is None
    assert costs.understood(None) is None


def test_a_canceled_message_costs_nothing(a, caller):
    """It is taken back in the commit of the cancellation."""
    message = store(caller)
    cancel.withdraw(caller.account_id, message.id)
    assert price_of(message) == ("0.000000", "EUR", False, "")
    assert sums() == []


def test_what_expires_before_it_is_handed_over_costs_nothing(a, caller):
    """But what may have been taken before does."""
    never, perhaps = store(caller), store(caller, delivery_policy="AT_LEAST_ONCE")
    DispatchEntry.objects.filter(message=never).update(due_at="2999-01-01T00:00Z")
    (claimed,) = claim()
    dispatch.record([claimed], [Outcome.maybe_sent("no answer")])
    give_up_on(perhaps)
    DispatchEntry.objects.update(expires_at="2020-01-01T00:00Z", due_at="2020-01-01T00:00Z")
    assert claim() == []
    assert set(Message.objects.values_list("status", flat=True)) == {"EXPIRED"}
    assert price_of(never) == ("0.000000", "EUR", False, "")
    assert price_of(perhaps) == ("0.010000", "EUR", True, "a")
    assert sums() == [("a", "EUR", 1, 1, "0.010000")]


def give_up_on(message, finding=None):
    """Let a look-up say what it says: nothing, unless it is told."""
    (attempt_id, number), *_ = rows(
        "SELECT id, number FROM sms_submitattempt WHERE message_id = %s ORDER BY number DESC", message.id
    )
    uncertain = settle.Uncertain(message.id, attempt_id, number, "a")
    transact(settle._record, "a", [uncertain], [finding or Finding.no_answer()])


@pytest.mark.parametrize(
    ("error", "status"), [(ProviderError.INVALID_DESTINATION, "REJECTED"), (ProviderError.NO_ROUTE, "FAILED")]
)
def test_what_nobody_took_costs_nothing(a, caller, error, status):
    """Refused by the provider for good."""
    message = store(caller)
    refuse(error)
    assert Message.objects.get(id=message.id).status == status
    assert price_of(message) == ("0.000000", "EUR", False, "")
    assert sums() == []


def test_what_was_perhaps_taken_before_it_failed_still_costs(a, caller):
    """Nobody knows that it does not."""
    message = store(caller, delivery_policy="AT_LEAST_ONCE")
    (claimed,) = claim()
    dispatch.record([claimed], [Outcome.maybe_sent("no answer")])
    give_up_on(message)
    refuse(ProviderError.INVALID_DESTINATION)
    assert Message.objects.get(id=message.id).status == "REJECTED"
    assert price_of(message) == ("0.010000", "EUR", True, "a")


def test_what_the_look_up_does_not_find_at_last_costs_nothing(a, caller):
    """When it was the last attempt, and none before it was taken."""
    message = store(caller)
    (claimed,) = claim()
    dispatch.record([claimed], [Outcome.maybe_sent("no answer")])
    rows("UPDATE sms_dispatchentry SET attempts = 100; UPDATE sms_submitattempt SET number = 100")
    give_up_on(message, Finding.not_there())
    assert Message.objects.get(id=message.id).status == "FAILED"
    assert price_of(message) == ("0.000000", "EUR", False, "")


def test_a_lost_worker_s_message_still_costs(a, caller):
    """Nobody knows what it did."""
    message = store(caller)
    claim()
    DispatchEntry.objects.update(due_at="2020-01-01T00:00Z")
    sweep.release_expired_leases()
    assert Message.objects.get(id=message.id).status == "UNCERTAIN"
    assert price_of(message) == ("0.010000", "EUR", True, "a")


@pytest.mark.parametrize("price", [None, "0.05"])
def test_a_yes_that_comes_after_all_is_counted_again(a, caller, price):
    """A provider that said no and has it all the same will want its money."""
    message = store(caller)
    (claimed,) = claim()
    dispatch.record([claimed], [Outcome.not_sent(ProviderError.NO_ROUTE, "no")])
    assert sums() == []
    tell(price and eur(price), client_reference=claimed.submission.attempt_id)
    expected = ("0.010000", "EUR", True, "a") if price is None else ("0.050000", "EUR", False, "a")
    assert Message.objects.get(id=message.id).status == "DELIVERED"
    assert price_of(message) == expected
    assert sums() == [("a", "EUR", 1, 1, expected[0])]


def test_failover_plans_anew(b, caller):
    """By the price of the other route, in its currency."""
    message = store(caller, text=LONG)
    refuse(ProviderError.PROVIDER_UNAVAILABLE)
    assert price_of(message) == ("0.060000", "USD", True, "b")
    assert sums() == [("b", "USD", 1, 2, "0.060000")]
    sent(message, route="b", price=eur("0.05"))
    assert price_of(message) == ("0.050000", "EUR", False, "b")
    assert sums() == [("b", "EUR", 1, 2, "0.050000")]


def test_a_detour_plans_anew(b, caller):
    """As when a route is paused before a worker comes to it."""
    message = store(caller)
    change_route("a", is_paused=True)
    assert claim("a") == []
    assert price_of(message) == ("0.030000", "USD", True, "b")
    change_route("b", is_paused=True)
    assert claim("b") == []  # nobody can take it at present
    assert price_of(message) == ("0.030000", "USD", True, "b")
    change_route("a", is_paused=False)
    DispatchEntry.objects.update(due_at="2020-01-01T00:00Z")
    assert claim("b") == []
    assert price_of(message) == ("0.010000", "EUR", True, "a")
    assert sums() == [("a", "EUR", 1, 1, "0.010000")]


def test_a_way_without_a_price_costs_nothing_known(b, caller):
    """And one with a price after it does."""
    change_route("b", price=None)
    message = store(caller)
    refuse(ProviderError.PROVIDER_UNAVAILABLE)
    assert price_of(message) == (None, None, None, "")
    assert sums() == []
    change_route("b", is_paused=True)
    assert claim("b") == []
    assert price_of(message) == ("0.010000", "EUR", True, "a")
    assert sums() == [("a", "EUR", 1, 1, "0.010000")]


def test_a_late_yes_of_an_earlier_route_takes_the_cost_there(b, caller):
    """The message shows that provider from then on, and costs what that one plans."""
    message = store(caller)
    (first,) = claim("a")
    dispatch.record([first], [Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, "no")])
    sent(message, route="b", reference="b-1")
    tell(None, reference="a-1", provider="a", client_reference=first.submission.attempt_id)
    row = Message.objects.get(id=message.id)
    assert (row.provider, row.status) == ("a", "DELIVERED")
    assert price_of(message) == ("0.010000", "EUR", True, "a")
    assert sums() == [("a", "EUR", 1, 1, "0.010000")]


def test_a_price_for_a_test_message_is_not_believed(a, caller):
    """Test messages cost nothing, whatever is said."""
    message = store_test_message(caller)
    claimed = dispatch.claim(limit=1)
    dispatch.record(claimed, [Outcome.sent("r-1", price=eur("0.02"))])
    assert price_of(message) == (None, None, None, None)
    assert sums() == []


def test_the_day_stays_that_of_the_accept(a, caller):
    """A correction of a message of last month is last month's, also when the clock has been mended since."""
    message = store(caller)
    rows("UPDATE sms_message SET charged_on = charged_on - 40; UPDATE sms_spend SET day = day - 40")
    sent(message, price=eur("0.02"))
    days = rows("SELECT day::text, sum(amount)::text FROM sms_spend GROUP BY day")
    assert days == [((Message.objects.get(id=message.id).charged_on).isoformat(), "0.020000")]
    assert sums() == [("a", "EUR", 1, 1, "0.020000")]


def test_sums_of_days_that_are_over_are_added_up(a, caller):
    """In one row for each route, and they stay what they are, also when a correction comes later; a busy row waits."""
    messages = [store(caller) for _ in range(3)]
    rows("UPDATE sms_message SET charged_on = charged_on - 2")
    rows("DELETE FROM sms_spend")
    rows(
        "INSERT INTO sms_spend SELECT %s, current_date - 2, 'a', 'EUR', slot, 1, 1, 0.01 "
        "FROM generate_series(0, 2) AS slot",
        caller.account_id,
    )
    today = store(caller)
    with closing(connection.get_new_connection(connection.get_connection_params())) as other, other.cursor() as cursor:
        cursor.execute("SELECT FROM sms_spend WHERE slot = 1 FOR UPDATE")
        assert costs.fold_old_sums() == 2
        other.rollback()  # and not only hung up, which the server sees when it does
    assert costs.fold_old_sums() == 1
    assert costs.fold_old_sums() == 0
    assert rows("SELECT slot, amount::text FROM sms_spend WHERE day < current_date - 1") == [(-1, "0.030000")]
    assert sums() == [("a", "EUR", 4, 4, "0.040000")]
    for message in (*messages[:1], today):
        cancel.withdraw(caller.account_id, message.id)
    assert sums() == [("a", "EUR", 2, 2, "0.020000")]
    assert costs.fold_old_sums() == 1
    assert sums() == [("a", "EUR", 2, 2, "0.020000")]


def test_an_unpriced_service_writes_no_cost(caller):
    """Without prices nothing of all this is done."""
    make_route("free")
    store(caller)
    (claimed,) = claim("free")
    dispatch.record([claimed], [Outcome.sent("r-1")])
    tell(None, provider="free")
    assert rows("SELECT count(*) FROM sms_spend") == [(0,)]
    assert rows("SELECT charged_to, charged_on, price_is_estimate FROM sms_message") == [(None, None, None)]


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE sms_spend SET amount = amount + 0.000001",
        "UPDATE sms_spend SET segments = segments + 1",
        "DELETE FROM sms_spend",
        "UPDATE sms_message SET price = price + 0.000001",
        "UPDATE sms_message SET charged_to = ''",
        "UPDATE sms_message SET currency = 'USD'",
    ],
)
def test_reconciling_finds_sums_that_are_not_the_messages(a, caller, harm):
    """Whichever side is wrong."""
    store(caller)
    assert reconcile()[1] == []
    rows(harm)
    found = {one.rule for one in reconcile()[1]}
    assert "what was spent is the sum of the messages" in found


def test_a_strange_attempt_changes_nothing(a, caller):
    """A receipt that belongs to no message of ours has no price to correct."""
    message = store(caller)
    tell(eur("9"), reference="nobody", client_reference=uuid4())
    assert price_of(message) == ("0.010000", "EUR", True, "a")
    assert sums() == [("a", "EUR", 1, 1, "0.010000")]
