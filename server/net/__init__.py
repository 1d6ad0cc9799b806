"""Listeners, allowed origins, rate limits and the HTTP server, shared by sockets, REST and workers.

Nothing here knows users or chat requests.
"""

from __future__ import annotations

from server.net.arrival import Arrival, tls_context
from server.net.connection_limit import ConnectionLimit, TooManyConnections, address_key
from server.net.hosts import AllowedHosts, is_loopback
from server.net.http_server import ServeLimits, serve_rest
from server.net.listeners import (
    host_port,
    open_listeners,
    parse_bind,
    reserved_port,
)
from server.net.origins import WILDCARDS, AllowedOrigins, check_origin
from server.net.proxies import Network, ProxyHeader, TrustedProxies, parse_network
from server.net.proxy_protocol import ProxyHeaderInvalid
from server.net.rate_limit import RateLimiter, TokenBucket

__all__ = [
    "WILDCARDS",
    "AllowedHosts",
    "AllowedOrigins",
    "Arrival",
    "ConnectionLimit",
    "Network",
    "ProxyHeader",
    "ProxyHeaderInvalid",
    "RateLimiter",
    "ServeLimits",
    "TokenBucket",
    "TooManyConnections",
    "TrustedProxies",
    "address_key",
    "check_origin",
    "host_port",
    "is_loopback",
    "open_listeners",
    "parse_bind",
    "parse_network",
    "reserved_port",
    "serve_rest",
    "tls_context",
]
