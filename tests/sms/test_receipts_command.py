"""`manage.py receipts`, as an operator sees it, against real PostgreSQL."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sms import receipts
from sms.models import Receipt
from sms.receipts import PROCESSED, State
from tests.messages import age
from tests.plans import plan_of
from tests.receipts import from_a_shell, process, receive, refusal, run, sent_message

DAY = timedelta(hours=24)


def test_the_summary_counts_each_state(one_of_each):
    """How many, what that means, the oldest where somebody may have to act, and the last error."""
    for receipt in one_of_each.values():
        Receipt.objects.filter(id=receipt.id).update(received_at="2026-01-02T03:04:05Z")
    came = "; the oldest came 2026-01-02T03:04:05Z"
    last = f"{one_of_each[State.SET_ASIDE].id}, simulator: ValueError: 'BAD1' is not a valid Status"
    assert run("--hours", 87840) == [
        f"due                  1  for the first look of a worker{came}",
        f"waiting              1  for their message{came}",
        f"failing              1  to be tried again{came}",
        f"set-aside            1  could not be applied{came}",
        f"                        the last: {last}",
        f"unmatched            1  no message turned up in 72 hours{came}",
        "of those that came in the last 87840 hours:",
        "applied              1  moved a status",
        "duplicate            1  said what was known already",
        "noted                1  kept in the history, moved nothing",
    ]


def test_the_summary_counts_processed_ones_within_a_window(one_of_each):
    """What came earlier is left out, so the cost does not grow with what is kept."""
    for state in (State.APPLIED, State.SET_ASIDE):
        age("sms_receipt", "received_at", "25 hours", id=one_of_each[state].id)
    found = receipts.tallies(within=DAY)
    assert {state: tally.count for state, tally in found.items()} == dict.fromkeys(State, 1) | {State.APPLIED: 0}
    assert receipts.tallies(within=timedelta(hours=26))[State.APPLIED].count == 1


def test_an_empty_inbox_is_no_error(transactional_db):
    """Every state is there, with nothing in it."""
    assert [line.split()[:2] for line in run() if not line.startswith("of")] == [[state, "0"] for state in State]
    assert run("list", "--state", "waiting") == []


@pytest.mark.parametrize("state", State)
def test_a_receipt_is_listed_under_its_state_and_no_other(one_of_each, state):
    """One line each: id, provider, reference, word, when it came, tries, error."""
    receipt = one_of_each[state]
    receipt.refresh_from_db()
    (line,) = run("list", "--state", state)
    fields = line.split()
    assert fields[:4] == [str(receipt.id), "simulator", receipt.provider_reference, receipt.provider_status]
    assert fields[4] == f"{receipt.received_at:%Y-%m-%dT%H:%M:%SZ}"
    tries, _, error = line.partition("  tries ")[2].partition("  ")
    assert (int(tries), error or None) == (receipt.tries, receipt.error)
    assert (receipt.error is not None) == (state in {State.SET_ASIDE, State.FAILING})


def test_a_list_is_of_one_provider_and_has_a_limit(caller):
    """The latest first."""
    ids = [receive(reference=f"x-{n}", provider="elsewhere").id for n in range(3)]
    receive(reference="x-1")
    Receipt.objects.update(outcome="FAILED", processed_at="2026-01-02T03:04:05Z")
    listed = run("list", "--state", "set-aside", "--provider", "elsewhere", "--limit", 2)
    assert [int(line.split()[0]) for line in listed] == [ids[2], ids[1]]


def test_show_tells_everything_about_one(caller):
    """With its message and that message's status, and phone numbers masked in the body."""
    message = sent_message(caller, reference="r-1")
    body = b'{"provider_reference":"r-1","msisdn":"233200000901","at":"20261125132011"}\n\xff'
    receipt = receive(reference="r-1", word="delivered", body=body)
    Receipt.objects.filter(id=receipt.id).update(
        received_at="2026-01-02T03:04:05Z", error_code="UNCLASSIFIED", provider_error="e-42"
    )
    process()
    Receipt.objects.filter(id=receipt.id).update(due_at="2026-01-02T03:04:05Z", processed_at="2026-01-02T03:04:06Z")
    assert run("show", receipt.id) == [
        f"id                  {receipt.id}",
        "state               applied",
        "provider            simulator",
        "provider reference  r-1",
        "client reference    -",
        "word                delivered",
        "status              DELIVERED",
        "error code          UNCLASSIFIED",
        "provider error      e-42",
        "received            2026-01-02T03:04:05Z",
        "due                 2026-01-02T03:04:05Z",
        "tries               0",
        "processed           2026-01-02T03:04:06Z",
        "error               -",
        f"message             {message.id} DELIVERED",
        'body                {"provider_reference":"r-1","msisdn":"+23320*****01","at":"20261125132011"}\\n\\xff',
    ]


def test_numbers_are_masked_in_whatever_a_provider_said(caller):
    """In its words and codes, and in an error that quotes them; not in its reference, by which it is found."""
    receipt = receive(reference="r-233200000901", word="to 233200000901", body=b"+233 20 000 0901")
    Receipt.objects.filter(id=receipt.id).update(
        provider_error="0200000901", error="ValueError: '233200000901'", processed_at="2026-01-02T03:04:05Z",
        outcome="FAILED",
    )  # fmt: skip
    shown = dict(line.split(maxsplit=1) for line in run("show", receipt.id) if not line.startswith("provider"))
    assert (shown["word"], shown["body"]) == ("to +23320*****01", "+23320*****01")
    assert shown["error"] == "ValueError: '+23320*****01'"
    assert "provider error      +23320*****01" in run("show", receipt.id)
    (listed,) = run("list", "--state", "set-aside")
    assert listed.count("+23320*****01") == 2
    assert "r-233200000901" in listed
    assert "the last: " in "\n".join(run())
    assert "'233200000901'" not in "\n".join(run())


def test_a_body_that_is_discarded_says_so(caller):
    """An empty one would look like a request that had none."""
    receipt = receive(reference="r-1", body=b"")
    assert run("show", receipt.id)[-1] == "body                (discarded)"


@pytest.mark.parametrize("state", State)
def test_show_names_the_state(one_of_each, state):
    """In the words that `list` takes."""
    assert f"state               {state}" in run("show", one_of_each[state].id)


def test_what_others_wrote_cannot_command_the_terminal(caller):
    """Control characters in references, words and bodies are shown, not obeyed."""
    receipt = receive(reference="r\x1b[2J", word="a\nb", body=b"\x1b[2J\x07")
    listed, shown = run("list", "--state", "due"), run("show", receipt.id)
    assert len(listed) == 1
    assert "r\\x1b[2J" in listed[0]
    assert "a\\nb" in listed[0]
    assert shown[-1] == "body                \\x1b[2J\\x07"
    assert all(line.isprintable() for line in [*listed, *shown])


def test_an_unknown_receipt_is_not_shown(transactional_db):
    """It is refused with a sentence."""
    assert refusal("show", 999_999_999) == "There is no receipt 999999999."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mend"], "invalid choice: 'mend'"),
        (["list"], "the following arguments are required: --state"),
        (["list", "--state", "lost"], "there is no state 'lost'; there are due, waiting, failing, set-aside"),
        (["list", "--state", "due", "--limit", "0"], "'0' is not a number from 1 on"),
        (["list", "--state", "due", "--limit", "9" * 5000], "is not a number from 1 on"),
        (["list", "--state", "due", "--provider", "x" * 33], "is not the name of a provider"),
        (["--hours", "nan"], "'nan' is not a number of hours"),
        (["--hours", "1e300"], "'1e300' is not a number of hours"),
        (["--hours", "soon"], "'soon' is not a number of hours"),
        (["show"], "the following arguments are required: id"),
        (["show", "one"], "'one' is not a number from 1 on"),
        (["show", "9223372036854775808"], "is not a number from 1 on"),
        (["replay"], "Give the ids of receipts, or --state; one of the two."),
        (["replay", "1", "--state", "unmatched"], "Give the ids of receipts, or --state; one of the two."),
        (["replay", "1", "--limit", "1"], "--provider and --limit go with --state, not with ids."),
        (["replay", "--state", "applied"], "Only what is set-aside or unmatched can be replayed, not what is applied."),
    ],
)
def test_bad_arguments_are_refused_with_a_sentence(transactional_db, words, said):
    """And with exit code 1."""
    assert said in refusal(*words)


@pytest.mark.parametrize(("words", "code"), [(["show", "one"], 1), (["mend"], 1), (["show", "1"], 1), (["--help"], 0)])
def test_from_a_shell_it_exits_1_with_a_sentence(transactional_db, words, code):
    """And never with a stack trace."""
    done = from_a_shell(*words)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert bool(done.stderr.strip()) is bool(code)


SMALL_INDEXES = ("receipt_unprocessed", "receipt_waiting", "receipt_set_aside", "receipt_age")
FILL = """
INSERT INTO sms_receipt (provider, provider_reference, provider_status, status, body, tries, received_at, due_at,
                         processed_at, outcome)
SELECT 'simulator', 'r-' || n, 'DELIVERED', 'DELIVERED', '{}', 0, came, came, came,
       CASE WHEN n % 100 = 0 THEN 'DUPLICATE' ELSE 'APPLIED' END
FROM (SELECT n, now() - make_interval(mins => 30000 - n) AS came FROM generate_series(1, 30000) AS n) AS t
"""


def test_no_question_walks_through_all_receipts(one_of_each):
    """Beside many processed ones, PostgreSQL itself chooses the partial indexes and the window's."""
    with connection.cursor() as cursor:
        cursor.execute(FILL)
        cursor.execute("SELECT brin_summarize_new_values('receipt_age')")
        cursor.execute("ANALYZE sms_receipt")
    with CaptureQueriesContext(connection) as asked:
        receipts.tallies(within=DAY)
        for state in State:
            assert receipts.listing(state, limit=5, within=DAY)
    plans = [plan_of(one["sql"]) for one in asked]
    assert len(plans) == len(State) - len(PROCESSED) + 1 + len(State)
    assert [plan for plan in plans if not any(name in plan for name in SMALL_INDEXES)] == []
