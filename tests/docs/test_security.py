"""docs/security.md: every answer has its test, and every test that it names is there."""

import re

import pytest

from tests.docs.test_readme import ROOT

PAGE = ROOT / "docs" / "security.md"
ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and not line.startswith("| attack |")]
NAMED = re.compile(r"\[(\w+\.py)\]\(\.\./(tests/[\w/]+\.py)\)|`::(\w+)`")


def named_in(row):
    """Return the tests that a row names, each with its file."""
    path, found = None, []
    for text, link, name in NAMED.findall(row.split(" | ")[-1]):
        if link:
            assert link.endswith(f"/{text}")
            path = link
        else:
            assert path, row
            found.append((path, name))
    return found


@pytest.mark.parametrize("row", ROWS, ids=[row[2:60] for row in ROWS])
def test_every_answer_has_its_tests(row):
    """At least one in each row, and all of them exist."""
    assert row.count(" | ") == 2
    named = named_in(row)
    assert named
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not re.search(rf"^ *(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_the_table_is_read_whole():
    """Also if somebody lays it out anew."""
    assert len(ROWS) > 40
    assert sum(len(named_in(row)) for row in ROWS) == PAGE.read_text().count("`::test_")
