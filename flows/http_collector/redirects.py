"""Redirects and links into this machine or its networks, where services trust every caller (SSRF)."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

from flows.api_config import is_loopback

_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        # RFC 1918
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        # carrier-grade NAT, RFC 6598
        "100.64.0.0/10",
        # unique-local addresses, RFC 4193, and their predecessors
        "fc00::/7",
        "fec0::/10",
    )
)
# addresses that hold an IPv4 address in their last 32 bits: NAT64 (RFC 6052), IPv4-compatible
_HOLDING_IPV4 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))
_NAMES = ("another machine", "a private network", *["this machine or a link-local address"] * 2)


def resolve(host: str) -> list[str]:
    """The addresses of a host name or address; none where the name does not resolve."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def is_redirect_inward(
    from_host: str, to_host: str, resolve: Callable[[str], Sequence[str]] = resolve
) -> bool:
    """Whether a redirect leads from another machine to this one, or into a nearer network.

    From far to near: other machines, private networks, this machine, link-local addresses. Cloud metadata
    services, which hand out credentials, have link-local addresses. A host is as near as its nearest address;
    a name that does not resolve counts as another machine.

    Args:
        from_host: The host that redirects.
        to_host: The host that it redirects to.
        resolve: Returns the addresses of a host.
    """
    return _nearness(to_host, resolve) > _nearness(from_host, resolve)


def network_name(host: str, resolve: Callable[[str], Sequence[str]] = resolve) -> str:
    """What a host is, for messages: `a private network`, `this machine or a link-local address`."""
    return _NAMES[_nearness(host, resolve)]


def _nearness(host: str, resolve: Callable[[str], Sequence[str]]) -> int:
    """0 for other machines, 1 for private networks, 2 for this machine, 3 for link-local addresses."""
    if is_loopback(host):
        return 2
    return max(map(_nearness_of_address, resolve(host)), default=0)


def _nearness_of_address(text: str) -> int:
    # without the interface of a link-local address
    address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and not (address.is_loopback or address.is_unspecified):
        inner = address.ipv4_mapped or address.sixtofour
        if any(address in network for network in _HOLDING_IPV4):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        address = inner or address
    if address.is_link_local:
        return 3
    if address.is_loopback or address.is_unspecified:
        return 2
    return 1 if any(address in network for network in _PRIVATE) else 0
