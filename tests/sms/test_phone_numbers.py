"""Numbers as people of several countries write them, and who must never get a text by mistake."""

# ruff: noqa: RUF001  digits that look alike are the very matter here

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from sms.errors import ErrorCode, InvalidMessage
from sms.phone_numbers import find, mask, mask_all, normalise

MOBILE_TYPES = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


def examples(kinds):
    """Return the numbers that Google's metadata gives as an example of these kinds, one per region and kind."""
    found = [phonenumbers.example_number_for_type(region, kind) for region in REGIONS for kind in kinds]
    return [number for number in found if number is not None]


def e164(numbers):
    """Return the distinct numbers in E.164."""
    return sorted({phonenumbers.format_number(number, PhoneNumberFormat.E164) for number in numbers})


MOBILE_EXAMPLES = e164(examples([PhoneNumberType.MOBILE]))
# In some plans, as in North America, an example of a fixed line may as well be mobile; those are not meant here.
OTHER_EXAMPLES = e164(
    number
    for number in examples(set(PhoneNumberType.values()) - MOBILE_TYPES - {PhoneNumberType.UNKNOWN})
    if phonenumbers.number_type(number) not in MOBILE_TYPES
)


def refusal(raw, region="GH"):
    """Return the error that a number is refused with."""
    with pytest.raises(InvalidMessage) as caught:
        normalise(raw, default_region=region)
    return caught.value


def outcome(raw, region="GH"):
    """Return the number in E.164, or the error that it is refused with."""
    try:
        return normalise(raw, default_region=region)
    except InvalidMessage as error:
        return error


@pytest.mark.parametrize(
    ("region", "written", "number"),
    [
        ("GH", "+233200000901", "+233200000901"),
        ("GH", "+233 20 000 0901", "+233200000901"),
        ("GH", "00233200000901", "+233200000901"),
        ("GH", "233200000901", "+233200000901"),
        ("GH", "0200000901", "+233200000901"),
        ("GH", "024 412 3456", "+233244123456"),
        ("GH", "244123456", "+233244123456"),
        ("GH", "(+233) (0)24-412-3456", "+233244123456"),
        ("NG", "0803 123 4567", "+2348031234567"),
        ("NG", "234 803 123 4567", "+2348031234567"),
        ("KE", "0712 345678", "+254712345678"),
        ("KE", "0110 123 456", "+254110123456"),
        ("US", "(202) 555-0123", "+12025550123"),
        ("US", "1-202-555-0123", "+12025550123"),
        ("US", "202.555.0123", "+12025550123"),
        ("US", "011 44 7911 123456", "+447911123456"),
        ("US", "233200000901", "+233200000901"),
        ("US", "00233200000901", "+233200000901"),
        ("GB", "07911 123456", "+447911123456"),
        ("GB", "+44 (0)7911 123456", "+447911123456"),
        ("DE", "0151 23456789", "+4915123456789"),
        ("DE", "0049 151 23456789", "+4915123456789"),
        ("FR", "06 12 34 56 78", "+33612345678"),
        ("FR", "06.12.34.56.78", "+33612345678"),
        ("IN", "98765 43210", "+919876543210"),
        ("IN", "098765 43210", "+919876543210"),
        ("IN", "+91-98765-43210", "+919876543210"),
        ("AU", "0011 233 20 000 0901", "+233200000901"),
        ("RU", "8 (916) 123-45-67", "+79161234567"),
        ("RU", "8 10 233 20 000 0901", "+233200000901"),
        ("IT", "+39 312 345 6789", "+393123456789"),
        ("AR", "+54 9 11 2345-6789", "+5491123456789"),
        (
            "FR",
            "06\N{NO-BREAK SPACE}12\N{NARROW NO-BREAK SPACE}34\N{NON-BREAKING HYPHEN}56\N{EN DASH}78",
            "+33612345678",
        ),
    ],
)
def test_a_number_is_understood_as_people_write_it(region, written, number):
    """National, international and punctuated spellings lead to the one E.164 number."""
    assert normalise(written, default_region=region) == number


@pytest.mark.parametrize("number", MOBILE_EXAMPLES)
def test_every_countrys_mobile_number_is_itself(number):
    """A mobile number in E.164 is left as it is, whatever country it is of."""
    assert normalise(number, default_region="GH") == number


@pytest.mark.parametrize("number", OTHER_EXAMPLES)
def test_what_cannot_be_mobile_is_refused(number):
    """Google's example of a fixed line, toll-free, VoIP or other special number is not texted in any country."""
    error = refusal(number)
    assert error.code is ErrorCode.RECIPIENT_NOT_MOBILE
    assert "another kind" not in error.detail  # each kind has its own words


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("020 7946 0123", "a fixed line"),  # the ranges that Ofcom sets aside for films
        ("0808 157 0123", "a toll-free number"),
        ("0909 879 0123", "a premium-rate number"),
        ("070 1234 5678", "a personal number"),
        ("056 1234 5678", "an internet telephone (VoIP)"),
        ("03069 990 123", "a company's access number"),
    ],
)
def test_the_refusal_says_what_the_number_is(number, kind):
    """A person who gave an office line is told so."""
    error = refusal(number, "GB")
    assert (error.code, error.field) == (ErrorCode.RECIPIENT_NOT_MOBILE, "recipient")
    assert error.detail == f"{number!r} is {kind}, not a mobile number; give one that receives texts."


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("", "The recipient has no digits; give a phone number such as +233200000901."),
        (" ( ) ", "The recipient has no digits; give a phone number such as +233200000901."),
        ("+", "The recipient has no digits; give a phone number such as +233200000901."),
        ("+" + "2" * 32, "The recipient has 33 characters; a phone number has at most 32."),
        ("++233200000901", "'++233200000901' has a + that is not in front of the digits."),
        ("233+200000901", "'233+200000901' has a + that is not in front of the digits."),
    ],
)
def test_the_refusal_says_what_is_wrong_with_the_spelling(raw, sentence):
    """Each way of not being a number has its own sentence."""
    error = refusal(raw)
    assert (error.code, error.field, error.detail) == (ErrorCode.RECIPIENT_INVALID, "recipient", sentence)


@pytest.mark.parametrize(
    ("raw", "stranger"),
    [
        ("0800-FLOWERS", "F"),
        ("+233200000901x5", "x"),
        ("+233200000901;ext=5", ";"),
        ("+233200000901,5", ","),
        ("tel:+233200000901", "t"),
        ("+233200000901\0", "\0"),
        ("+233200000901\n", "\n"),
        ("０200000901", "０"),
        ("٠200000901", "٠"),
        ("0²00000901", "²"),
        ("＋233200000901", "＋"),
        ("\ud800", "\ud800"),
    ],
)
def test_only_ascii_digits_and_common_separators_are_a_number(raw, stranger):
    """Letters, extensions, control characters and digits of other scripts are refused, and the first one is named."""
    error = refusal(raw)
    assert error.code is ErrorCode.RECIPIENT_INVALID
    assert error.detail.startswith(f"{raw!r} contains {stranger!r}; ")


@pytest.mark.parametrize(
    "raw",
    [
        "+23320000090",
        "+2332000009011",
        "+999200000901",
        "+0200000901",
        "+00233200000901",
        "000200000901",
        "0",
        "00",
        "+2",
        "112",
        "1" * 32,
    ],
)
def test_digits_that_are_no_countrys_number_are_refused(raw):
    """Too short, too long, an unknown country, an emergency call: not a recipient."""
    error = refusal(raw)
    assert error.code is ErrorCode.RECIPIENT_INVALID
    assert error.detail == (
        f"{raw!r} is not a valid phone number; write it with + and the country code, such as +233200000901."
    )


@pytest.mark.parametrize(
    ("region", "raw", "one", "other"),
    [
        ("US", "4799234567", "+4799234567", "+14799234567"),  # Norway, or Arkansas
        ("DE", "15186826231", "+15186826231", "+4915186826231"),  # New York, or a German mobile without its zero
    ],
)
def test_digits_that_are_two_mobile_numbers_are_refused(region, raw, one, other):
    """A guess would now and then text a stranger abroad, so the caller is asked."""
    error = refusal(raw, region)
    assert error.code is ErrorCode.RECIPIENT_INVALID
    assert error.detail == f"{raw!r} can be read as {one} or as {other}; write it with + and the country code."


def test_the_mobile_reading_wins_over_the_one_that_cannot_be_texted():
    """597212345 is a fixed line in Suriname (+597) and, at home in Ghana, a mobile number without its zero."""
    assert normalise("597212345", default_region="GH") == "+233597212345"


@given(national=st.from_regex(r"(?:2[0-8]|5[03-79])[0-9]{7}", fullmatch=True))
def test_bare_digits_never_reach_a_stranger(national):
    """A Ghanaian number without its zero goes to that Ghanaian, or nowhere."""
    result = outcome(national)
    assert isinstance(result, InvalidMessage) or result == f"+233{national}"


@given(
    number=st.sampled_from(MOBILE_EXAMPLES), separators=st.lists(st.sampled_from(["", " ", ".", "-", "("]), min_size=15)
)
def test_separators_mean_nothing(number, separators):
    """Digits may be grouped in any way."""
    written = "".join(digit + separator for digit, separator in zip(number, separators, strict=False))
    assert normalise(written, default_region="GH") == number


@given(number=st.sampled_from(MOBILE_EXAMPLES), region=st.sampled_from(REGIONS))
def test_the_plus_means_the_same_everywhere(number, region):
    """An international number does not depend on where the service runs."""
    assert normalise(number, default_region=region) == number


@given(known=st.sampled_from(MOBILE_EXAMPLES + OTHER_EXAMPLES), kept=st.integers(3, 9), tail=st.text("0123456789"))
def test_what_passes_is_what_the_metadata_calls_mobile(known, kept, tail):
    """With a plus, exactly the numbers that libphonenumber finds valid and mobile pass."""
    written = (known[:kept] + tail)[:16]
    try:
        number = phonenumbers.parse(written)
        mobile = phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in MOBILE_TYPES
    except phonenumbers.NumberParseException:
        mobile = False
    assert isinstance(outcome(written), str) == mobile


@given(
    raw=st.one_of(
        st.text(), st.text("0123456789+ -()"), st.from_regex(r"\+?(?:00|0|233|1)?[0-9]{6,12}", fullmatch=True)
    ),
    region=st.sampled_from(REGIONS),
)
def test_anything_is_either_e164_or_refused_in_a_short_sentence(raw, region):
    """No input escapes as another error, comes out in another form, or floods a log or an answer."""
    result = outcome(raw, region)
    if isinstance(result, str):
        assert re.fullmatch(r"\+[1-9][0-9]{5,14}", result)
        assert normalise(result, default_region=region) == result
        return
    assert result.code in {ErrorCode.RECIPIENT_INVALID, ErrorCode.RECIPIENT_NOT_MOBILE}
    assert result.field == "recipient"
    assert result.detail.isprintable()
    assert len(result.detail) < 500


@pytest.mark.parametrize("region", ["", "gh", "XX", "001", "Ghana"])
def test_a_wrong_default_region_is_the_operators_error(region):
    """It is not blamed on the recipient."""
    with pytest.raises(ValueError, match="is not a region"):
        normalise("+233200000901", default_region=region)


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+233200000901", "+23320*****01"),
        ("+12025550123", "+120******23"),
        ("+4791234567", "+4791****67"),
        ("+6834000", "+683**00"),
        ("+2475123", "+247**23"),
        ("+1", "***"),
        ("+233200", "***"),
        ("+999200000901", "***"),
        ("233200000901", "***"),
        ("+233 20 000", "***"),
        ("ExampleApp", "***"),
        ("", "***"),
    ],
)
def test_a_mask_keeps_the_country_and_little_else(number, masked):
    """A log tells which network and lets a person recognise a number, and gives nobody the number."""
    assert mask(number) == masked


@given(number=st.sampled_from(MOBILE_EXAMPLES))
def test_a_mask_hides_at_least_half_of_the_national_number(number):
    """A short numbering plan gives away no more than a long one."""
    country = str(phonenumbers.parse(number).country_code)
    masked = mask(number)
    assert masked.startswith(f"+{country}")
    assert len(masked) == len(number)
    assert masked.count("*") * 2 >= len(number) - len(country) - 1


@given(text=st.text())
def test_any_text_can_be_masked(text):
    """Logging never fails, and what is not a number shows nothing."""
    assert mask(text) == "***" or re.fullmatch(r"\+[0-9]+\*+[0-9]{2}", mask(text))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('{"to":"233200000901","id":"r-7"}', '{"to":"+23320*****01","id":"r-7"}'),
        ("to=%2B233200000901&from=0200000902", "to=%2B+23320*****01&from=+23320*****02"),
        ("+233200000901,00233200000901", "+23320*****01,+23320*****01"),
        ("<msisdn>12025550123</msisdn>", "<msisdn>+120******23</msisdn>"),
        ('"at":"2026-11-25T13:20:11.907789Z"', '"at":"2026-11-25T13:20:11.907789Z"'),
        ("20261125132011 1795613100 1795613100123", "20261125132011 1795613100 1795613100123"),
        ("01a20a71-b958-72b2-8f48-3aa7db2cdc78", "01a20a71-b958-72b2-8f48-3aa7db2cdc78"),
        ("9" * 40, "9" * 40),
        ("", ""),
    ],
)
def test_the_phone_numbers_in_a_text_are_masked_and_nothing_else(text, masked):
    """With and without a plus, national ones too; times and references stay readable."""
    assert mask_all(text, default_region="GH") == masked


@given(number=st.sampled_from(MOBILE_EXAMPLES), before=st.sampled_from(['"', "=", ">", "x", " "]))
def test_no_mobile_number_stays_in_a_text(number, before):
    """Of any country, as long as it is written with its country code."""
    digits = number.removeprefix("+")
    masked = mask_all(f"{before}{digits}{before}{number}{before}", default_region="GH")
    assert digits not in masked


@pytest.mark.parametrize("number", [*MOBILE_EXAMPLES, *OTHER_EXAMPLES])
def test_a_number_of_any_kind_is_found(number):
    """What is refused for its kind is a number all the same."""
    assert find(number, default_region="GH") == number


@pytest.mark.parametrize("raw", ["", "12", "not a number", "+233 20 000 09 01 1", "1" * 33])
def test_nothing_is_found_in_what_is_no_number(raw):
    """Whatever `normalise` cannot read as one number."""
    assert refusal(raw).code == ErrorCode.RECIPIENT_INVALID
    assert find(raw, default_region="GH") is None


@given(raw=st.text(st.sampled_from("+0123456789 -()x"), max_size=20))
def test_what_is_found_is_what_is_sent_to(raw):
    """There is one reading of a recipient, not two."""
    sent_to = outcome(raw)
    found = find(raw, default_region="GH")
    if isinstance(sent_to, str):
        assert found == sent_to
    else:
        assert (found is None) == (sent_to.code is ErrorCode.RECIPIENT_INVALID)
