"""What is told of a phone number, and what it costs a process that never asks."""

import json
import subprocess
import sys
from pathlib import Path

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from sms import countries
from sms.numbering import NumberFacts, NumberType, look_up

ROOT = Path(__file__).parents[2]

# Countries that go by another name than the one in the library's list.
RENAMED = {
    "AC": "Ascension Island",
    "CD": "Democratic Republic of the Congo",
    "CG": "Republic of the Congo",
    "CV": "Cabo Verde",
    "CZ": "Czechia",
    "MK": "North Macedonia",
    "RE": "Réunion",
    "ST": "São Tomé and Príncipe",
    "SX": "Sint Maarten",
    "SZ": "Eswatini",
    "TA": "Tristan da Cunha",
    "TR": "Türkiye",
    "VA": "Vatican City",
    "XK": "Kosovo",
}


def python(program):
    """Run a program in a process of its own and return what it prints, as JSON."""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=60, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("number", "kind", "country", "name", "carrier"),
    [
        ("+233200000901", "MOBILE", "GH", "Ghana", "Telecel"),
        ("+233241234567", "MOBILE", "GH", "Ghana", "MTN"),
        ("+233302123456", "FIXED_LINE", "GH", "Ghana", None),
        ("+12015550123", "FIXED_LINE_OR_MOBILE", "US", "United States", None),
        ("+14165550123", "FIXED_LINE_OR_MOBILE", "CA", "Canada", None),
        ("+447400123456", "MOBILE", "GB", "United Kingdom", "Three"),
        ("+447781123456", "MOBILE", "GG", "Guernsey", "Sure"),
        ("+38344123456", "MOBILE", "XK", "Kosovo", "vala"),
        ("+448001111111", "TOLL_FREE", "GB", "United Kingdom", None),
        ("+881612345678", "MOBILE", None, None, "iridium satellite"),
    ],
)
def test_what_is_known_of_a_number(number, kind, country, name, carrier):
    """Countries that share a calling code are told apart; a satellite telephone is of none."""
    assert look_up(number) == NumberFacts(number, NumberType(kind), country, name, carrier)


def test_every_type_of_the_library_has_a_name():
    """Except UNKNOWN, which no valid number has."""
    theirs = {name: value for name, value in vars(PhoneNumberType).items() if name.isupper()}
    assert set(theirs) - {"UNKNOWN"} == {one.value for one in NumberType}
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for value in theirs.values():
            if (example := phonenumbers.example_number_for_type(region, value)) is not None:
                written = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                assert look_up(written).country in phonenumbers.SUPPORTED_REGIONS


def test_every_region_has_its_name():
    """The names are the library's, but for those that are known to be other ones now."""
    program = (
        "import json, phonenumbers; from phonenumbers.geocoder import _region_display_name as name;"
        "print(json.dumps({one: name(one, 'en') for one in phonenumbers.SUPPORTED_REGIONS}))"
    )
    theirs = python(program)
    assert set(countries.NAMES) == set(theirs)
    others = {code: name for code, name in countries.NAMES.items() if name.casefold() != theirs[code].casefold()}
    assert others == RENAMED


def test_the_carriers_are_read_when_the_first_is_asked_for():
    """A worker, or a web process that plans nothing, is spared 11 MB; the cities' names, 100 MB, nobody reads."""
    program = (
        "import json, sys; from sms.numbering import look_up;"
        "loaded = lambda: [one for one in ('carrier', 'carrierdata', 'geocoder', 'geodata')"
        "                  if f'phonenumbers.{one}' in sys.modules];"
        "before = loaded(); look_up('+233200000901'); print(json.dumps([before, loaded()]))"
    )
    assert python(program) == [[], ["carrier", "carrierdata"]]
