"""TCP listeners of one process, or shared by several processes with SO_REUSEPORT."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any, Final

import trio

# The kernel reduces it to its own limit.
_BACKLOG: Final = 4096


def parse_bind(value: str) -> tuple[str, int]:
    """`127.0.0.1:8000` or `[::1]:8000` as (host, port). Raises ValueError that says what is expected."""
    host, separator, port = value.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = str(ipaddress.IPv6Address(host[1:-1]))
    if not separator or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:8000")
    return host, int(port)


async def open_listeners(host: str, port: int, *, shared: bool) -> list[trio.SocketListener]:
    """Listen on every address of `host`. Raises OSError if one can't be bound.

    `shared`: other processes of this account may listen on the same port; the kernel gives each connection to one
    process.
    """
    if not shared:
        return await trio.open_tcp_listeners(port, host=host)
    with ExitStack() as failing:
        listeners = []
        for family, address in await _addresses(host, port):
            listener = failing.enter_context(trio.socket.from_stdlib_socket(_bound(family, address, shared=True)))
            listener.listen(_BACKLOG)
            listeners.append(trio.SocketListener(listener))
        failing.pop_all()
    return listeners


@asynccontextmanager
async def reserved_port(host: str, port: int) -> AsyncIterator[int]:
    """Reserve `port` of `host` for processes that will share it; yields its number, chosen by the kernel if 0.

    Raises OSError if any process listens on the port, even with SO_REUSEPORT: otherwise two servers of one account
    would silently take each other's connections.
    """
    with ExitStack() as held:
        for family, address in await _addresses(host, port):
            if port:
                with _closing(_bound(family, address, shared=False)) as probe:
                    probe.listen(1)
            reserved = held.enter_context(_closing(_bound(family, (address[0], port, *address[2:]), shared=True)))
            port = reserved.getsockname()[1]
        yield port


def host_port(address: tuple[str, int]) -> str:
    """The address as in a URL: an IPv6 address is in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _addresses(host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, tuple[Any, ...](address)) for family, _, _, _, address in found))


def _bound(family: int, address: tuple[Any, ...], *, shared: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return bound


@contextmanager
def _closing(held: socket.socket) -> Iterator[socket.socket]:
    with held:
        yield held
