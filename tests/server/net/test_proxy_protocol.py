"""The PROXY protocol: every prefix of valid headers, and headers that are not valid."""

from __future__ import annotations

import struct

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from server.net.proxy_protocol import ProxyHeaderInvalid, parse_proxy_header, read_proxy_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def version_2(command: int, family: int, addresses: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(addresses)) + addresses


V4 = bytes([203, 0, 113, 9, 10, 0, 0, 1]) + struct.pack("!HH", 4711, 443)
V6 = bytes.fromhex("20010db8" + 11 * "00" + "01") + bytes(16) + struct.pack("!HH", 4711, 443)
VALID = [
    (b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n", ("203.0.113.9", 4711)),
    (b"PROXY TCP6 2001:db8::1 ::1 4711 443\r\n", ("2001:db8::1", 4711)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN some more words\r\n", None),
    (version_2(0x21, 0x11, V4), ("203.0.113.9", 4711)),
    (version_2(0x21, 0x21, V6), ("2001:db8::1", 4711)),
    (version_2(0x21, 0x11, V4 + b"\x04\x00\x01\x00"), ("203.0.113.9", 4711)),  # with an extension
    (version_2(0x20, 0x00, b""), None),
    (version_2(0x21, 0x31, bytes(216)), None),  # a Unix socket
]


@pytest.mark.parametrize(("header", "client"), VALID)
def test_a_header_is_read_and_nothing_after_it(header: bytes, client: tuple[str, int] | None) -> None:
    for rest in (b"", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01"):
        assert parse_proxy_header(header + rest) == (len(header), client)
    for end in range(1, len(header)):
        assert parse_proxy_header(header[:end]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"PROXY TCP4 203.0.113.9 10.0.0.1 4711\r\n",
        b"PROXY TCP4 nonsense 10.0.0.1 4711 443\r\n",
        b"PROXY UDP4 203.0.113.9 10.0.0.1 4711 443\r\n",
        b"PROXY " + b"x" * 200,
        b"PROXIED",
        version_2(0x11, 0x11, V4),  # version 1 in the form of version 2
        version_2(0x22, 0x11, V4),
        version_2(0x21, 0x11, V4[:8]),
        SIGNATURE + struct.pack("!BBH", 0x21, 0x11, 0xFFFF),
    ],
)
def test_invalid_headers(data: bytes) -> None:
    with pytest.raises(ProxyHeaderInvalid):
        parse_proxy_header(data)


async def test_a_header_that_comes_in_pieces_leaves_what_follows_in_the_socket() -> None:
    for header, client in VALID[:5]:
        ours, theirs = trio.socket.socketpair()
        stream = trio.SocketStream(ours)
        with theirs:
            async with trio.open_nursery() as nursery:

                async def send(header: bytes = header, theirs: trio.socket.SocketType = theirs) -> None:
                    await theirs.send(header[:7])
                    await trio.lowlevel.checkpoint()
                    await theirs.send(header[7:] + b"hello")

                nursery.start_soon(send)
                assert await read_proxy_header(stream) == client
            assert await stream.receive_some(5) == b"hello"
        await stream.aclose()


async def test_a_connection_that_ends_in_its_header_is_refused(autojump_clock: MockClock) -> None:
    for sent in (b"", b"PROXY TCP4 ", b"GET /"):
        ours, theirs = trio.socket.socketpair()
        async with trio.SocketStream(ours) as stream:
            await theirs.send(sent)
            theirs.close()
            with pytest.raises(ProxyHeaderInvalid):
                await read_proxy_header(stream)
