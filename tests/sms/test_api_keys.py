"""API keys as text, and networks as they are written."""

import hashlib
import re

import pytest

from sms import api_keys, networks


@pytest.mark.parametrize(("is_test", "kind"), [(False, "live"), (True, "test")])
def test_a_new_key_tells_its_kind_and_nothing_else(is_test, kind):
    """36 characters out of 62, every time others."""
    made = {api_keys.new_secret(is_test=is_test) for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(rf"sms_{kind}_[0-9A-Za-z]{{36}}", one) for one in made)
    assert len({letter for one in made for letter in one[9:]}) == 62


def test_what_is_shown_of_a_key_does_not_give_it_away():
    """16 characters, of which 7 are its own; of a short one that somebody made up, half."""
    assert api_keys.prefix_of("sms_live_abcdefghijklmnopqrstuvwxyz0123456789") == "sms_live_abcdefg"
    assert api_keys.prefix_of("secret") == "sec"


def test_what_is_kept_of_a_key_is_its_digest():
    """SHA-256, as anyone else computes it."""
    assert api_keys.digest("sms_live_x") == hashlib.sha256(b"sms_live_x").digest()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7/32", "203.0.113.7"),
        ("203.0.113.0/255.255.255.0", "203.0.113.0/24"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_a_network_is_shown_in_one_way(written, shown):
    """However it was written; and what is shown can be read again."""
    network = networks.parse_network(written)
    assert networks.show(network) == shown
    assert networks.parse_network(shown) == network


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("nonsense", "'nonsense' is neither an IP address nor a network such as 203.0.113.0/24 or 2001:db8::/32."),
        ("203.0.113.0/33", "'203.0.113.0/33' is neither"),
        ("", "'' is neither"),
        ("10.0.0.1/8", "'10.0.0.1/8' has bits set behind its prefix; is 10.0.0.0/8 meant, or 10.0.0.1?"),
        ("::ffff:10.0.0.0/104", "'::ffff:10.0.0.0/104' is an IPv4 network written as IPv6; write it as IPv4."),
    ],
)
def test_what_is_no_network_is_refused_with_a_sentence(written, sentence):
    """An operator can tell what to write instead."""
    with pytest.raises(ValueError, match=re.escape(sentence)):
        networks.parse_network(written)


@pytest.mark.parametrize(
    ("address", "within"),
    [
        ("203.0.113.255", True),
        ("203.0.114.0", False),
        ("::ffff:203.0.113.1", True),
        ("2001:db8::9", True),
        ("::1", False),
    ],
)
def test_an_address_is_within_its_networks(address, within):
    """Of both versions, side by side."""
    allowed = (networks.parse_network("203.0.113.0/24"), networks.parse_network("2001:db8::/32"))
    assert networks.is_within(networks.parse_address(address), allowed) is within
