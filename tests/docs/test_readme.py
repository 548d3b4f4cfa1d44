"""The README's commands do what stands below them."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```console\n\$ (curl .+?)\n(\{.+?)```", README, re.DOTALL)


def shape(value):
    """The names and kinds in a document, without the values that differ from run to run."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    differs = r"\d{4}-\d\d-\d\dT|[0-9a-f]{8}-|^AQ[\w-]{21}$|^AQ[\w-]{26}$"  # times, ids, cursors of lists and feeds
    return "text" if isinstance(value, str) and re.search(differs, value) else value


@pytest.fixture(scope="module")
def printed(stack):
    """What the commands print, run in a shell in their order as they stand, only at the tests' own address."""
    commands = [command.replace("http://127.0.0.1:8080", stack.url) for command, _ in BLOCKS]
    run = [
        subprocess.run(["bash", "-c", one], capture_output=True, text=True, check=True, timeout=30) for one in commands
    ]
    return [done.stdout for done in run]


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_pasted_command_prints_what_the_readme_shows(printed, number):
    """The same documents as the README has below them."""
    assert shape(json.loads(printed[number])) == shape(json.loads(BLOCKS[number][1]))


def test_the_readme_sends_by_both_doors():
    """There is something to paste for GraphQL and for REST, and for many messages."""
    paths = {re.search(r"8080(/[a-z/]+)", command)[1] for command, _ in BLOCKS}
    assert paths >= {"/graphql/", "/api/messages/", "/api/messages/batch/", "/api/events/"}


def test_every_link_leads_somewhere():
    """No link of the README points at a file that is not there."""
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_make_target_named_exists():
    """Each `make …` of the README is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", README)) - {"sure"} <= targets
