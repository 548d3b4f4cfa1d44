"""Where requests come from: addresses, and the networks that they are in. Pure: no Django here."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

LONGEST: Final = 49  # characters of a network as it is written


def parse_address(text: str) -> Address:
    """Return an address; an IPv4 address is the same one whether or not it is written as IPv6. Raises ValueError."""
    address = ip_address(text.partition("%")[0])  # the zone says through which of our own interfaces it came
    return (address.version == 6 and address.ipv4_mapped) or address


def parse_network(text: str) -> Network:
    """Return the network of an address or a CIDR. Raises ValueError with a sentence on what is wrong."""
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError(_fault_of(text)) from None
    if network.version == 6 and network.network_address.ipv4_mapped:
        raise ValueError(f"'{text}' is an IPv4 network written as IPv6; write it as IPv4.")
    return network


def _fault_of(text: str) -> str:
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        return f"'{text[:LONGEST]}' is neither an IP address nor a network such as 203.0.113.0/24 or 2001:db8::/32."
    return f"'{text}' has bits set behind its prefix; is {meant} meant, or {text.partition('/')[0]}?"


def show(network: Network) -> str:
    """Return a network as it is written: one address without a prefix length."""
    return str(network.network_address if network.num_addresses == 1 else network)


def is_within(address: Address, networks: tuple[Network, ...]) -> bool:
    """Whether an address is in one of the networks."""
    return any(address in network for network in networks)
