"""The proxies of the environment, as transports that an `httpx.AsyncClient` mounts.

httpx reads the environment only for its own transport; this module does the same for ours.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Mapping
from typing import Final
from urllib.request import getproxies

import httpx

from streaming.http.connector import DEFAULT_PORTS
from streaming.http.transport import HttptoolsTransport

_SCHEMES: Final = ("http", "https", "all")


def environment_transports(
    limits: httpx.Limits, verify: ssl.SSLContext, proxies: Callable[[], Mapping[str, str]] = getproxies
) -> dict[str, httpx.AsyncBaseTransport | None]:
    """`mounts` for a client: URL patterns and their transport; None means the client's default transport.

    HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are read as httpx reads them. A SOCKS proxy gets httpx's transport,
    which raises ImportError if the package `socksio` is missing.
    """
    return {
        pattern: None if url is None else _transport(url, limits, verify)
        for pattern, url in proxy_patterns(proxies()).items()
    }


def proxy_patterns(proxies: Mapping[str, str]) -> dict[str, str | None]:
    """URL patterns, in httpx's syntax, and the proxy for each; None for no proxy."""
    patterns: dict[str, str | None] = {
        f"{scheme}://": url if "://" in url else f"http://{url}" for scheme in _SCHEMES if (url := proxies.get(scheme))
    }
    for host in (part.strip() for part in proxies.get("no", "").split(",")):
        if host == "*":
            return {}
        if host:
            patterns[_without_proxy(host)] = None
    return patterns


def _without_proxy(host: str) -> str:
    if "://" in host:
        return host
    if host.lower() == "localhost":
        return f"all://{host}"
    try:
        address = ipaddress.ip_address(host.partition("/")[0])
    except ValueError:
        return f"all://*{host}"
    return f"all://[{host}]" if address.version == 6 else f"all://{host}"


def _transport(url: str, limits: httpx.Limits, verify: ssl.SSLContext) -> httpx.AsyncBaseTransport:
    proxy = httpx.Proxy(url)
    if proxy.url.scheme in DEFAULT_PORTS:
        return HttptoolsTransport(verify=verify, limits=limits, proxy=proxy)
    return httpx.AsyncHTTPTransport(verify=verify, limits=limits, proxy=proxy)
