"""The reader of opening requests accepts nothing that the library refuses, and answers as the library does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request
from wsproto.utilities import RemoteProtocolError

from server.sockets.upgrade_request import UpgradeRequest, read_upgrade_request

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
USUAL = [
    b"GET /api/v1/ws/device HTTP/1.1",
    b"Host: 127.0.0.1:8000",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Key: " + KEY,
    b"Sec-WebSocket-Version: 13",
]
BROWSER = [
    *USUAL[:2],
    b"Connection: keep-alive, Upgrade",
    b"Pragma: no-cache",
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
    b"Upgrade: WebSocket",
    b"Origin: https://app.example",
    b"Sec-WebSocket-Version: 13",
    b"Accept-Encoding: gzip, deflate, br, zstd",
    b"Sec-WebSocket-Key:" + KEY,
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    b"Authorization: Bearer a.b.c",
]


def joined(lines: list[bytes]) -> bytes:
    return b"\r\n".join(lines) + b"\r\n\r\n"


def by_library(data: bytes) -> tuple[Request, bytes] | None:
    """The library's request, and its answer without the case of names and of the protocol's name."""
    connection = WSConnection(ConnectionType.SERVER)
    try:
        connection.receive_data(data)
    except (RemoteProtocolError, UnicodeError):
        return None
    event = next(connection.events(), None)
    return (event, connection.send(AcceptConnection()).lower()) if isinstance(event, Request) else None


def agree(data: bytes) -> UpgradeRequest | None:
    """Our request, if the library accepts it too and answers the same."""
    usual = read_upgrade_request(data)
    if usual is None:
        return None
    theirs = by_library(data)
    assert theirs is not None
    request, answer = theirs
    assert usual.path == request.target
    left_out = (b"host", b"sec-websocket-extensions", b"sec-websocket-protocol")
    assert [pair for pair in usual.headers if pair[0] not in left_out] == list(request.extra_headers)
    assert sorted(usual.answer.lower().splitlines()) == sorted(answer.splitlines())
    return usual


@pytest.mark.parametrize("lines", [USUAL, BROWSER], ids=["usual", "browser"])
def test_usual_requests_are_read_without_the_library(lines: list[bytes]) -> None:
    assert agree(joined(lines)) is not None


def test_the_answer_of_the_rfc() -> None:
    usual = read_upgrade_request(joined(USUAL) + b"rest")
    assert usual is not None
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in usual.answer
    assert usual.rest == b"rest"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"GET", b"POST"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"HTTP/1.1", b"HTTP/1.1 "),
        (b"/api/v1/ws/device", b"/a b"),
        (b"/api/v1/ws/device", b"/\xc3\xa9"),
        (b"Host: 127.0.0.1:8000\r\n", b""),
        (b"Host: 127.0.0.1:8000", b"Host:"),
        (b"Host: 127.0.0.1:8000", b"Host: a\r\nHost: b"),
        (b"Host: 127.0.0.1:8000", b"Host: a\r\n b"),
        (b"Host: 127.0.0.1:8000", b"Host : a"),
        (b"Host: 127.0.0.1:8000", b"Host: a\nX: b"),
        (b"Host: 127.0.0.1:8000", b"Host: a\x00"),
        (b"Host: 127.0.0.1:8000", b"Host: a.XN--a"),
        (b"Host: 127.0.0.1:8000", b"Host: a..b"),
        (b"Host: 127.0.0.1:8000", b"Host: " + b"a" * 64),
        (b"Upgrade: websocket", b"Upgrade: h2c"),
        (b"Connection: Upgrade", b"Connection: close"),
        (b"Connection: Upgrade", b"Connection: NotUpgrade"),
        (KEY, b""),
        (KEY, b"short"),
        (b"Version: 13", b"Version: 12"),
        (b"Sec-WebSocket-Version: 13\r\n", b""),
        (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 13\r\nContent-Length: 1"),
        (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 13\r\nTransfer-Encoding: chunked"),
        (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 13\r\nExpect: 100-continue"),
        (b"Sec-WebSocket-Version: 13\r\n\r\n", b"Sec-WebSocket-Version: 13\r\n"),
    ],
)
def test_other_requests_are_left_to_the_library(old: bytes, new: bytes) -> None:
    data = joined(USUAL)
    assert old in data
    changed = data.replace(old, new, 1)
    assert read_upgrade_request(changed) is None


@settings(max_examples=100)
@given(
    lines=st.permutations(USUAL[1:]),
    at=st.integers(0, len(joined(USUAL))),
    cut=st.integers(0, 3),
    put=st.sampled_from(
        [b"", b" ", b"\t", b"\r", b"\n", b"\r\n", b":", b",", b"\x00", b"\xff", b"a", b"/", b"\r\nA: b"]
    ),
)
def test_what_is_read_without_the_library_is_what_the_library_reads(
    lines: list[bytes], at: int, cut: int, put: bytes
) -> None:
    data = joined([USUAL[0], *lines])
    agree(data[:at] + put + data[at + cut :])
