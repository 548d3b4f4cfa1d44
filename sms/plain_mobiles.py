"""The common case of `sms.phone_numbers`, answered from the same metadata with a few regular expressions. Pure.

`phonenumbers` takes a written number apart in many steps for every oddity that there is; a number that is written in
E.164 already, of a country that has its calling code to itself, has none of them. Whatever is not that plain is left
to the library, so both always give the same answer.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberDesc

Match = Callable[[str], re.Match[str] | None]

_CODES: Final = frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))
_CODE_LENGTHS: Final = (3, 2, 1)  # no calling code begins with another one
# Kinds that `phonenumbers.number_type` tries before it thinks of a mobile number.
_OTHER_KINDS: Final = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)


class _Plan(NamedTuple):
    """What a country's national numbers look like."""

    lengths: frozenset[int]
    is_mobile: Match
    is_general: Match
    is_other: Match
    has_prefix: Match


def is_plain_mobile(digits: str) -> bool:
    """Whether the digits after a plus are certainly a mobile number in E.164; False also for what needs a closer look.

    `digits` has ASCII digits only.
    """
    for length in _CODE_LENGTHS:
        if (code := digits[:length]) in _CODES:
            plan, national = _plan(code), digits[length:]
            return (
                plan is not None
                and len(national) in plan.lengths
                and plan.is_mobile(national) is not None
                and plan.is_general(national) is not None
                # The library asks these as well; in the metadata of 2026 no mobile number answers either with yes.
                and plan.has_prefix(national) is None
                and plan.is_other(national) is None
            )
    return False


@cache
def _plan(code: str) -> _Plan | None:
    """Return the plan behind a calling code, or None where several regions share it or it is nobody's."""
    region, *others = COUNTRY_CODE_TO_REGION_CODE[int(code)]
    metadata = None if others else PhoneMetadata.metadata_for_region(region, None)
    if metadata is None or metadata.mobile is None or metadata.mobile.national_number_pattern is None:
        return None
    kinds = [getattr(metadata, name) for name in _OTHER_KINDS]
    prefix = metadata.national_prefix_for_parsing
    return _Plan(
        frozenset(metadata.mobile.possible_length),
        _pattern([metadata.mobile]).fullmatch,
        _pattern([metadata.general_desc]).fullmatch,
        _pattern(kinds).fullmatch,
        re.compile(prefix or "(?!)").match,
    )


def _pattern(descriptions: list[PhoneNumberDesc | None]) -> re.Pattern[str]:
    """Return a pattern for what any of the descriptions has, or for nothing at all."""
    patterns = [one.national_number_pattern for one in descriptions if one is not None and one.national_number_pattern]
    return re.compile("|".join(f"(?:{one})" for one in patterns) or "(?!)")
