"""docs/rest.md tells what the description of REST does."""

import re
from pathlib import Path

from edge import bodies
from sms.services.rules import LONGEST_KEY
from tests.contract import document

PAGE = (Path(__file__).parents[2] / "docs/rest.md").read_text()


def described():
    """The codes of each status, from all paths."""
    found = {}
    for methods in document()["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    codes = response["content"]["application/problem+json"]["examples"]
                    found.setdefault(status, set()).update(codes)
    return found


def test_the_table_has_every_code_with_its_status():
    """No code is missing, none is made up, and each stands at the status that it comes with."""
    rows = re.findall(r"^\| (\d{3}) \| (.+) \|$", PAGE, re.MULTILINE)
    told = {status: set(re.findall(r"`([A-Z_]+)`", codes)) for status, codes in rows}
    assert told == described(), "\n".join(
        f"| {status} | {', '.join(f'`{code}`' for code in sorted(codes))} |"
        for status, codes in sorted(described().items())
    )


def test_the_limits_are_the_real_ones():
    """The sizes of bodies and the length of a key."""
    assert f"{bodies.LARGEST // 1024} KiB" in PAGE
    assert f"{bodies.LARGEST_BATCH // 1024**2} MiB" in PAGE
    assert f"1 to {LONGEST_KEY} visible" in PAGE
