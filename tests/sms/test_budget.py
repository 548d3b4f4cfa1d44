"""Budgets, decided in the transaction of the accept, and what is told of what was spent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest

from sms import accounts, spending
from sms.database import in_thread, rows
from sms.errors import BatchRefused, ErrorCode, InvalidList
from sms.models import Account, Allowance, Message
from sms.money import Money, plain
from sms.services import cancel
from sms.services.accept_many import ErrorPolicy, accept_many
from sms.services.authenticate import _limits_of
from sms.services.new_message import check
from sms.services.reconcile import reconcile
from sms.services.store import Accepted, store
from tests import commands
from tests.accounts import make_caller
from tests.routes import change_route, make_route
from tests.sms.test_usage import at_once, batch

MESSAGE = {"sender_id": "MyCorp", "recipient": "+233200000901", "text": "Hello"}
costs = partial(commands.run, "costs")
refusal = partial(commands.refusal, "costs")


@pytest.fixture(autouse=True)
def _route(transactional_db):
    make_route("a", price="0.01")


def new(caller, count=1, **fields):
    """Some messages, ready to be stored."""
    return [check(caller, **{**MESSAGE, **fields}) for _ in range(count)]


def codes(results):
    """What each result says: None for a message."""
    return [None if isinstance(one, Accepted) else one.code for one in results]


def spent(caller):
    """What an account has spent this month, and how many messages it has."""
    month = spending.this_month(Account.objects.get(id=caller.account_id))
    return [str(one.amount) for one in month.spent], Message.objects.filter(account_id=caller.account_id).count()


def test_a_budget_holds_to_the_message_however_many_come_at_once():
    """Through any number of connections, as any number of web processes have."""
    caller = make_caller("budget", budget="1.00")
    results = at_once(lambda _: [one for _ in range(10) for one in store(new(caller, 3))], 8)
    said = codes([one for some in results for one in some])
    assert (said.count(None), said.count(ErrorCode.BUDGET_SPENT)) == (100, 140)
    assert spent(caller) == (["1.000000"], 100)
    assert reconcile()[1] == []


def test_all_segments_count():
    """A message that does not fit is refused, a shorter one is taken."""
    caller = make_caller("budget", budget="0.04")
    assert codes(store([*new(caller, 1, text="x" * 400), *new(caller, 1, text="x" * 200), *new(caller, 2)])) == [
        *(None, ErrorCode.BUDGET_SPENT, None, ErrorCode.BUDGET_SPENT),
    ]
    assert spent(caller) == (["0.040000"], 2)


def test_what_was_stored_before_is_never_refused_and_costs_nothing():
    """Whoever repeats a request gets its message, also when nothing is left; a refusal does not use up a key."""
    caller = make_caller("budget", budget="0.01")
    (first,) = store(new(caller, idempotency_key="k"))
    (again,) = store(new(caller, idempotency_key="k"))
    assert (again.replayed, again.message.id) == (True, first.message.id)
    assert codes(store(new(caller, 2, idempotency_key="l"))) == [ErrorCode.BUDGET_SPENT] * 2
    cancel.withdraw(caller.account_id, first.message.id)
    (accepted,) = store(new(caller, idempotency_key="l"))
    assert not accepted.replayed
    assert spent(caller) == (["0.010000"], 2)


async def test_a_batch_is_taken_as_far_as_the_budget_reaches(transactional_db):
    """Or not at all, if it is all or nothing; then the rest of it can be sent when there is more."""
    caller = await in_thread(lambda: make_caller("budget", budget="0.03"))
    whole = await accept_many(
        caller=caller, messages=batch(4), idempotency_key="w", error_policy=ErrorPolicy.ALL_OR_NOTHING
    )
    assert codes(whole) == [ErrorCode.BUDGET_SPENT] * 4
    some = await accept_many(caller=caller, messages=batch(4), idempotency_key="b")
    assert codes(some) == [None] * 3 + [ErrorCode.BUDGET_SPENT]
    wrong = {**MESSAGE, "text": ""}
    mixed = await accept_many(
        caller=caller, messages=[MESSAGE, wrong], idempotency_key="m", error_policy=ErrorPolicy.ALL_OR_NOTHING
    )
    assert isinstance(mixed[0], BatchRefused)
    richer = replace(caller, limits=replace(caller.limits, budget=Money(Decimal("0.04"), "EUR")))
    again = await accept_many(caller=richer, messages=batch(4), idempotency_key="b")
    assert [one.replayed for one in again] == [True] * 3 + [False]
    assert await in_thread(spent, caller) == (["0.040000"], 4)


def test_a_budget_begins_anew_each_month():
    """By UTC; what was spent earlier counts for nothing, and is kept."""
    caller = make_caller("budget", budget="0.02")
    assert codes(store(new(caller, 3))) == [None, None, ErrorCode.BUDGET_SPENT]
    rows("UPDATE sms_spend SET day = date_trunc('month', now(), 'UTC')::date - 1")
    rows("UPDATE sms_message SET charged_on = date_trunc('month', now(), 'UTC')::date - 1")
    (*_, refused) = store(new(caller, 3))
    resets_at = spending.this_month(Account.objects.get(id=caller.account_id)).resets_at
    assert (resets_at.day, resets_at.hour, resets_at.minute, resets_at.second) == (1, 0, 0, 0)
    assert abs(resets_at - datetime.now(UTC) - timedelta(seconds=refused.retry_after)) < timedelta(minutes=1)
    assert spent(caller) == (["0.020000"], 4)
    assert reconcile()[1] == []


def test_corrections_count_at_once():
    """What a provider says, what is canceled, and costs in another currency, which are outside of the budget."""
    caller = make_caller("budget", budget="0.02")
    (first,) = store(new(caller))
    rows("UPDATE sms_spend SET amount = 0.02; UPDATE sms_message SET price = 0.02")
    assert codes(store(new(caller))) == [ErrorCode.BUDGET_SPENT]
    rows("UPDATE sms_spend SET currency = 'USD'; UPDATE sms_message SET currency = 'USD'")
    assert codes(store(new(caller))) == [None]
    cancel.withdraw(caller.account_id, first.message.id)
    assert codes(store(new(caller, 2))) == [None, ErrorCode.BUDGET_SPENT]


def test_what_costs_nothing_is_accepted_whatever_was_spent():
    """Test messages, and those by a route without a price."""
    caller = make_caller("budget", budget="0.01")
    assert codes(store(new(caller, 2))) == [None, ErrorCode.BUDGET_SPENT]
    assert codes(store(new(replace(caller, is_test=True), 2))) == [None, None]
    change_route("a", price=None, currency="")
    assert codes(store(new(caller, 2))) == [None, None]


def test_a_budget_of_nothing_stops_all_that_costs():
    """It is a budget, and not none."""
    account = Account.objects.create(name="zero", budget=Decimal(0), budget_currency="EUR")
    assert _limits_of(account).budget == Money(Decimal(0), "EUR")


def test_without_a_budget_nothing_is_locked_or_looked_up():
    """And nothing is ever refused."""
    caller = make_caller("free")
    assert codes(store(new(caller, 50))) == [None] * 50
    assert not Allowance.objects.exists()


async def test_a_caller_sees_what_is_left(transactional_db):
    """In the budget's currency; what was spent, in each."""
    caller = await in_thread(lambda: make_caller("budget", budget="5"))
    await in_thread(lambda: store(new(caller, 3)))
    await in_thread(lambda: change_route("a", currency="USD"))
    await in_thread(lambda: store(new(caller, 1)))
    month = (await accounts.me(account_id=caller.account_id, key_id=None)).month
    assert month.spent == [Money(Decimal("0.03"), "EUR"), Money(Decimal("0.01"), "USD")]
    assert month.remaining == Money(Decimal("4.97"), "EUR")


def test_nothing_is_left_of_a_budget_that_was_gone_over():
    """By what providers said afterwards; there is no debt."""
    caller = make_caller("budget", budget="0.01")
    store(new(caller))
    rows("UPDATE sms_spend SET amount = 7")
    assert spending.this_month(Account.objects.get(id=caller.account_id)).remaining == Money(Decimal(0), "EUR")


def test_spending_is_told_by_day_and_route():
    """Of the days that are asked for, both ends included; of nobody else's messages."""
    caller, other = make_caller("one"), make_caller("other")
    store([*new(caller, 2), *new(other)])
    rows("UPDATE sms_spend SET day = '2026-02-28'")
    make_route("b", price="0.5", currency="USD")
    change_route("a", is_paused=True)
    store(new(caller, 1, text="x" * 200))
    rows("UPDATE sms_spend SET day = '2026-03-01' WHERE day <> '2026-02-28'")
    found = spending.read(caller.account_id, date(2026, 2, 28), date(2026, 3, 1))
    first = spending.Line(date(2026, 2, 28), "a", 2, 2, Money(Decimal("0.02"), "EUR"))
    assert found.lines == [first, spending.Line(date(2026, 3, 1), "b", 1, 2, Money(Decimal(1), "USD"))]
    assert found.total == [Money(Decimal("0.02"), "EUR"), Money(Decimal(1), "USD")]
    assert spending.read(caller.account_id, None, date(2026, 2, 28)).since == date(2026, 2, 1)
    assert spending.read(caller.account_id, None, date(2026, 2, 28)).lines == [first]
    assert spending.read(caller.account_id, date(2026, 3, 2), date(2026, 3, 2)).lines == []


@pytest.mark.parametrize(
    ("since", "until"),
    [(date(2026, 3, 2), date(2026, 3, 1)), (date(2025, 3, 1), date(2026, 3, 2)), (date(9999, 1, 1), None)],
)
def test_days_that_cannot_be_asked_for_are_refused(since, until):
    """Backwards, or more than 366 of them."""
    caller = make_caller("one")
    with pytest.raises(InvalidList) as refused:
        spending.read(caller.account_id, since, until)
    assert (refused.value.code, refused.value.field) == (ErrorCode.FILTER_INVALID, "from")
    assert len(spending.read(caller.account_id, date(2024, 1, 1), date(2024, 12, 31)).lines) == 0


def test_an_operator_sees_what_each_account_costs():
    """By day and route, with sums; a month, or an account, can be chosen."""
    caller = make_caller("bakery", budget="100.00")
    store([*new(caller, 2), *new(make_caller("shop"))])
    rows("UPDATE sms_spend SET day = '2026-02-28'")
    lines = [" ".join(line.split()) for line in costs("--month", "2026-02")]
    assert lines == [
        "2026-02-28 bakery a 2 messages 0.02 EUR",
        "2026-02 bakery all routes of 100.00 EUR 0.02 EUR",
        "2026-02-28 shop a 1 messages 0.01 EUR",
        "2026-02 shop all routes 0.01 EUR",
    ]
    assert [" ".join(line.split()) for line in costs("--month", "2026-02", "--account", "shop")] == lines[2:]
    assert costs() == []
    assert "There is no account 'nobody'." in refusal("--account", "nobody")
    assert "'2026-13' is not a month such as 2027-01" in refusal("--month", "2026-13")


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0.012500", "0.0125"),
        ("100", "100.00"),
        ("1E+3", "1000.00"),
        ("0", "0.00"),
        ("0.000001", "0.000001"),
        ("0.5", "0.50"),
    ],
)
def test_amounts_are_written_for_people(amount, shown):
    """With two decimals at least, and no more than they have."""
    assert str(plain(Decimal(amount))) == shown
