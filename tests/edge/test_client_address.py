"""Whose address counts: the peer's, or what a proxy that we trust says of it."""

from ipaddress import ip_address, ip_network

import pytest

from edge.client_address import client_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"))


@pytest.fixture(autouse=True)
def _proxies(settings):
    settings.SMS_TRUSTED_PROXIES = PROXIES


def seen(peer, *headers):
    """Return the address of a request, as it is written, or None."""
    client = None if peer is None else (peer, 1234)
    scope = {"type": "http", "client": client, "headers": [(k.encode(), v.encode()) for k, v in headers]}
    address = client_address(scope)
    return None if address is None else str(address)


def forwarded_for(*values):
    """A header line for each value."""
    return [("x-forwarded-for", value) for value in values]


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded"])
def test_a_stranger_is_not_believed(name):
    """Whatever it says of itself, it is where its connection comes from."""
    assert seen("203.0.113.9", (name, "for=192.0.2.1" if name == "forwarded" else "192.0.2.1")) == "203.0.113.9"


def test_without_proxies_nobody_is_believed(settings):
    """As it is set up at first: a header from this very machine says nothing."""
    settings.SMS_TRUSTED_PROXIES = ()
    assert seen("127.0.0.1", *forwarded_for("192.0.2.1")) == "127.0.0.1"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["192.0.2.1"], "192.0.2.1"),
        (["198.51.100.7, 192.0.2.1"], "192.0.2.1"),  # the left one is the client's own word
        (["192.0.2.1, 10.0.0.2"], "192.0.2.1"),
        (["198.51.100.7, 192.0.2.1,10.0.0.2 , 10.0.0.3"], "192.0.2.1"),
        (["198.51.100.7", "192.0.2.1, 10.0.0.2"], "192.0.2.1"),
        (["10.0.0.9, 10.0.0.2"], "10.0.0.9"),  # all ours: the first that spoke
        (["192.0.2.1:4711"], "192.0.2.1"),
        (["2001:db8:2::7"], "2001:db8:2::7"),
        (["[2001:db8:2::7]"], "2001:db8:2::7"),
        (["[2001:db8:2::7]:4711, 2001:db8:1::1"], "2001:db8:2::7"),
        (["::ffff:192.0.2.1"], "192.0.2.1"),
        (["fe80::1%eth0"], "fe80::1"),
        (["192.0.2.1, unknown"], None),
        (["192.0.2.1, 10.0.0.2, "], None),
        (["192.0.2.1, 10.0.0.256"], None),
        (["[192.0.2.1"], None),
        ([""], None),
    ],
)
def test_x_forwarded_for_is_read_from_the_right(lines, expected):
    """Up to the first that is no proxy of ours; what is unclear is nobody's address."""
    assert seen("10.0.0.1", *forwarded_for(*lines)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=192.0.2.1", "192.0.2.1"),
        ("For=192.0.2.1;proto=https;by=10.0.0.1", "192.0.2.1"),
        ("proto=https; for=192.0.2.1", "192.0.2.1"),
        ('for="192.0.2.1:4711"', "192.0.2.1"),
        ('for="[2001:db8:2::7]:4711"', "2001:db8:2::7"),
        ("for=198.51.100.7, for=192.0.2.1, for=10.0.0.2", "192.0.2.1"),
        ('for="198.51.100.7, for=192.0.2.1', "192.0.2.1"),  # a quote that a client left open hides nothing
        ("for=_hidden", None),
        ("for=unknown, for=10.0.0.2", None),
        ("proto=https", None),
        ("xfor=192.0.2.1", None),
    ],
)
def test_forwarded_is_read_as_its_standard_says(value, expected):
    """RFC 7239, section 4, and from the right, too."""
    assert seen("10.0.0.1", ("forwarded", value)) == expected


def test_two_headers_have_to_agree():
    """A proxy that writes the one lets a client write the other."""
    told = forwarded_for("192.0.2.1")
    assert seen("10.0.0.1", *told, ("forwarded", "for=192.0.2.1")) == "192.0.2.1"
    assert seen("10.0.0.1", *told, ("forwarded", "for=198.51.100.7")) is None


def test_a_proxy_that_says_nothing_speaks_for_itself():
    """Such as its health checks."""
    assert seen("10.0.0.1") == "10.0.0.1"


@pytest.mark.parametrize("peer", [None, "", "/run/sms.sock"])
def test_what_is_no_address_is_none(peer):
    """A UNIX socket has no address, and no network has it."""
    assert seen(peer, *forwarded_for("192.0.2.1")) is None


def test_an_ipv4_peer_of_an_ipv6_socket_is_an_ipv4_address():
    """It is in IPv4 networks, then, be it a client or a proxy."""
    assert seen("::ffff:203.0.113.9") == "203.0.113.9"
    assert seen("::ffff:10.0.0.1", *forwarded_for("192.0.2.1")) == "192.0.2.1"
    assert ip_address("203.0.113.9") in ip_network("203.0.113.0/24")
