"""The sans-IO half of the transport: every split, malformed input by Hypothesis, request heads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.http.request_head import BodyFraming, UnsendableRequest, asks_to_close, request_head
from streaming.http.response_parser import MalformedResponse, ResponseParser

INTERIM = b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Empty:\r\nX-A: b \r\n\r\nhello",
    INTERIM + b"2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: t\r\n\r\n",
    b"HTTP/1.0 200\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nConnection: close\r\n\r\nhello",
]


def parsed(parser: ResponseParser, *parts: bytes) -> tuple[bytes, tuple[object, ...]]:
    body = b"".join(parser.feed(part) for part in parts if part)
    if not parser.complete:
        parser.feed_eof()
    return body, (parser.status, parser.reason, parser.headers, parser.http_version, parser.keep_alive)


@pytest.mark.parametrize("response", RESPONSES, ids=range(len(RESPONSES)))
def test_every_split_gives_the_same(response: bytes) -> None:
    whole = parsed(ResponseParser(), response)
    assert whole[0] == b"hello"
    for at in range(len(response)):
        assert parsed(ResponseParser(), response[:at], response[at:]) == whole
    assert parsed(ResponseParser(), *(response[at : at + 1] for at in range(len(response)))) == whole


@pytest.mark.parametrize("response", RESPONSES[:2], ids=range(2))
def test_every_cut_is_noticed(response: bytes) -> None:
    for at in range(len(response)):
        parser = ResponseParser()
        with pytest.raises(MalformedResponse):
            parsed(parser, response[:at])
        assert not parser.complete


def test_a_response_that_ends_with_its_head() -> None:
    parser = ResponseParser(bodiless=True)
    assert parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") == b""
    assert parser.complete
    assert not parser.keep_alive


@pytest.mark.parametrize(("end", "keep_alive"), [(b"", True), (b"HTTP/1.1 200 OK\r\n", False), (b"x", False)])
def test_bytes_after_a_response_end_the_connection(end: bytes, keep_alive: bool) -> None:
    parser = ResponseParser()
    assert parser.feed(RESPONSES[0] + end) == b"hello"
    assert (parser.complete, parser.keep_alive) == (True, keep_alive)


def test_the_repr_shows_the_state() -> None:
    parser = ResponseParser()
    states = [repr(parser)]
    for part in (b"HTTP/1.1 201 Made\r\nContent-Length: 1\r\n\r\n", b"x"):
        parser.feed(part)
        states.append(repr(parser))
    assert states == [f"<ResponseParser {s}>" for s in ("head status=0", "body status=201", "complete status=201")]


FRAGMENTS = [
    b"HTTP/1.1 ",
    b"200 OK",
    b"\r\n",
    b"\n",
    b"\r",
    b"Content-Length:",
    b"Transfer-Encoding: chunked\r\n",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"Connection: upgrade\r\nUpgrade: x\r\n",
    b"HTTP/1.1 101 X\r\n\r\n",
    *RESPONSES,
]
PIECES = st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=20))


@given(st.lists(PIECES, max_size=12))
def test_no_bytes_raise_anything_else(parts: list[bytes]) -> None:
    parser = ResponseParser()
    try:
        parsed(parser, *parts)
    except MalformedResponse:
        assert not parser.complete


# ---- requests -------------------------------------------------------------------------------------------------------


def test_a_head() -> None:
    head = request_head(b"GET", b"/a?b", [(b"Host", b"h:1"), (b"X-Empty", b""), (b"X-A", b" a\tb\xff ")])
    assert head == b"GET /a?b HTTP/1.1\r\nHost: h:1\r\nX-Empty: \r\nX-A: a\tb\xff\r\n\r\n"


@given(st.binary(max_size=8), st.binary(max_size=8), st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8))))
def test_nothing_adds_a_line(method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    try:
        head = request_head(method, target, headers)
    except UnsendableRequest:
        return
    lines = head.split(b"\r\n")
    assert len(lines) == len(headers) + 3
    assert lines[0].split(b" ") == [method, target, b"HTTP/1.1"]
    assert not any(forbidden in line for line in lines for forbidden in (b"\r", b"\n", b"\0"))


@pytest.mark.parametrize(("value", "closes"), [(b"close", True), (b"Keep-Alive, Close", True), (b"keep-alive", False)])
def test_asking_to_close(value: bytes, closes: bool) -> None:
    assert asks_to_close([(b"Host", b"close"), (b"Connection", value)]) is closes


def test_framing() -> None:
    chunks = BodyFraming([(b"Transfer-Encoding", b"Chunked")])
    assert [chunks.piece(b"x" * 17), chunks.piece(b""), chunks.end()] == [
        b"11\r\n" + b"x" * 17 + b"\r\n",
        b"",
        b"0\r\n\r\n",
    ]
    assert BodyFraming([]).end() == b""
    with pytest.raises(UnsendableRequest):
        BodyFraming([]).piece(b"x")
