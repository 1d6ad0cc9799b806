"""The host names that requests may be sent to.

A page on another name whose DNS answer points to this machine (DNS rebinding) is same-origin with this server for the
browser. Its requests have the page's name in `Host`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection


class AllowedHosts:
    """Allows the names of a setting. Without any, a server on a loopback address allows `localhost` and IP addresses.

    On other addresses every host is allowed then, because the server does not know its public name.
    """

    def __init__(self, names: Collection[str] = (), bound_to: str = "") -> None:
        """`bound_to`: the host that the listener is bound to."""
        self._names = frozenset(name.lower() for name in names)
        self._checks = bool(names) or is_loopback(bound_to)

    def allows(self, host: str) -> bool:
        """Whether a request with this `Host`, with or without a port, is answered. An IP address can't be rebound."""
        name = host.rsplit("]", 1)[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
        name = name.lower().rstrip(".")
        return not self._checks or name in self._names or name == "localhost" or _address(name) is not None


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def is_loopback(name: str) -> bool:
    address = _address(name)
    return name == "localhost" or (address is not None and address.is_loopback)
