"""The table of close codes for clients is what the service sends, and what clients do about it."""

import re
from pathlib import Path

from graphql_api.close_codes import CloseCode

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
ROWS = dict(re.findall(r"^\| (\d{4}) \| .+ \| (yes|no) \|$", PAGE.read_text(), re.MULTILINE))

# graphql-ws 5 and 6, src/client.ts: what it takes for fatal. Written down by hand: its word is what counts.
FATAL = {4500, 4005, 4400, 4004, 4401, 4406, 4409, 4429}
NOT_FATAL = {1000, 1001, 1005, 1006, 1012, 1013}


def comes_back(code):
    """Whether `graphql-ws` connects again after a code."""
    return code not in FATAL and (code in NOT_FATAL or not 1000 <= code <= 1999)


def test_the_page_explains_every_code():
    """None is missing, and none is there that is never sent."""
    assert {int(code) for code in ROWS} == set(CloseCode)


def test_the_page_tells_clients_what_the_common_client_does():
    """Come back or stay away: the same for who reads the page and for who uses the library."""
    assert {int(code): answer == "yes" for code, answer in ROWS.items()} == {
        code: comes_back(code) for code in CloseCode
    }
