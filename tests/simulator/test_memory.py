"""What the simulator remembers is bounded: the oldest goes first, and nothing is taken that could not be kept."""

from types import SimpleNamespace

from simulator.fates import FATES, Answer
from simulator.ledger import Ledger
from simulator.submit import Submits, Tries
from simulator.wire import Message


def a_message(client_reference, to="233200000912"):
    """A message that differs by its client reference, and by its text."""
    return Message(client_reference, "MyCorp", to, f"text of {client_reference}")


def test_the_ledger_forgets_the_oldest():
    """Of three entries the first is gone, in the look-up and in the counts."""
    ledger = Ledger(most=2)
    for client_reference in ("a", "b", "c"):
        ledger.take(a_message(client_reference))
    assert ledger.look_up("a") is None
    assert ledger.look_up("c").submits == 1
    counts = ledger.count(to="233200000912", client_reference=None, at_least=1)
    assert [one.client_references for one in counts] == [["b"], ["c"]]


def test_the_ledger_keeps_a_client_reference_that_came_again():
    """Forgetting its first submit does not forget the second."""
    ledger = Ledger(most=2)
    for client_reference in ("a", "a", "b"):
        ledger.take(a_message(client_reference))
    assert ledger.look_up("a").submits == 2


def test_references_are_never_given_twice():
    """The same message taken again, or by another run, has another reference."""
    references = {Ledger().take(a_message("a")).reference for _ in range(1000)}
    assert len(references) == 1000


def test_tries_forget_the_oldest():
    """The message that was forgotten starts anew; one that was not goes on."""
    tries = Tries(most=2)
    told = [(one, tries.next_answer(FATES["12"], a_message(one))) for one in ("a", "a", "b", "b", "c", "b", "a")]
    assert told[-2:] == [("b", Answer.ACCEPTED), ("a", Answer.THROTTLED)]


def test_nothing_is_taken_whose_receipts_could_not_be_kept():
    """With the outbox full, a submit is told to come again, and is not in the ledger."""
    ledger = Ledger()
    submitted = Submits(ledger, SimpleNamespace(is_full=True)).submit(a_message("a", "233240000000"))
    assert (submitted.answer, ledger.look_up("a")) == (Answer.UNAVAILABLE, None)
