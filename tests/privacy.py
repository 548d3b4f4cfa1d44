"""Canaries: a number, a text and a key that must not be found where they do not belong."""

from itertools import pairwise

NUMBER = "+233209876543"
TEXT = "The canary sings for Abena at nine"
KEY = "sms_live_canary_of_the_tests"
SHORTEST_RUN = 6  # digits of a number that tell it


def found_in(shown: str, *, number=None, text=None, key=None) -> list[str]:
    """Return what of the canaries is in `shown`: any six digits in a row of the number, any two words of the text."""
    looked_for = [key] if key is not None else []
    if number is not None:
        digits = number.removeprefix("+")
        looked_for += [digits[at : at + SHORTEST_RUN] for at in range(len(digits) - SHORTEST_RUN + 1)]
    if text is not None:
        words = text.split()
        looked_for += [" ".join(pair) for pair in pairwise(words)]
    return [one for one in looked_for if one in shown]
