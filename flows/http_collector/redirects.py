"""Redirects to the local machine or network link, where services trust every caller (SSRF)."""

from __future__ import annotations

import ipaddress
import socket

from flows.api_config import is_loopback


def is_redirect_inward(from_host: str, to_host: str) -> bool:
    """Whether a redirect leads from another machine to this one or to a link-local address.

    Cloud metadata services, which hand out credentials, have link-local addresses. Host names are
    resolved; a name that does not resolve counts as another machine.
    """
    return _nearness(to_host) > _nearness(from_host)


def _nearness(host: str) -> int:
    """0 for other machines, 1 for this one, 2 for link-local addresses."""
    if is_loopback(host):
        return 1
    return max(map(_nearness_of_address, _addresses(host)), default=0)


def _addresses(host: str) -> set[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {str(address[4][0]).partition("%")[0] for address in found}


def _nearness_of_address(text: str) -> int:
    address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_link_local:
        return 2
    return 1 if address.is_loopback or address.is_unspecified else 0
