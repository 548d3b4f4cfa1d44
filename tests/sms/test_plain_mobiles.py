"""The short way and the library agree on every number."""

import random

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from sms.plain_mobiles import is_plain_mobile

MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
PER_CODE = 150


def library_says(digits):
    """What `phonenumbers` makes of an international number: its E.164, if it is a mobile one."""
    try:
        number = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.number_type(number) not in MOBILE:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def near_mobiles(code, rng):
    """Digits that look like a country's mobile numbers: its example, with some places changed, cut or added."""
    for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]:
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.PREMIUM_RATE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None:
                continue
            for _ in range(PER_CODE):
                digits = list(str(number.national_number))
                for _ in range(rng.randint(0, 3)):
                    digits[rng.randrange(len(digits))] = str(rng.randint(0, 9))
                if rng.random() < 0.1:
                    digits.insert(rng.randint(0, len(digits)), str(rng.randint(0, 9)))
                yield f"{code}{''.join(digits)}"


@pytest.mark.parametrize("code", CODES)
def test_what_is_plain_is_what_the_library_says(code):
    """Whatever the short way takes for a mobile number, the library reads as that very number."""
    for digits in near_mobiles(code, random.Random(code)):
        if is_plain_mobile(digits):
            assert library_says(digits) == f"+{digits}"


@given(st.text("0123456789", min_size=1, max_size=17))
@example("0")
@example("233")
def test_any_digits_agree(digits):
    """No string of digits is taken for more than it is."""
    if is_plain_mobile(digits):
        assert library_says(digits) == f"+{digits}"


def test_the_short_way_is_really_taken():
    """The countries that most texts go to are plain, and those with shared codes are not."""
    assert all(is_plain_mobile(digits) for digits in ("233200000901", "2348021234567", "4915123456789", "919876543210"))
    assert not is_plain_mobile("12015550123")
    assert not is_plain_mobile("233302123456")  # a fixed line
