"""The harness notices what it is there to notice: each check, with something wrong planted before it."""

import random

import pytest

from tests.faults.count import Counted, _find_lost, applied_otherwise_than_once, finals, holes, last_to_see, steps_back
from tests.faults.plan import make_plan
from tests.faults.subscribers import Followed
from tests.faults.told import longest_wait

LIFE = ["QUEUED", "SENDING", "SENT", "DELIVERED"]


def numbered(*statuses):
    """Events as a subscriber gets them."""
    return list(enumerate(statuses, start=1))


@pytest.mark.parametrize(
    "statuses",
    [
        LIFE,
        ["QUEUED", "SENDING", "QUEUED", "SENDING", "SENT", "DELIVERED"],
        ["QUEUED", "SENDING", "UNCERTAIN", "QUEUED", "SENDING", "DELIVERED"],
        ["QUEUED", "SENDING", "SENT", "EXPIRED", "DELIVERED"],
    ],
)
def test_a_life_as_the_design_has_it_is_no_step_back(statuses):
    """Retries, settled uncertainty and late corrections are allowed."""
    assert steps_back(statuses) == []


@pytest.mark.parametrize(
    ("statuses", "wrong"),
    [
        (["QUEUED", "SENDING", "SENT", "SENDING"], "SENT → SENDING"),
        ([*LIFE, "UNDELIVERED"], "DELIVERED → UNDELIVERED"),
        (["QUEUED", "SENDING", "SENT", "QUEUED"], "SENT → QUEUED"),
        (["QUEUED", "QUEUED"], "QUEUED → QUEUED"),
    ],
)
def test_a_step_back_is_noticed(statuses, wrong):
    """Every step that the table of the design does not have is named."""
    assert wrong in steps_back(statuses)


@pytest.mark.parametrize(
    "events",
    [
        numbered(*LIFE)[:-1],
        numbered(*LIFE)[1:],
        [*numbered(*LIFE), (4, "DELIVERED")],
        [(1, "QUEUED"), (3, "SENT"), (2, "SENDING"), (4, "DELIVERED")],
        [],
    ],
    ids=["no end", "no beginning", "repeat", "order", "nothing"],
)
def test_a_gap_and_a_repeat_are_noticed(events):
    """A subscriber has to see each sequence once, in order, from the first to the last."""
    assert holes(events, 4) != []
    assert holes(numbered(*LIFE), 4) == []


def test_a_subscription_ends_with_a_final_status():
    """A late correction comes only to those who ask for it, or when it was there already; neither is a gap."""
    history = [(number, status, 0.0) for number, status in numbered(*LIFE[:3], "UNDELIVERED", "DELIVERED")]
    assert finals(history) == [4, 5]
    assert finals(history[:3]) == []
    assert [last_to_see([4, 5], saw=saw) for saw in (3, 4, 5, 6)] == [4, 4, 5, 4]


class Stored:
    """A database with four changes, one each second."""

    def query(self, sql, *parameters):
        return [("a", number, 100.0 + number) for number in range(1, 5)]


def test_a_long_wait_is_noticed():
    """From the change to its arrival; what had happened before the subscription began was no wait."""
    one = Followed("a", events=numbered(*LIFE))
    one.heard = [(102.5, 150.0), (102.5, 150.0), (102.5, 103.5), (102.5, 111.25)]
    assert longest_wait(Stored(), [one]) == 7.25


@pytest.fixture
def plan():
    """A plan of three messages."""
    return make_plan(random.Random(1), run=1, name="planted", seed=1, messages=3, watched=0)


class Answered:
    """A load whose clients were told ids."""

    def __init__(self, accepted):
        self.accepted = accepted


def lost(plan, rows, taken, accepted):
    """What the account says is lost, and what was stored twice."""
    found = Counted()
    _find_lost(found, plan, Answered(accepted), rows, taken)
    return len(found.lost), len(found.sent_twice)


def test_what_was_accepted_and_is_not_there_is_lost(plan):
    """Lost is: no row, another end than its fate's, or never taken by the provider; and one key makes one row."""
    first = plan.messages[0]
    good, taken, accepted = [(first.text, "a", first.end, 4)], {first.text: ["x"]}, {0: "a"}
    assert lost(plan, good, taken, accepted) == (0, 0)
    assert lost(plan, [], taken, accepted) == (1, 0)
    assert lost(plan, [(first.text, "a", "SENDING", 2)], taken, accepted) == (1, 0)
    assert lost(plan, good, {}, accepted) == (1, 0)
    assert lost(plan, [*good, (first.text, "b", first.end, 4)], taken, accepted) == (0, 1)


def test_a_receipt_applied_twice_or_not_at_all_is_noticed():
    """For each receipt that says APPLIED there is one change in the history, and no change without one."""
    assert applied_otherwise_than_once({"a": 1, "b": 2}, {"a": 1, "b": 2}) == []
    assert applied_otherwise_than_once({"a": 1}, {"a": 2}) != []
    assert applied_otherwise_than_once({"a": 1}, {}) != []
    assert applied_otherwise_than_once({}, {"a": 1}) != []


def test_a_seed_plans_the_same_run_again():
    """Fates, doors, policies and who is watched come from the seed alone."""

    def planned():
        return make_plan(random.Random("x 3"), run=3, name="n", seed=3, messages=200, watched=20)

    assert planned() == planned()
    assert sum(one.is_watched for one in planned().messages) == 20
