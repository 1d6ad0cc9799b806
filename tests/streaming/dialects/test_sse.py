"""The event stream decoder: the WHATWG cases at every split, and the deviations."""

from __future__ import annotations

import base64
import itertools
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.dialects.sse import ServerSentEvent, SseDecoder
from tests.streaming import recordings


def decode(chunks: Iterable[bytes], *, max_event_bytes: int = 1 << 20) -> tuple[list[ServerSentEvent], SseDecoder]:
    decoder = SseDecoder(max_event_bytes=max_event_bytes)
    return [event for chunk in chunks for event in decoder.feed(chunk)], decoder


def one_by_one(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def expected_of(case: dict[str, Any]) -> list[dict[str, Any]]:
    expected: list[dict[str, Any]] = case.get("whatwg_expect", case["expect"])
    return expected


def as_expected(events: list[ServerSentEvent], expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The fields of `events` that each expectation contains."""
    assert len(events) == len(expected)
    return [{name: getattr(event, name) for name in row} for event, row in zip(events, expected, strict=True)]


def test_the_cases_as_they_are_chunked_and_byte_by_byte() -> None:
    cases = recordings.rows("decoder/cases.jsonl")
    assert len(cases) == 32
    for case in cases:
        chunks = [base64.b64decode(chunk) for chunk in case["chunks_b64"]]
        expected = expected_of(case)
        for cut in (chunks, [b"".join(chunks)], one_by_one(b"".join(chunks))):
            events, _ = decode(cut)
            assert as_expected(events, expected) == expected, case["name"]


def test_the_cases_at_every_split() -> None:
    for case in recordings.rows("decoder/cases.jsonl"):
        data = b"".join(base64.b64decode(chunk) for chunk in case["chunks_b64"])
        whole, _ = decode([data])
        # One case has comments of 2 KB; only the bytes at line ends matter.
        places = range(len(data) + 1) if len(data) < 500 else random.Random(1).sample(range(len(data)), 300)
        for at in places:
            assert decode([data[:at], data[at:]])[0] == whole, (case["name"], at)


def message(data: str, **fields: Any) -> ServerSentEvent:
    return ServerSentEvent(data=data, **fields)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\r\rdata: b\r\r", [message("a"), message("b")]),
        (b"data: a\r\n\r\ndata: b\n\r\n", [message("a"), message("b")]),
        (b"data: a\n\rdata: b\r\n\r", [message("a"), message("b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [message("a")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b"\xef\xbb\xbf\n\ndata: a\n\n", [message("a")]),
        (b"data: \xff\xc3\n\n", [message("\ufffd\ufffd")]),
        (b"data: \xf0\x9f\x98\ndata: \x80\n\n", [message("\ufffd\n\ufffd")]),
        (b"data: \xf0\x9f\x98\x80\n\n", [message("\N{GRINNING FACE}")]),
        (b"data\n\n", [message("")]),
        (b"event: ping\n\ndata: a\n\n", [message("a")]),
        (b"event: ping\ndata: a\n\ndata: b\n\n", [message("a", event="ping"), message("b")]),
        (b"id: 7\n\ndata: a\n\n", [message("a", id="7")]),
        (b": comment\n\n:\n\n", []),
        (b"\n\n\n", []),
        (b"", []),
        (b"data:a:b: c\n\n", [message("a:b: c")]),
        (b'error: {"code": 500}\n\n', [message("", error='{"code": 500}')]),
        (b"data: a\nerror: no\n\ndata: b\n\n", [message("a", error="no"), message("b")]),
        (b"error\n\n", [message("", error="")]),
    ],
)
def test_streams_at_every_split(stream: bytes, events: list[ServerSentEvent]) -> None:
    for at in range(len(stream) + 1):
        assert decode([stream[:at], stream[at:]])[0] == events
    assert decode(one_by_one(stream))[0] == events


def test_a_carriage_return_at_the_end_of_a_chunk_does_not_hold_the_event_back() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\r\n\r") == [message("a")]
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"data: b\r") == []
    assert decoder.feed(b"\r") == [message("b")]


@pytest.mark.parametrize("value", [b" 10", b"", b" -1", b" " + b"9" * 5000, "١٠".encode()])
def test_the_retry_field_is_ignored(value: bytes) -> None:
    events, decoder = decode([b"data: a\nretry:" + value + b"\n\n"])
    assert (events, decoder.error) == ([message("a")], None)


# ---- the end of the stream ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "unfinished"),
    [
        (b"data: a\n\n", None),
        (b"data: a\n\n: bye", None),
        (b"data: [DONE]", message("[DONE]")),
        (b"data: [DONE]\n", message("[DONE]")),
        (b"data: [DONE]\r", message("[DONE]")),
        (b'event: e\nid: 3\ndata: {"a"', message('{"a"', event="e", id="3")),
        (b"error: gone", message("", error="gone")),
        (b"event: e\n", None),
        (b"dat", None),
        (b"", None),
    ],
)
def test_an_event_that_the_end_leaves_unfinished(stream: bytes, unfinished: ServerSentEvent | None) -> None:
    for cut in ([stream], one_by_one(stream)):
        events, decoder = decode(cut)
        assert unfinished not in events
        assert decoder.close() == unfinished
        assert decoder.close() is None


# ---- bounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endless",
    [b"data: " + b"x" * 200, b"data: x\n" * 50, b": " + b"x" * 200, b"x" * 200 + b"\n\n", b"data\n" * 50],
    ids=["line", "lines", "comment", "whole line", "empty lines"],
)
def test_an_event_that_is_too_large_is_an_error_and_ends_the_stream(endless: bytes) -> None:
    stream = b"data: before\n\n" + endless
    for cut in ([stream], one_by_one(stream)):
        events, decoder = decode(cut, max_event_bytes=100)
        assert events == [message("before")]
        assert str(decoder.error) == "a server-sent event is larger than 100 bytes"
        assert decoder.feed(b"\n\ndata: after\n\n") == []
        assert decoder.close() is None


def test_many_small_events_do_not_exceed_the_event_limit() -> None:
    events, decoder = decode([b"data: 0123456789\n: comment\n\n" * 1000], max_event_bytes=100)
    assert len(events) == 1000
    assert decoder.error is None


# ---- properties -----------------------------------------------------------------------------------------------------

stream_bytes = st.lists(
    st.sampled_from(
        [b"data", b":", b" ", b"\r", b"\n", b"\xef\xbb\xbf", b"id", b"event", b"error", b"a", b"\xc3\xa9", b"\0"]
    ),
    max_size=40,
).map(b"".join)


@given(stream_bytes, st.data())
def test_splits_change_nothing(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    edges = [0, *cuts, len(stream)]
    whole, first = decode([stream])
    parts, second = decode([stream[a:b] for a, b in itertools.pairwise(edges)])
    assert parts == whole
    assert first.close() == second.close()


@given(
    st.lists(st.text().filter(lambda text: not set(text) & {"\r", "\n"} and not text.startswith("\ufeff")), min_size=1)
)
def test_written_events_are_read_back(lines: list[str]) -> None:
    wellformed = [line.encode("utf-8", "replace").decode() for line in lines]
    stream = "".join(f"data: {line}\n" for line in wellformed) + "\n"
    assert decode([stream.encode()])[0] == [message("\n".join(wellformed))]
