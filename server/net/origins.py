"""Which web pages may reach the server: the `Origin` header that browsers send, checked against a setting.

It guards against other sites' pages in a person's browser. Clients that are no browser send no `Origin`, or any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# The serialisation of an origin (RFC 6454, 6.2). Pages of an application's own scheme have one of these too, and a
# renderer loaded from disk says `file://`.
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?|file://")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
# Addresses that stand for all of a machine's.
WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, not bound
_DEFAULT_PORT: Final = 80


def check_origin(value: str) -> str:
    """`value` as a browser writes it. Raises ValueError that says what is expected."""
    origin = value.strip().lower()
    if origin == "null":
        raise ValueError("null is the origin of every sandboxed page and cannot be allowed")
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("each must be an origin such as https://app.example.com, app://tessera or file://")
    return origin


class AllowedOrigins:
    """The origins listed in the settings, and those of the server's own page."""

    def __init__(self, listed: Iterable[str] = ()) -> None:
        self._listed = frozenset(listed)
        self._own: frozenset[str] = frozenset()

    def admit_page(self, host: str, port: int) -> None:
        """Allow pages that this server serves at `host` and `port`, by each name that a loopback address has.

        A wildcard address is reached by names that nobody here knows: of them the loopback ones are allowed, and the
        others are for the setting.
        """
        name = f"[{host}]" if ":" in host else host
        names = _LOOPBACK if host in WILDCARDS or name in _LOOPBACK else (name,)
        ending = "" if port == _DEFAULT_PORT else f":{port}"
        self._own |= {f"http://{name}{ending}" for name in names}

    def allows(self, origin: str | None) -> bool:
        """Whether a device socket may be opened from `origin`; None is a client that is no browser."""
        return origin is None or origin.lower() in self._listed | self._own

    def shares_with(self, origin: str | None) -> bool:
        """Whether a page of `origin` may read REST answers across origins: those listed may."""
        return origin is not None and origin.lower() in self._listed
