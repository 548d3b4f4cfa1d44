"""Reads of the inbox of receipts, for operators: every account's, and at a bounded cost however many are kept.

What is in the inbox, set aside or unmatched is found by partial indexes, so it costs what there is of it. What was
processed is looked for among the receipts that came within a window.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.db.models import Case, Count, Min, Q, QuerySet, When
from django.db.models.expressions import Value
from django.db.models.functions import Now

from sms.database import query
from sms.models import Receipt

Outcome = Receipt.Outcome


class State(StrEnum):
    """Where a receipt is, in an operator's words."""

    DUE = "due"  # in the inbox, no worker has looked at it yet
    WAITING = "waiting"  # in the inbox, looked at, and its message was not there
    FAILING = "failing"  # in the inbox, to be tried again after an error
    SET_ASIDE = "set-aside"  # could not be applied
    UNMATCHED = "unmatched"  # no message turned up in time
    APPLIED = "applied"
    DUPLICATE = "duplicate"
    NOTED = "noted"


CONDITIONS: Final[Mapping[State, Q]] = {
    State.DUE: Q(processed_at=None, error=None, tries=0),
    State.WAITING: Q(processed_at=None, error=None, tries__gt=0),
    State.FAILING: Q(processed_at=None, error__isnull=False),
    State.SET_ASIDE: Q(outcome=Outcome.FAILED),
    State.UNMATCHED: Q(outcome=Outcome.UNMATCHED),
    State.APPLIED: Q(outcome=Outcome.APPLIED),
    State.DUPLICATE: Q(outcome=Outcome.DUPLICATE),
    State.NOTED: Q(outcome=Outcome.NOTED),
}
IN_THE_INBOX: Final = (State.DUE, State.WAITING, State.FAILING)
PROCESSED: Final = (State.APPLIED, State.DUPLICATE, State.NOTED)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many receipts are in a state, and when the oldest of them came (not told of processed ones)."""

    count: int
    oldest: datetime | None = None


def tallies(*, within: timedelta) -> dict[State, Tally]:
    """Count the receipts in each state; the processed ones among those that came `within` this time."""
    found = {state: query(_tally, state) for state in State if state not in PROCESSED}
    processed = query(_count_processed, within)
    return found | {state: Tally(processed.get(state.upper(), 0)) for state in PROCESSED}


def _tally(state: State) -> Tally:
    return Tally(**Receipt.objects.filter(CONDITIONS[state]).aggregate(count=Count("id"), oldest=Min("received_at")))


def _count_processed(within: timedelta) -> dict[str, int]:
    came = Receipt.objects.filter(received_at__gt=Now() - within)
    return dict(came.values_list("outcome").annotate(count=Count("id")))


def listing(state: State, *, limit: int, within: timedelta, provider: str | None = None) -> list[Receipt]:
    """Return up to `limit` receipts in a state, the next one due or else the latest first."""
    return query(list, in_state(state, within=within, provider=provider)[:limit])


def in_state(state: State, *, within: timedelta, provider: str | None = None) -> "QuerySet[Receipt]":
    """Return the receipts in a state, in the order of the index that finds them."""
    found = _with_state().filter(CONDITIONS[state])
    if provider is not None:
        found = found.filter(provider=provider)
    if state in PROCESSED:
        # By their time and not by their id: else a plan that walks back by id could walk through all there are.
        return found.filter(received_at__gt=Now() - within).order_by("-received_at", "-id")
    return found.order_by("due_at", "id") if state in IN_THE_INBOX else found.order_by("-id")


def get(receipt_id: int) -> Receipt | None:
    """Return one receipt, with its message where it has one."""
    return query(_with_state().select_related("message").filter(id=receipt_id).first)


def _with_state() -> "QuerySet[Receipt]":
    cases = [When(condition, then=Value(state.value)) for state, condition in CONDITIONS.items()]
    return Receipt.objects.annotate(state=Case(*cases))  # type: ignore[no-redef]
