"""A minimal WebSocket client (RFC 6455) on plain sockets, so that the load generator is not the bottleneck.

Frames have a mask of zeros, which leaves their payload unchanged and is valid for a server. No extension is offered, so
no target compresses.
"""

from __future__ import annotations

import struct
from typing import Final

TEXT: Final = 1
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
_MASKED: Final = 0x80
_NO_MASK: Final = b"\0\0\0\0"


def upgrade(host: str, path: str) -> bytes:
    """The request of the opening handshake."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A complete client frame."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, _MASKED | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, _MASKED | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, _MASKED | 127, size)
    return head + _NO_MASK + payload


def take_frames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The complete frames at the beginning of `data`, as (opcode, payload), and the rest of `data`.

    Raises RuntimeError for a fragmented message, which the servers under test do not send.
    """
    frames: list[tuple[int, bytes]] = []
    at = 0
    end = len(data)
    while end - at >= 2:
        opcode, size = data[at], data[at + 1]
        begin = at + 2
        if size == 126:
            begin = at + 4
            if end < begin:
                break
            size = int.from_bytes(data[at + 2 : begin], "big")
        elif size == 127:
            begin = at + 10
            if end < begin:
                break
            size = int.from_bytes(data[at + 2 : begin], "big")
        if end < begin + size:
            break
        if not opcode & 0x80:
            raise RuntimeError("a fragment")
        at = begin + size
        frames.append((opcode & 15, data[begin:at]))
    return frames, data[at:]
