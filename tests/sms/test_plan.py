"""A plan says what a send would do, and does nothing."""

# ruff: noqa: RUF001  letters that look alike are the very matter here

import inspect
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sms.database import in_thread
from sms.errors import InvalidMessage, PermissionDenied
from sms.models import DispatchEntry, IdempotencyKey, Message, MessageEvent
from sms.services.accept import accept
from sms.services.new_message import check
from sms.services.plan import Verdict, WayThere, plan
from sms.services.rules import RULES, RuleName
from sms.services.store import Accepted

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = {"sender_id": "MyCorp", "recipient": "0200000901", "text": "Hello"}

# For each argument of a send, values that are good and values that are not.
ARGUMENTS = {
    "sender_id": st.sampled_from(["MyCorp", "Other", "", "far too long a name", "\ud800"]),
    "recipient": st.sampled_from(["0200000901", "+233 24 412 3456", "+12015550123", "0302123456", "", "x", "1" * 40]),
    "text": st.one_of(
        st.sampled_from(["Hello", "“Hello”", "Stop", "S\u200bTOP", "", " ", "\u200b", "a\0", "\ud83d", "…" * 600]),
        st.sampled_from(["a" * 1530, "a" * 1531, "я" * 670, "я" * 671, "a" * 10_000, "…" * 5_000, "…" * 10_001]),
        st.text(max_size=200),
    ),
    "transliterate": st.booleans(),
    "client_reference": st.sampled_from([None, "order-7", "", "x" * 256, "a\n"]),
    "delivery_policy": st.sampled_from(["AT_MOST_ONCE", "AT_LEAST_ONCE", "NEVER"]),
    "valid_for": st.sampled_from([60, 259_200, 59, 259_201]),
    "send_at": st.sampled_from([None, timedelta(hours=1), timedelta(days=91), timedelta(hours=-2)]).map(
        lambda ahead: None if ahead is None else datetime.now(UTC) + ahead
    ),
    "priority": st.sampled_from(["NORMAL", "OTP", "BULK", "URGENT"]),
    "metadata": st.sampled_from([None, [], [("a", "b")], [("", "b")], [("a", "b"), ("a", "c")]]),
}
# A good request with a few arguments drawn: with all of them drawn hardly any would be accepted.
REQUESTS = st.sets(st.sampled_from(sorted(ARGUMENTS)), max_size=4).flatmap(
    lambda drawn: st.fixed_dictionaries(
        {**{name: st.just(value) for name, value in GOOD.items()}, **{name: ARGUMENTS[name] for name in sorted(drawn)}}
    )
)


def verdicts_of(planned):
    """What each rule says, by its name."""
    return {one.rule.value: one.ok for one in planned.verdicts}


def broken(planned):
    """The verdicts of the rules that are broken."""
    return [one for one in planned.verdicts if one.ok is False]


async def outcome(caller, request):
    """What becomes of a message that is sent: it is accepted, or the reason why not."""
    try:
        return await accept(caller=caller, **request)
    except InvalidMessage as error:
        return error


async def stored():
    """How many rows there are of what a send leaves."""
    return await in_thread(
        lambda: [model.objects.count() for model in (Message, MessageEvent, DispatchEntry, IdempotencyKey)]
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(request=REQUESTS)
@example(request=GOOD)
@example(request={**GOOD, "text": "…" * 600})
@example(request={**GOOD, "text": "…" * 600, "transliterate": True})
async def test_what_is_planned_is_what_happens(caller, request):
    """A plan is accepted exactly when the send is, and then the message is as planned; else the first reason is."""
    planned = plan(caller=caller, **request)
    result = await outcome(caller, request)
    assert planned.accepted == isinstance(result, Accepted)
    if planned.accepted:
        sent, reading = result.message, planned.reading
        assert (sent.recipient, sent.text) == (planned.recipient.number, reading.text)
        assert (sent.encoding, sent.segment_count) == (reading.encoding, reading.segments)
    else:
        first = broken(planned)[0]
        assert (first.code, first.field, first.detail) == (result.code, result.field, result.detail)


@given(request=REQUESTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_rule_has_a_verdict(caller, request):
    """In the order in which a send applies them, each about its field, and with a reason exactly where it is broken."""
    planned = plan(caller=caller, **request)
    assert [(one.rule, one.field) for one in planned.verdicts] == [(rule.name, rule.field) for rule in RULES]
    assert [*(one.name for one in RULES), RuleName.OPT_OUT] == list(RuleName)  # which a database has to be asked about
    for one in planned.verdicts:
        assert (one.ok is False) == (one.code is not None) == (one.detail is not None)
    assert planned.accepted == all(one.ok for one in planned.verdicts)


async def test_a_plan_leaves_nothing_behind(caller):
    """No row, and the key is as good as new."""
    before = await stored()
    for text in ("Hello", "STOP"):
        plan(caller=caller, **{**GOOD, "text": text}, idempotency_key="k")
    assert await stored() == before == [0, 0, 0, 0]
    assert not (await accept(caller=caller, **GOOD, idempotency_key="k")).replayed


def test_a_plan_asks_the_database_nothing(caller, django_assert_num_queries):
    """All it needs is in memory."""
    with django_assert_num_queries(0, connection=connection):
        plan(caller=caller, **GOOD)


def test_a_plan_takes_what_a_send_takes():
    """The same arguments with the same defaults."""
    arguments = [inspect.signature(one).parameters for one in (plan, accept)]
    assert arguments[0] == arguments[1]


def test_everything_that_is_wrong_is_told_at_once(caller):
    """Not only the first thing, as a refusal does; what hangs on a broken rule is left open."""
    planned = plan(
        caller=caller,
        sender_id="Bad/Sender",
        recipient="not a number",
        text="…" * 10_001,
        client_reference="",
        delivery_policy="NEVER",
        valid_for=1,
        send_at=datetime(2020, 1, 1, tzinfo=UTC),
        priority="URGENT",
        metadata=[("", "")],
        idempotency_key="with space",
    )
    assert (planned.accepted, planned.recipient, planned.route) == (False, None, None)
    assert planned.reading.text is planned.reading.segments is planned.reading.encoding is None
    assert [(one.code, one.field) for one in broken(planned)] == [
        ("SENDER_ID_INVALID", "sender_id"),
        ("RECIPIENT_INVALID", "recipient"),
        ("TEXT_TOO_LONG", "text"),
        ("CLIENT_REFERENCE_INVALID", "client_reference"),
        ("DELIVERY_POLICY_INVALID", "delivery_policy"),
        ("VALID_FOR_INVALID", "valid_for"),
        ("SEND_AT_INVALID", "send_at"),
        ("PRIORITY_INVALID", "priority"),
        ("METADATA_INVALID", "metadata"),
        ("IDEMPOTENCY_KEY_INVALID", "idempotency_key"),
    ]
    left_open = {rule for rule, ok in verdicts_of(planned).items() if ok is None}
    assert left_open == {"SENDER_ID_ALLOWED", "BLOCKED_KEYWORDS", "LENGTH"}


def test_two_things_wrong_with_a_text_are_both_told(caller):
    """A blocked keyword does not hide that the text is too long, and its segments are still counted."""
    planned = plan(caller=caller, **{**GOOD, "text": "STOP " + "a" * 1600})
    assert [one.code for one in broken(planned)] == ["BLOCKED_KEYWORD", "TEXT_TOO_LONG"]
    assert planned.reading.segments == 11


def test_a_number_that_gets_no_texts_is_described_all_the_same(caller):
    """A fixed line is a number, and not one to send to."""
    planned = plan(caller=caller, **{**GOOD, "recipient": "030 212 3456"})
    assert (planned.recipient.number, planned.recipient.type) == ("+233302123456", "FIXED_LINE")
    assert [one.code for one in broken(planned)] == ["RECIPIENT_NOT_MOBILE"]
    assert planned.route is None


def test_the_route_names_the_provider(caller):
    """There is one, and it takes batches."""
    assert plan(caller=caller, **GOOD).route == WayThere("simulator", True, "there is no route yet")


def test_what_look_alikes_would_save_is_told(caller):
    """Segments as they are and as they could be; with `transliterate` both are the same."""
    text = "“" + "a" * 150
    as_given = plan(caller=caller, **{**GOOD, "text": text}).reading
    replaced = plan(caller=caller, **{**GOOD, "text": text}, transliterate=True).reading
    assert (as_given.text, as_given.encoding, as_given.segments) == (text, "UCS2", 3)
    assert (replaced.text, replaced.encoding, replaced.segments) == ('"' + "a" * 150, "GSM7", 1)
    assert as_given.segments_if_transliterated == replaced.segments_if_transliterated == 1
    assert [one.replacement for one in as_given.characters] == ['"'] == [one.replacement for one in replaced.characters]


def test_the_rules_see_the_text_that_is_sent(caller):
    """A keyword that look-alikes hid is found once they are replaced; what comes to nothing is an empty text."""
    hidden = {**GOOD, "text": "S\u200bTOP"}
    assert plan(caller=caller, **hidden).accepted
    assert broken(plan(caller=caller, **hidden, transliterate=True))[0].code == "BLOCKED_KEYWORD"
    nothing = plan(caller=caller, **{**GOOD, "text": "\u200b"}, transliterate=True)
    assert broken(nothing)[0].code == "TEXT_EMPTY"
    assert (nothing.reading.text, [one.name for one in nothing.reading.characters]) == (None, ["ZERO WIDTH SPACE"])


def test_a_text_that_is_far_too_long_is_not_looked_at(caller):
    """It is refused for its length, whatever would be left of it."""
    planned = plan(caller=caller, **{**GOOD, "text": "\u200b" * 10_000 + "a"}, transliterate=True)
    assert broken(planned)[0].code == "TEXT_TOO_LONG"
    assert planned.reading.characters == ()


def test_who_may_not_send_may_not_plan(caller):
    """It tells what is on the account's lists."""
    with pytest.raises(PermissionDenied):
        plan(caller=replace(caller, scopes=frozenset({"messages:read"})), **GOOD)


def test_a_verdict_of_a_kept_rule_has_no_reason(caller):
    """Just that it is kept."""
    assert plan(caller=caller, **GOOD).verdicts[0] == Verdict(RuleName.SENDER_ID, "sender_id", ok=True)


def test_transliterated_text_is_what_is_stored_and_what_its_key_stands_for(caller):
    """The same text, given straight or with look-alikes to replace, is the same request; another one is another."""
    curly = {**GOOD, "text": "“Hello” – ½"}
    new = check(caller, **curly, transliterate=True, idempotency_key="k")
    assert (new.text, new.encoding, new.segment_count) == ('"Hello" - 1/2', "GSM7", 1)
    straight = check(caller, **{**GOOD, "text": '"Hello" - 1/2'}, idempotency_key="k")
    kept = check(caller, **curly, idempotency_key="k")
    assert new.fingerprint == straight.fingerprint != kept.fingerprint
    assert (kept.text, kept.encoding) == (curly["text"], "UCS2")
