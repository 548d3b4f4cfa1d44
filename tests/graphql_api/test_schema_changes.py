"""What clients were promised stays: the schema may grow, and breaks nothing that was published (docs/api-policy.md)."""

import re
from pathlib import Path

import pytest
from graphql import DangerousChangeType, build_schema, find_breaking_changes, find_dangerous_changes

ROOT = Path(__file__).parents[2]
CURRENT = (ROOT / "schema.graphql").read_text()
PUBLISHED = (ROOT / "docs" / "schema.published.graphql").read_text()
POLICY = (ROOT / "docs" / "api-policy.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()

# Dangerous in the library's words, and what clients have to bear in ours; a changed default is none of that.
CHANGED_DEFAULTS = {DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE, DangerousChangeType.INPUT_FIELD_DEFAULT_VALUE_CHANGE}
DEPRECATED = re.compile(r'@deprecated(?:\(reason: "([^"]*)"\))?')
DAY = re.compile(r"\b20\d\d-[01]\d-[0-3]\d\b")


def broken(published, current):
    """Return what a client of the published schema would miss in the current one."""
    old, new = build_schema(published), build_schema(current)
    changed = [one for one in find_dangerous_changes(old, new) if one.type in CHANGED_DEFAULTS]
    return [one.description for one in [*find_breaking_changes(old, new), *changed]]


def without_a_day(written):
    """Return the reason of each deprecation that does not say until which day it stays."""
    return [reason for reason in DEPRECATED.findall(written) if not DAY.search(reason)]


def test_nothing_that_was_published_is_broken():
    """A client written for the published schema works as before."""
    assert broken(PUBLISHED, CURRENT) == [], "clients rely on it: see docs/api-policy.md before you run `make publish`"


def test_what_is_deprecated_says_until_when_it_stays():
    """Without a day nobody knows when to be done."""
    assert without_a_day(CURRENT) == []


def change(old, new):
    """Return the published schema with one change."""
    assert PUBLISHED.count(old) >= 1, old
    return PUBLISHED.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("  segments: Int!", "  parts: Int!", "Message.segments was removed"),
        ("  segments: Int!", "  segments: Int", "Message.segments changed type"),
        ("  UNCERTAIN\n", "  UNSURE\n", "UNCERTAIN was removed"),
        ("  replayed: Boolean!", "  replayed(as: String!): Boolean!", "as"),
        ("message(\n", "letter(\n", "Query.message was removed"),
        ("input SendMessageInput {", "input SendMessageInput {\n  campaign: String!", "campaign"),
        (" | MessageNotFound | NotCancelable", " | NotCancelable", "MessageNotFound was removed from union"),
        ("type InvalidMessage implements Refusal", "type InvalidMessage", "no longer implements"),
        ("includeLate: Boolean = false", "includeLate: Boolean = true", "default"),
    ],
)
def test_a_breaking_change_is_found(old, new, named):
    """And named, so that its author knows what clients would miss."""
    found = broken(PUBLISHED, change(old, new))
    assert len(found) == 1, found
    assert named in found[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  segments: Int!", "  segments: Int!\n  parts: Int"),
        ("  provider: String", "  provider: String!"),
        ("  UNCERTAIN\n", "  UNCERTAIN\n  READ\n"),
        ("  replayed: Boolean!", "  replayed(as: String): Boolean!"),
        ("input SendMessageInput {", "input SendMessageInput {\n  campaign: String"),
        (" | MessageNotFound | NotCancelable", " | MessageNotFound | NotCancelable | InvalidBatch"),
        ("  segments: Int!", '  segments: Int! @deprecated(reason: "Use parts. Stays until 2027-06-30.")'),
    ],
)
def test_what_is_only_added_is_no_breaking_change(old, new):
    """Fields, optional arguments and input fields, enum values, union members, deprecations."""
    assert broken(PUBLISHED, change(old, new)) == []


@pytest.mark.parametrize(
    ("mark", "found"),
    [
        ('@deprecated(reason: "Use parts. Stays until 2027-06-30.")', []),
        ('@deprecated(reason: "Use parts.")', ["Use parts."]),
        ("@deprecated", [""]),
    ],
)
def test_a_deprecation_without_a_day_is_found(mark, found):
    """Of whatever it is."""
    assert without_a_day(change("  segments: Int!", f"  segments: Int! {mark}")) == found


def test_the_policy_names_what_holds_it():
    """The command that moves the published schema, and this file."""
    assert "`make publish`" in POLICY
    assert "tests/graphql_api/test_schema_changes.py" in POLICY
    assert re.search(r"^publish:.*\n\tcp schema.graphql docs/schema.published.graphql$", MAKEFILE, re.MULTILINE)
