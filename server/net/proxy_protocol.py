"""The PROXY protocol (versions 1 and 2): a proxy that passes bytes on says first who the client is.

The header is looked at before it is read, so that the bytes after it stay in the socket for TLS or HTTP.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import Final

import trio

_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_V2: Final = struct.Struct("!12sBBH")
_LONGEST_V1: Final = 107
_LONGEST_V2: Final = 16 + 4096
_WITHIN_S: Final = 5.0
_LOOK_AGAIN_S: Final = 0.005
_TCP4, _TCP6 = 0x11, 0x21
_LOCAL, _PROXY = 0x20, 0x21


class ProxyHeaderInvalid(Exception):
    """The connection of a trusted proxy does not begin with a valid header of the PROXY protocol."""

    def __init__(self) -> None:
        super().__init__("the connection does not begin with a header of the PROXY protocol")


def parse_proxy_header(data: bytes) -> tuple[int, tuple[str, int] | None] | None:
    """(length of the header, the client's address and port) of a connection's first bytes; None: more is needed.

    The address is None if the proxy speaks for itself, such as in a health check. Raises `ProxyHeaderInvalid`.
    """
    if data[: len(_SIGNATURE)] == _SIGNATURE[: len(data)] and data[:1] != b"P":
        return _parse_v2(data)
    if not b"PROXY ".startswith(data[:6]) and not data.startswith(b"PROXY "):
        raise ProxyHeaderInvalid
    end = data.find(b"\r\n", 0, _LONGEST_V1)
    if end < 0:
        if len(data) >= _LONGEST_V1:
            raise ProxyHeaderInvalid
        return None
    return end + 2, _parse_v1(data[:end])


def _parse_v1(line: bytes) -> tuple[str, int] | None:
    parts = line.decode("ascii", "replace").split(" ")
    if parts[1] == "UNKNOWN":
        return None
    if len(parts) != 6 or parts[1] not in ("TCP4", "TCP6"):
        raise ProxyHeaderInvalid
    try:
        return str(ipaddress.ip_address(parts[2])), int(parts[4])
    except ValueError:
        raise ProxyHeaderInvalid from None


def _parse_v2(data: bytes) -> tuple[int, tuple[str, int] | None] | None:
    if len(data) < _V2.size:
        return None
    _, command, family, length = _V2.unpack_from(data)
    end = _V2.size + length
    if command not in (_LOCAL, _PROXY) or end > _LONGEST_V2:
        raise ProxyHeaderInvalid
    if len(data) < end:
        return None
    size = {_TCP4: 4, _TCP6: 16}.get(family)
    if command == _LOCAL or size is None:
        return end, None
    if length < 2 * size + 4:
        raise ProxyHeaderInvalid
    at = _V2.size
    address = ipaddress.ip_address(data[at : at + size])
    (port,) = struct.unpack_from("!H", data, at + 2 * size)
    return end, (str(address), port)


async def read_proxy_header(stream: trio.SocketStream) -> tuple[str, int] | None:
    """Read the header from a new connection: see `parse_proxy_header`. Raises `ProxyHeaderInvalid`, also after 5 s."""
    with trio.move_on_after(_WITHIN_S):
        seen = -1
        while True:
            try:
                data = await stream.socket.recv(_LONGEST_V2, socket.MSG_PEEK)
            except OSError:
                raise ProxyHeaderInvalid from None
            found = parse_proxy_header(data) if data else None
            if found is not None:
                length, client = found
                while length:
                    length -= len(await stream.socket.recv(length))
                return client
            if not data or len(data) >= _LONGEST_V2:
                raise ProxyHeaderInvalid
            if len(data) == seen:
                # The bytes in the socket keep it readable, so no event reports more of them.
                await trio.sleep(_LOOK_AGAIN_S)
            seen = len(data)
    raise ProxyHeaderInvalid
