"""The page about performance names every benchmark."""

import re
from pathlib import Path

from benchmarks.__main__ import NAMES

PAGE = (Path(__file__).parents[2] / "docs" / "performance.md").read_text()


def test_every_benchmark_is_explained():
    """Each has its line in the table, and the table has no other but those of the commands of their own."""
    rows = re.findall(r"^\| (`.+?`) \|", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {*NAMES, "listing", "scaling", "ten_million"}
