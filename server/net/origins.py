"""Allowed origins: checks the `Origin` header that browsers send against a setting.

This protects against pages of other sites in a person's browser. Other clients send no `Origin`, or any value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# The serialisation of an origin (RFC 6454, 6.2). Pages with an application's own scheme have such an origin too.
# An Electron renderer that is loaded from disk has the origin `file://`.
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?|file://")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
# Addresses that mean all addresses of the machine.
WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
_DEFAULT_PORT: Final = 80
_DEFAULT_TLS_PORT: Final = 443


def check_origin(value: str) -> str:
    """`value` in the form that browsers send. Raises ValueError that says what is expected."""
    origin = value.strip().lower()
    if origin == "null":
        raise ValueError("null can't be allowed, because every sandboxed page has this origin")
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("each must be an origin such as https://app.example.com, app://tessera or file://")
    return origin


class AllowedOrigins:
    """The origins in the settings, and those of the playground that the server serves."""

    def __init__(self, listed: Iterable[str] = ()) -> None:
        self._listed = frozenset(listed)
        self._own: frozenset[str] = frozenset()

    def admit_page(self, host: str, port: int, *, secure: bool = False, public_url: str | None = None) -> None:
        """Allow pages that this server serves at `host` and `port`, under every name of a loopback address.

        For a wildcard address, only the loopback names are allowed, because the server does not know its other
        names. List those in TESSERA_ALLOWED_ORIGINS. `secure`: the pages come over TLS. `public_url`: the origin of the
        proxy in front of the server.
        """
        name = f"[{host}]" if ":" in host else host
        names = _LOOPBACK if host in WILDCARDS or name in _LOOPBACK else (name,)
        scheme, default = ("https", _DEFAULT_TLS_PORT) if secure else ("http", _DEFAULT_PORT)
        ending = "" if port == default else f":{port}"
        self._own |= {f"{scheme}://{name}{ending}" for name in names}
        if public_url is not None:
            self._own |= {public_url.lower()}

    def allows(self, origin: str | None) -> bool:
        """Whether a page of `origin` may open a device socket. None, a client other than a browser, may."""
        return origin is None or origin.lower() in self._listed | self._own

    def shares_with(self, origin: str | None) -> bool:
        """Whether a page of `origin` may read REST responses across origins: only listed origins may."""
        return origin is not None and origin.lower() in self._listed
