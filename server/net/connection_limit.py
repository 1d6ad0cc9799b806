"""How many connections one network address may have open, over the device sockets and REST of a process."""

from __future__ import annotations

import ipaddress
from collections import Counter
from contextlib import AbstractContextManager


class TooManyConnections(Exception):
    """The network address has as many open connections as it may have."""


class ConnectionLimit:
    """At most `most` open connections of one address; None: any number. An IPv6 address counts with its /64 network."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<ConnectionLimit: {self._open.total()} connections of {len(self._open)} addresses>"

    def open(self, host: str) -> AbstractContextManager[None]:
        """Count one connection for the length of the block, from now on. Raises `TooManyConnections`."""
        key = address_key(host)
        if self._most is not None and self._open[key] >= self._most:
            raise TooManyConnections(f"{self._open[key]} connections of this address are open, which is the limit")
        self._open[key] += 1
        return _Open(self._open, key)


class _Open:
    """An open connection. A generator in its place would take five times the memory, for each idle connection."""

    __slots__ = ("_connections", "_key")

    def __init__(self, connections: Counter[str], key: str) -> None:
        self._connections = connections
        self._key = key

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._connections[self._key] -= 1
        if not self._connections[self._key]:
            del self._connections[self._key]


def address_key(host: str) -> str:
    """An IPv4 address unchanged; for an IPv6 address its /64 network, which one subscriber has entirely."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))
