"""The most telling faults, one seed each. `make faults` runs all of them, twenty seeds each."""

import pytest

from tests.faults.kinds import KINDS
from tests.faults.run import run

MESSAGES = 120
SHORT_SET = (
    "worker-killed-answered",
    "worker-frozen-claimed",
    "web-killed",
    "postgres-immediate",
    "one-key-200-posts",
)


@pytest.mark.parametrize("kind", SHORT_SET)
def test_a_fault_costs_no_message_no_receipt_and_no_event(fault_stack, run_numbers, kind):
    """Nothing accepted is lost, nothing is sent twice, receipts are applied, subscribers see every change once."""
    result = run(fault_stack, kind, 1, number=next(run_numbers), messages=MESSAGES)
    assert result.problems == []
    assert (result.accepted, result.facts["reconciled"]) == (MESSAGES, True)


def test_the_short_set_is_part_of_the_whole():
    """`make faults` runs at least what `make test` does."""
    assert set(SHORT_SET) <= set(KINDS)
