"""`message { explain }`: read together for as many messages as are asked for."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from graphql_api.loaders import Loaders
from graphql_api.types import Message as Shown
from sms import explain, selectors
from sms.database import query
from tests.messages import attempt, store


@pytest.fixture
def messages(caller):
    """Three messages, each with an attempt."""
    stored = [store(caller) for _ in range(3)]
    for one in stored:
        attempt(one, reference=f"r-{one.id}")
    return [selectors.get_message(caller.account_id, one.id) for one in stored]


class Info:
    """As much of Strawberry's as the field uses."""

    class context:  # noqa: N801  Strawberry's name
        loaders = None


def test_it_costs_four_statements_for_one_and_for_three(messages):
    """However many are asked for together."""
    for some in (messages[:1], messages):
        with CaptureQueriesContext(connection) as asked:
            found = query(explain._facts, [one.id for one in some])
        assert len(asked) == 4
        assert {len(facts.attempts) for facts in found.values()} == {1}


async def test_it_is_shown_as_graphql_has_it(messages):
    """The words of the domain, with their attempts."""
    Info.context.loaders = Loaders()
    shown = await Shown.of(messages[0]).explain(Info)
    assert [(one.kind, one.attempt) for one in shown.steps] == [("STATUS", None), ("ATTEMPT", 1), ("WAITING", None)]
    assert shown.steps[1].sentence == "Attempt 1 goes by simulator."
