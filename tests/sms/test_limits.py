"""The token bucket and the quota, as arithmetic."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.errors import ErrorCode
from sms.limits import Limits, Standing
from sms.money import Money
from sms.windows import Window


def standing(*, rate=None, quota=None, budget=None, tokens=0.0, used=0, day_ends_in=3600.0, spent="0"):
    """An account at some moment."""
    limits = Limits(rate, quota, budget and eur(budget))
    return Standing(limits, tokens, used, day_ends_in, Decimal(spent), 86_400.0)


def eur(amount):
    """An amount in euros."""
    return Money(Decimal(amount), "EUR")


def told(verdicts):
    """What is said of each message: None, or the code and the seconds."""
    return [None if one is None else (one.code, one.retry_after) for one in verdicts]


def rate_limited(seconds):
    """Too many a second."""
    return (ErrorCode.RATE_LIMITED, seconds)


QUOTA_EXCEEDED = (ErrorCode.QUOTA_EXCEEDED, 3600)
BUDGET_SPENT = (ErrorCode.BUDGET_SPENT, 86_400)


@pytest.mark.parametrize(
    ("tokens", "messages", "verdict", "left"),
    [
        (20.0, 1, None, 19.0),
        (1.0, 1, None, 0.0),
        (0.999_999_9, 1, None, -1e-7),  # what was lost in adding up does not count
        (0.99, 1, rate_limited(1), 0.99),
        (0.0, 1, rate_limited(1), 0.0),
        (-95.0, 1, rate_limited(10), -95.0),
        (20.0, 20, None, 0.0),
        (19.0, 20, rate_limited(1), 19.0),
        (0.0, 15, rate_limited(2), 0.0),
        (20.0, 1000, None, -980.0),  # larger than the bucket: into debt
        (19.9, 1000, rate_limited(1), 19.9),  # but from a full one only
    ],
)
def test_a_request_needs_a_token_for_each_message(tokens, messages, verdict, left):
    """At 10 a second, 20 at most; a request is taken or refused as one, and says when it can be taken."""
    account = standing(rate=10, tokens=tokens)
    assert told(account.judge([None] * messages)) == [verdict] * messages
    assert account.tokens == pytest.approx(left, abs=1e-9)


@pytest.mark.parametrize(
    ("tokens", "seconds", "then"), [(0.0, 0.5, 5.0), (19.0, 5.0, 20.0), (-980.0, 99.0, 10.0), (7.0, -3600.0, 7.0)]
)
def test_tokens_come_with_the_time(tokens, seconds, then):
    """Up to what the bucket holds; a clock that steps back takes none away."""
    account = standing(rate=10, tokens=tokens)
    account.refill(seconds)
    assert account.tokens == then


@given(
    rate=st.integers(1, 50),
    requests=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 150)), min_size=1, max_size=60),
)
def test_no_more_is_taken_than_the_rate_allows(rate, requests):
    """Over any time: what a full bucket holds, what has come since, and one batch that is paid for afterwards."""
    account = standing(rate=rate, tokens=float(2 * rate))
    now, taken = 0.0, 0
    for wait, messages in requests:
        now += wait
        account.refill(wait)
        if account.judge([None] * messages)[0] is None:
            assert taken <= (2 + now) * rate + 1e-3  # before this one: no debt was left
            taken += messages


@given(rate=st.integers(1, 50), tokens=st.floats(-1000, 100), messages=st.integers(1, 150))
def test_who_comes_back_as_told_is_taken(rate, tokens, messages):
    """Neither too early nor ever in vain."""
    account = standing(rate=rate, tokens=min(tokens, 2 * rate))
    (verdict, *_) = account.judge([None] * messages)
    if verdict is not None:
        account.refill(verdict.retry_after)
        assert account.judge([None] * messages)[0] is None


@pytest.mark.parametrize(
    ("used", "messages", "whole", "accepted"),
    [(0, 1, False, 1), (9, 1, False, 1), (10, 1, False, 0), (12, 1, False, 0), (7, 5, False, 3), (7, 5, True, 0)],
)
def test_the_quota_is_a_number_of_messages_a_day(used, messages, whole, accepted):
    """A request is taken as far as it reaches, unless it is to be taken whole."""
    account = standing(quota=10, used=used)
    verdicts = told(account.judge([None] * messages, whole=whole))
    assert verdicts == [None] * accepted + [QUOTA_EXCEEDED] * (messages - accepted)
    assert (account.used, account.tokens) == (used + accepted, 0.0)


def test_both_limits_hold():
    """What the quota does not cover needs no token; what comes too fast costs no quota."""
    account = standing(rate=10, quota=10, tokens=3.0, used=7)
    assert told(account.judge([None] * 5)) == [None] * 3 + [QUOTA_EXCEEDED] * 2
    assert (account.tokens, account.used) == (0.0, 10)
    account = standing(rate=10, quota=10, tokens=2.0, used=7)
    assert told(account.judge([None] * 5)) == [rate_limited(1)] * 3 + [QUOTA_EXCEEDED] * 2
    assert (account.tokens, account.used) == (2.0, 7)


@pytest.mark.parametrize(
    ("spent", "costs", "whole", "verdicts", "then"),
    [
        ("0", ["0.4", "0.6"], False, [None, None], "1.0"),
        ("0.000001", ["0.4", "0.6"], False, [None, BUDGET_SPENT], "0.400001"),
        ("0.5", ["0.6", "0.3", "0.3", "0.2"], False, [BUDGET_SPENT, None, BUDGET_SPENT, None], "1.0"),
        ("0.5", ["0.6", "0.3"], True, [BUDGET_SPENT] * 2, "0.5"),
        ("1.7", ["0", "0.000001"], False, [None, BUDGET_SPENT], "1.7"),
    ],
)
def test_a_budget_is_never_gone_over_by_an_accept(spent, costs, whole, verdicts, then):
    """To a millionth; what is cheap enough is taken, and what costs nothing always is."""
    account = standing(budget="1", spent=spent)
    assert told(account.judge([eur(one) for one in costs], whole=whole)) == verdicts
    assert account.spent == Decimal(then)


def test_what_has_no_price_in_the_budget_s_currency_is_outside_of_it():
    """Nobody knows how much of it that would be."""
    account = standing(budget="1", spent="1")
    assert told(account.judge([None, Money(Decimal(9), "USD"), eur("0.1")])) == [None, None, BUDGET_SPENT]
    assert account.spent == Decimal(1)


def test_all_three_limits_hold():
    """What one refuses takes nothing of the others."""
    account = standing(rate=10, quota=3, budget="1", tokens=1.0)
    assert told(account.judge([eur("0.6")] * 2)) == [None, BUDGET_SPENT]
    assert (account.used, account.spent, account.tokens) == (1, Decimal("0.6"), 0.0)
    assert told(account.judge([eur("0.4"), eur("0.4")])) == [rate_limited(1), BUDGET_SPENT]
    account.tokens = 20.0
    said = account.judge([eur("0.1"), eur("0.5"), eur("0.1"), eur("0.1")])
    assert told(said) == [None, BUDGET_SPENT, None, QUOTA_EXCEEDED]
    assert (account.used, account.spent, account.tokens) == (3, Decimal("0.8"), 18.0)


def test_a_spent_budget_says_what_it_is():
    """In a sentence for a person."""
    (refusal,) = standing(budget="1234.5", spent="1234.5").judge([eur("0.01")])
    assert refusal.detail == (
        "This account may spend 1,234.50 EUR a month, and what is left of this one is less than this costs; the next "
        "month begins, by UTC, in 86,400 s."
    )


def test_what_is_left_is_shown():
    """In whole messages and seconds; a debt is nothing left."""
    assert standing(rate=10, quota=100, tokens=12.5, used=30, day_ends_in=1.5).windows == (
        Window("rate", quota=20, seconds=2, remaining=12, resets_in=1),
        Window("day", quota=100, seconds=86_400, remaining=70, resets_in=2),
    )
    assert standing(rate=10, tokens=-100.0).windows == (Window("rate", 20, 2, remaining=0, resets_in=12),)
    assert standing(quota=5, used=9).windows == (Window("day", 5, 86_400, remaining=0, resets_in=3600),)
