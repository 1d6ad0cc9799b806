"""Trusted proxies: from them, and from nobody else, the server accepts the client's address.

Exactly one way is configured, because a proxy passes other headers on as the client sent them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ProxyHeader = Literal["x-forwarded-for", "forwarded", "proxy-protocol"]

# One `for=` of RFC 7239: a token, or a quoted string such as "[2001:db8::1]:4711".
_FOR: Final = re.compile(r'(?:^|;)\s*for\s*=\s*(?:"([^"\\]*)"|([^";,\s]*))\s*(?:;|$)', re.IGNORECASE)
_MAX_HOPS: Final = 32


def parse_network(value: str) -> Network:
    """`10.0.0.0/8`, or one address. Raises ValueError that says what is expected."""
    try:
        return ipaddress.ip_network(value.strip())
    except ValueError:
        raise ValueError(
            "each must be an address or a network without host bits, such as 10.0.0.7 or 10.0.0.0/8"
        ) from None


class TrustedProxies:
    """The proxies in the settings, and how they say who the client is. Without networks, nobody is trusted."""

    def __init__(self, networks: Iterable[Network] = (), how: ProxyHeader = "x-forwarded-for") -> None:
        self._networks = tuple(networks)
        self._how: Final = how

    @property
    def header_name(self) -> str:
        """The HTTP header that names the client."""
        return "forwarded" if self._how == "forwarded" else "x-forwarded-for"

    @property
    def send_proxy_protocol(self) -> bool:
        """Whether connections of trusted proxies begin with a header of the PROXY protocol."""
        return bool(self._networks) and self._how == "proxy-protocol"

    def trusts(self, address: str) -> bool:
        """Whether `address` is a trusted proxy."""
        found = _address(address)
        return found is not None and any(found in network for network in self._networks)

    def client_of(self, peer: str, values: Sequence[str]) -> str:
        """The client's address, from the peer of the connection and the values of the header `header_name`.

        Each proxy adds its peer at the end. So the client is the last address that is not a trusted proxy's. What is
        before that may be invented. A malformed entry ends the search: the proxy that sent it counts as the client.
        """
        if self._how == "proxy-protocol" or not self.trusts(peer):
            return peer
        client = peer
        entries = ",".join(values).split(",")
        for entry in reversed(entries[-_MAX_HOPS:]):
            named = _named(entry) if self._how == "forwarded" else entry.strip()
            address = _address(_without_port(named))
            if address is None:
                return client
            client = str(address)
            if not self.trusts(client):
                return client
        return client


def _named(entry: str) -> str:
    found = _FOR.search(entry.strip())
    return "" if found is None else (found[1] or found[2] or "")


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
