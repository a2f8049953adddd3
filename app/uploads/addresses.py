"""Which addresses a table may be fetched from: those of the public network, and what the operator allows."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = ip_network("64:ff9b::/96")
_6TO4 = ip_network("2002::/16")


def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a host, as its name service has them.

    Raises
    ------
    OSError
        Raised if it has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(ip_address(str(address[0]).partition("%")[0]) for *_, address in found))


def is_allowed(address: Address, networks: Sequence[Network] = ()) -> bool:
    """True for an address that everyone may reach, or that is in one of the networks.

    Loopback, private, link-local (there the clouds keep the secrets of their machines), shared, multicast,
    reserved and documentation addresses are not public (IANA special-purpose registries, RFC 6890).
    """
    inner = _inner(address)
    if any(inner in network or address in network for network in networks):
        return True
    return _is_public(inner) and (address not in _6TO4 or _is_public(address))


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: Address) -> Address:
    """The IPv4 address that a gateway leads an IPv6 address to; itself, if there is none.

    IPv4-mapped addresses (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).
    """
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
