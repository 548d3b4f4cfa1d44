"""Phone numbers as the wire has them: digits, with or without a leading plus."""

import re

is_number = re.compile(r"\+?[1-9][0-9]{6,14}").fullmatch

MASK = "*"
KEPT_AHEAD, KEPT_BEHIND = 5, 2
HIDDEN = 4  # at least


def digits(number: str) -> str:
    """Return the number without its plus (or the space that a query string makes of one)."""
    return number.strip().removeprefix("+")


def mask(number: str) -> str:
    """Return the number as logs may have it: the first 5 and the last 2 digits, fewer ahead of a short one."""
    shown = digits(number)
    ahead = min(KEPT_AHEAD, max(0, len(shown) - HIDDEN - KEPT_BEHIND))
    hidden = max(0, len(shown) - ahead - KEPT_BEHIND)
    return shown[:ahead] + MASK * hidden + shown[ahead + hidden :]
