"""Phone numbers as people write them, turned into E.164. Pure: no Django here.

What is a number of a country, and what kind of number, is Google's libphonenumber metadata, in the library
`phonenumbers`. E.164 itself (a country code, then the national number, 15 digits in all) is ITU-T E.164.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberType

from sms.errors import ErrorCode, InvalidMessage
from sms.plain_mobiles import is_plain_mobile

# Without it, numbers of more than a few dozen countries recompile their patterns through `re`'s cache of 512: 500 µs a
# number instead of 20. Bounded by the metadata; needs phonenumbers 9.0.43.
phonenumbers.enable_pattern_cache()

LONGEST_E164: Final = 15  # digits
LONGEST_PARTY: Final = 32  # characters of who a text from a handset is from, or to: a number, a short code or a name
LONGEST: Final = 32  # characters as written: 15 digits, with a separator after each and some to spare

# What stands between digits, also as word processors and contact lists print it: no-break spaces, long dashes.
_SEPARATORS: Final = dict.fromkeys(map(ord, " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}.-\u2010\u2011\u2012\u2013()"))
# Digits of other scripts and full-width ones are refused: nobody here can check by eye which number they stand for.
_is_number = re.compile(r"\+?[0-9]+").fullmatch

# What has many digits and is no phone number: UUIDs, digests and ids in hexadecimal, times as ISO 8601 has them, IPv4
# addresses.
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_TIME: Final = r"[T ][0-2][0-9]:[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]{1,9})?)?(?:Z|[+-][0-2][0-9]:?[0-5][0-9])?"
_other_digits = re.compile(
    r"((?<![0-9A-Za-z])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})(?![0-9A-Za-z])|\b0x[0-9a-f]+\b"
    rf"|(?<![0-9])[12][0-9]{{3}}-[01][0-9]-[0-3][0-9](?![0-9-])(?:{_TIME})?(?![0-9])"
    rf"|(?<![0-9.])(?:{_OCTET}\.){{3}}{_OCTET}(?![0-9.]))"
)
_perhaps_a_number = re.compile(r"(?<![0-9])\+?\(?[0-9](?:[ \u00a0.()\-]{0,3}[0-9]){5,17}(?![0-9])")
_digits_in_a_row = re.compile(r"(?<![0-9])\+?[0-9]{6,18}(?![0-9])")
# Seconds since 1970 or a part of a thousand of them, of this time; and year, month, day, hour, minute in a row.
_is_time = re.compile(
    r"1[6-9][0-9]{8}(?:[0-9]{3}){0,3}|20[0-9]{2}[01][0-9][0-3][0-9][0-2][0-9][0-5][0-9](?:[0-5][0-9](?:[0-9]{3})?)?"
).fullmatch

_MOBILE: Final = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
_KINDS: Final = {
    PhoneNumberType.FIXED_LINE: "a fixed line",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.VOIP: "an internet telephone (VoIP)",
    PhoneNumberType.PERSONAL_NUMBER: "a personal number",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.UAN: "a company's access number",
    PhoneNumberType.VOICEMAIL: "a voicemail box",
}
_SHORTEST_NATIONAL: Final = 4  # in use: Niue, +683 4000
_LONG_ENOUGH: Final = 8  # to show four digits and still hide as many
_COULD_BE: Final = 9  # digits in a row: fewer are a count or a date more often than somebody's number
HIDDEN: Final = "***"
_CALLING_CODES: Final = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


class _Reading(NamedTuple):
    """A valid number that some digits may stand for."""

    e164: str
    kind: int  # a PhoneNumberType, never UNKNOWN

    @property
    def is_mobile(self) -> bool:
        return self.kind in _MOBILE


def normalise(raw: str, *, default_region: str) -> str:
    """Return the mobile number that `raw` stands for as E.164, such as +233200000901.

    `+` or `00` in front is international, any other `0` national in `default_region` (an ISO 3166 code in capitals).
    Other digits are international without the plus, or else national; digits that are two different mobile numbers,
    one each way, are refused rather than sent to a stranger. A number passes where nothing but its owner knows whether
    it is mobile, as in North America.

    Raises InvalidMessage with RECIPIENT_INVALID for what is not a phone number and RECIPIENT_NOT_MOBILE for one of
    another kind, and ValueError for a `default_region` that is none.
    """
    if default_region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"{default_region!r} is not a region; give an ISO 3166 code such as 'GH'")
    written = _strip(raw)
    if (plain := _plain(written, default_region)) is not None:
        return plain
    readings = _readings(written, default_region)
    mobiles = [reading.e164 for reading in readings if reading.is_mobile]
    if len(set(mobiles)) == 1:
        return mobiles[0]
    if mobiles:
        raise _invalid(f"{raw!r} can be read as {mobiles[0]} or as {mobiles[1]}; write it with + and the country code.")
    if readings:
        kind = _KINDS.get(readings[0].kind, "another kind of number")
        sentence = f"{raw!r} is {kind}, not a mobile number; give one that receives texts."
        raise InvalidMessage(ErrorCode.RECIPIENT_NOT_MOBILE, sentence, "recipient")
    raise _invalid(f"{raw!r} is not a valid phone number; write it with + and the country code, such as +233200000901.")


def find(raw: str, *, default_region: str) -> str | None:
    """Return the valid number of any kind that `normalise` reads in `raw`, as E.164, or None if there is not just one.

    Raises ValueError for a `default_region` that is none.
    """
    try:
        return normalise(raw, default_region=default_region)
    except InvalidMessage as error:
        if error.code is not ErrorCode.RECIPIENT_NOT_MOBILE:
            return None
    return _readings(_strip(raw), default_region)[0].e164


@lru_cache(maxsize=65_536)
def country_of(e164: str) -> str:
    """Return the country of a number in E.164, as ISO 3166 has it; 001, the world, for one of no country."""
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return "001"
    return phonenumbers.region_code_for_number(number) or "001"


def mask(e164: str) -> str:
    """Return a number fit for a log: +233200000901 becomes +23320*****01.

    The country code, the first two and the last two digits stay; of a short national number only the last two. What is
    not E.164 becomes just `***`.
    """
    code, national = split(e164)
    if not code or e164[0] != "+" or len(national) < _SHORTEST_NATIONAL or not _is_number(e164):
        return HIDDEN
    first = 2 if len(national) >= _LONG_ENOUGH else 0
    return f"+{code}{national[:first]}{'*' * (len(national) - first - 2)}{national[-2:]}"


def split(e164: str) -> tuple[str, str]:
    """Return the digits of a number as its calling code, empty where it has none that is in use, and the rest."""
    digits = e164[1:]
    code = next((digits[:n] for n in (1, 2, 3) if digits[:n] in _CALLING_CODES), "")
    return code, digits[len(code) :]


def nobodys(e164: str) -> str:
    """Return what stands for a number that is forgotten: +233200000901 becomes +233000000000000.

    The same for all numbers of a calling code, and nobody's: no plan has fifteen digits with nothing but zeros.
    """
    return f"+{split(e164)[0]:0<{LONGEST_E164}}"


def mask_all(text: str, *, default_region: str) -> str:
    """Return a text with every number in it masked that could be a phone number, national ones of `default_region` too.

    For what somebody else wrote: a provider's request, a library's complaint. A number stands between anything but
    digits, and is written in one or with separators. What is not valid anywhere is masked all the same where it has a
    plus, or nine digits in a row: a number with a slip of the pen is still somebody's. UUIDs, digests, times, IP
    addresses and smaller numbers stay as they are, and so do more than 18 digits in a row.
    """
    parts = _other_digits.split(text)  # every other part is one of those
    parts[::2] = [
        _perhaps_a_number.sub(lambda found: _mask_written(found[0], default_region), part) for part in parts[::2]
    ]
    return "".join(parts)


def _mask_written(written: str, region: str) -> str:
    """Return the mask of what is perhaps a number, with separators or without; or all of it, or a part, as it was."""
    bare = "".join(c for c in written if c in "+0123456789")
    if bare == written:
        return _mask_bare(bare, region)
    if readings := _readings(bare, region):
        return mask(readings[0].e164)
    if bare[0] == "+":
        return HIDDEN
    return _digits_in_a_row.sub(lambda found: _mask_bare(found[0], region), written)


def _mask_bare(digits: str, region: str) -> str:
    if readings := _readings(digits, region):
        return mask(readings[0].e164)
    could_be = digits[0] == "+" or len(digits) >= _COULD_BE
    return HIDDEN if could_be and not _is_time(digits) else digits


def _strip(raw: str) -> str:
    """Return the digits of `raw`, with the plus if it has one. Raises InvalidMessage for anything else in it."""
    if len(raw) > LONGEST:
        raise _invalid(f"The recipient has {len(raw)} characters; a phone number has at most {LONGEST}.")
    written = raw.translate(_SEPARATORS)
    if _is_number(written):
        return written
    if not written.strip("+"):
        raise _invalid("The recipient has no digits; give a phone number such as +233200000901.")
    stranger = next((c for c in written.removeprefix("+") if c not in "0123456789"), "+")
    if stranger == "+":
        raise _invalid(f"{raw!r} has a + that is not in front of the digits.")
    raise _invalid(
        f"{raw!r} contains {stranger!r}; a phone number is written with the digits 0 to 9, spaces, dots, dashes, "
        "parentheses and a + in front."
    )


def _plain(written: str, region: str) -> str | None:
    """Return the E.164 of what is a mobile number and cannot be anything else, or None where one has to look closer."""
    digits = written.removeprefix("+")
    if digits is written and (written[0] == "0" or len(written) <= _longest_mobile(region)):
        return None  # perhaps national
    return f"+{digits}" if is_plain_mobile(digits) else None


def _readings(written: str, region: str) -> list[_Reading]:
    """Return the valid numbers that `written` may stand for, the likeliest first: none, one or two."""
    if written.startswith("+"):
        found = [_read(written, None)]
    elif written.startswith("00"):
        # Some regions dial out with more than 00 (Australia 0011, Singapore 001 to 008): the library knows.
        found = [_read(f"+{written[2:]}", None) or _read(written, region)]
    elif written.startswith("0"):
        found = [_read(written, region)]
    else:
        found = [_read(f"+{written}", None)]
        if found[0] is None or len(written) <= _longest_mobile(region):
            found.append(_read(written, region))
    return [reading for reading in found if reading is not None]


def _read(written: str, region: str | None) -> _Reading | None:
    """Return the number, or None if it is not valid: no type for it in its country's metadata."""
    try:
        number = phonenumbers.parse(written, region)
    except NumberParseException:
        return None
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.UNKNOWN:
        return None
    return _Reading(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), kind)


@lru_cache(maxsize=512)
def _longest_mobile(region: str) -> int:
    """Return how many digits a national mobile number of the region has at most."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.mobile is None:
        return LONGEST
    return max(metadata.mobile.possible_length)


def _invalid(sentence: str) -> InvalidMessage:
    return InvalidMessage(ErrorCode.RECIPIENT_INVALID, sentence, "recipient")
