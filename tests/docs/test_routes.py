"""What is told of routes and of kinds of provider is what the code does."""

import ast
import re
from pathlib import Path

from sms.management.commands import routes as command
from sms.providers import base
from sms.routing import snapshot, tally
from sms.services import breakers, detours, health, moves, settle
from tests import commands

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "routes.md").read_text()
GUIDE = (DOCS / "adding-a-provider.md").read_text()
WORDS = {2: "two", 3: "three", 5: "five", 10: "ten", 15: "fifteen", 20: "twenty"}


def test_the_matrix_is_what_the_kinds_say_of_themselves():
    """Every kind that there is, in the order of their names."""
    written = (DOCS / "provider-matrix.csv").read_text()
    assert written == "\n".join(commands.run("routes", "kinds", "--csv")) + "\n", (
        "run: make manage ARGS='routes kinds --csv' > docs/provider-matrix.csv"
    )


def test_the_numbers_are_those_of_the_code():
    """In the words of the page."""
    assert snapshot.FRESH == 1.0
    assert f"{WORDS[tally.IN_A_ROW]} messages to a country fail in a row, or {WORDS[tally.TOO_MANY]} of " in PAGE
    assert f"{WORDS[tally.LOOKED_AT]}, within a minute" in PAGE
    assert tally.REMEMBERED == 60.0
    assert f"After {WORDS[int(breakers.FIRST_WAIT)]} seconds one message" in PAGE
    assert (breakers.LONGEST_WAIT, tally.SEVERAL) == (60.0, 3)
    assert f"every {WORDS[int(detours.ASIDE)]} seconds" in PAGE
    assert (health.MOST_FAILURES, health.MOST_LATE, health.TIMES_USUAL, health.RECENT) == (0.2, 0.5, 3.0, 120.0)
    assert f"by {WORDS[health.DOWN]} per cent of its weight every {WORDS[int(health.EVERY)]} seconds" in PAGE
    assert f"it rises again by {WORDS[health.UP]}" in PAGE
    assert f"{WORDS[int(moves.FIRST_POLL)]} seconds after they were sent" in PAGE
    assert (settle.LONGEST_POLL, settle.BATCH) == (7200.0, 500)
    assert "every two hours at most" in PAGE


def test_every_action_that_is_named_is_one():
    """And every option."""
    parser = command.Command().create_parser("manage.py", "routes")
    actions = next(one.choices for one in parser._actions if one.dest == "action")
    assert set(re.findall(r"manage\.py routes ([a-z-]+)", PAGE + GUIDE)) == set(actions)
    known = {word for one in actions.values() for option in one._actions for word in option.option_strings}
    assert set(re.findall(r"(?<!-)(--[a-z][a-z-]+)", PAGE + GUIDE)) <= known


def test_every_link_leads_somewhere():
    """From both pages."""
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE + GUIDE):
        assert (DOCS / target).exists(), target


def test_the_example_of_an_adapter_is_python_and_a_provider(tmp_path, monkeypatch):
    """Nothing that it has to have is missing, and it does what the page says."""
    (example,) = re.findall(r"```python\n(.+?)```", GUIDE, re.DOTALL)
    ast.parse(example)
    (tmp_path / "acme_of_the_page.py").write_text(example)
    monkeypatch.syspath_prepend(tmp_path)
    import acme_of_the_page

    setup = base.Setup(
        route="acme",
        options={"url": "http://127.0.0.1:1", "api_key": "k", "signing_secrets": "first-secret"},
    )
    provider = acme_of_the_page.Acme.from_setup(setup)
    request = base.WebhookRequest(headers={}, body=b'{"id": "r-1", "status": "delivered"}')
    assert provider.receipts(request) == [base.DeliveryReport("r-1", "delivered", base.Status.DELIVERED)]


def test_what_a_kind_may_have_is_what_a_provider_has():
    """Each name in the table is one of the base class."""
    table = GUIDE.partition("## What a kind may have beyond that")[2].partition("\n## ")[0]
    for name in re.findall(r"`([a-z_]+)`", table):
        assert hasattr(base.Provider, name), name
