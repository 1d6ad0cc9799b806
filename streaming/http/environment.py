"""The proxies and certificates of the environment, for an `httpx.AsyncClient`.

httpx reads the environment only for its own transport, and raises for values that other programs accept, such as
`socks://` (GNOME) or `[::1]` and `fe80::/10` in NO_PROXY. Here they are understood, or left out with a warning that
names the variable. Warnings do not contain the value, because a proxy's URL may contain a password.
"""

from __future__ import annotations

import ipaddress
import logging
import ssl
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Final
from urllib.request import getproxies

import httpx

from streaming.http.connector import DEFAULT_PORTS
from streaming.http.transport import HttptoolsTransport

logger = logging.getLogger(__name__)

_SCHEMES: Final = ("http", "https", "all")
_SOCKS: Final = ("socks5", "socks5h")
# What GNOME, OrbStack and VPN clients write for SOCKS 5.
_SOCKS_ALIAS: Final = "socks"
_LAST_PORT: Final = 65_535

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def environment_transports(
    limits: httpx.Limits,
    verify: ssl.SSLContext,
    proxies: Callable[[], Mapping[str, str]] = getproxies,
    *,
    own: bool = True,
) -> dict[str, httpx.AsyncBaseTransport | None]:
    """`mounts` for a client: URL patterns and their transport; None means the client's default transport.

    HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are read as httpx reads them, and more of their forms. `own`: use
    the transport of this package where it can reach the proxy; otherwise that of httpx, as for SOCKS proxies.
    """
    found = proxies()
    networks = _networks(found.get("no", ""))
    mounts: dict[str, httpx.AsyncBaseTransport | None] = {}
    for pattern, url in proxy_patterns(found).items():
        if url is None:
            mounts[pattern] = None
            continue
        proxied = _transport(pattern, url, limits, verify, own=own)
        if proxied is not None and networks:
            direct = _direct(limits, verify, own=own)
            proxied = UnlessWithin(networks, proxied=proxied, direct=direct)
        if proxied is not None:
            mounts[pattern] = proxied
    return mounts


def proxy_patterns(proxies: Mapping[str, str]) -> dict[str, str | None]:
    """URL patterns, in httpx's syntax, and the proxy for each; None for no proxy. Leaves out networks in NO_PROXY."""
    patterns: dict[str, str | None] = {
        f"{scheme}://": url if "://" in url else f"http://{url}"
        for scheme in _SCHEMES
        if (url := proxies.get(scheme, "").strip())
    }
    for host in _entries(proxies.get("no", "")):
        if host == "*":
            return {}
        if _network(host) is not None:
            continue
        pattern = _without_proxy(host)
        try:
            httpx.URL(pattern)
        except httpx.InvalidURL:
            logger.warning("NO_PROXY: an entry is not a host, address or network, and is ignored")
        else:
            patterns[pattern] = None
    return patterns


def tls_context(file: str | None, folder: str | None) -> ssl.SSLContext:
    """The trusted certificates: of SSL_CERT_FILE, else SSL_CERT_DIR, else of the package certifi.

    A file or folder that can't be used is left out with a warning.
    """
    try:
        if file:
            return ssl.create_default_context(cafile=file)
        if folder and Path(folder).is_dir():
            return ssl.create_default_context(capath=folder)
    except (OSError, ssl.SSLError) as error:
        logger.warning("SSL_CERT_FILE: can't be used (%s), so the usual certificates are trusted", error)
    else:
        if folder:
            logger.warning("SSL_CERT_DIR: is not a folder, so the usual certificates are trusted")
    return httpx.create_ssl_context(trust_env=False)


def drop_unusable_key_log(environ: MutableMapping[str, str]) -> None:
    """Remove SSLKEYLOGFILE from `environ`, with a warning, if the file can't be written.

    Python reads it for each TLS context, and raises an error that names no variable.
    """
    if not (file := environ.get("SSLKEYLOGFILE")):
        return
    try:
        with Path(file).open("ab"):
            pass
    except OSError as error:
        logger.warning("SSLKEYLOGFILE: can't be used (%s), so no TLS keys are logged", error)
        del environ["SSLKEYLOGFILE"]


class UnlessWithin(httpx.AsyncBaseTransport):
    """A proxied transport, but a direct one for addresses within some networks. It closes both."""

    def __init__(
        self, networks: Sequence[Network], *, proxied: httpx.AsyncBaseTransport, direct: httpx.AsyncBaseTransport
    ) -> None:
        self._networks = networks
        self._proxied = proxied
        self._direct = direct

    def __repr__(self) -> str:
        return f"<UnlessWithin {', '.join(map(str, self._networks))}>"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request by one of the two."""
        transport = self._direct if self.within(request.url.host) else self._proxied
        return await transport.handle_async_request(request)

    def within(self, host: str) -> bool:
        """Whether `host` is an address in one of the networks. Names are not resolved."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    async def aclose(self) -> None:
        """Close both transports."""
        await self._proxied.aclose()
        await self._direct.aclose()


def _entries(text: str) -> Iterator[str]:
    return (part for raw in text.split(",") if (part := raw.strip()))


def _networks(text: str) -> list[Network]:
    return [network for entry in _entries(text) if (network := _network(entry)) is not None]


def _network(entry: str) -> Network | None:
    if "/" not in entry or "://" in entry:
        return None
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None


def _without_proxy(host: str) -> str:
    if "://" in host:
        return host
    if host.lower() == "localhost" or host.startswith("["):
        return f"all://{host}"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"all://*{host}"
    return f"all://[{host}]" if address.version == 6 else f"all://{host}"


def _transport(
    pattern: str, url: str, limits: httpx.Limits, verify: ssl.SSLContext, *, own: bool
) -> httpx.AsyncBaseTransport | None:
    """A transport by the proxy `url`; None, with a warning, if there can be none."""
    variable = f"{pattern.removesuffix('://').upper()}_PROXY"
    scheme, _, rest = url.partition("://")
    if scheme.lower() == _SOCKS_ALIAS:
        url = f"socks5://{rest}"
    try:
        proxy = _proxy(url)
        if own and proxy.url.scheme in DEFAULT_PORTS:
            return HttptoolsTransport(verify=verify, limits=limits, proxy=proxy)
        return httpx.AsyncHTTPTransport(verify=verify, limits=limits, proxy=proxy)
    except ImportError:
        logger.warning(
            "%s: a SOCKS proxy needs the package socksio (the extra `socks`), so this proxy is not used", variable
        )
    except (ValueError, httpx.InvalidURL):
        schemes = ", ".join((*DEFAULT_PORTS, *_SOCKS))
        logger.warning("%s: is not a URL of a proxy (%s), so this proxy is not used", variable, schemes)
    return None


def _proxy(url: str) -> httpx.Proxy:
    """Raises `ValueError` or `httpx.InvalidURL` for a URL without a host, or of a scheme or port that can't be used."""
    proxy = httpx.Proxy(url)
    if not proxy.url.host or (proxy.url.port or 0) > _LAST_PORT:
        raise ValueError("a proxy needs a host, and a port up to 65535")
    return proxy


def _direct(limits: httpx.Limits, verify: ssl.SSLContext, *, own: bool) -> httpx.AsyncBaseTransport:
    if own:
        return HttptoolsTransport(verify=verify, limits=limits)
    return httpx.AsyncHTTPTransport(verify=verify, limits=limits)
